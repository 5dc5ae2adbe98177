//! `timeouts` of a route: what is other than in `[timeouts]`.

use std::time::Duration;

use super::Timeouts;

/// What the route says; `None` is as everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// `response`.
    pub response: Option<Duration>,
    /// `idle`.
    pub idle: Option<Duration>,
    /// `stream`.
    pub stream: Option<Duration>,
}

impl RouteTimeouts {
    /// `global` with what the route says.
    #[must_use]
    pub fn over(&self, global: Timeouts) -> Timeouts {
        Timeouts {
            response: self.response.unwrap_or(global.response),
            idle: self.idle.unwrap_or(global.idle),
            stream: self.stream.unwrap_or(global.stream),
            ..global
        }
    }
}
