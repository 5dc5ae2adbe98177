//! `retry` of an upstream: after which failures a request is sent again, and how often.

use std::time::Duration;

use http::StatusCode;

use super::defaults;

/// `upstream.retry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// `tries`: how often a request is sent at most, the first time counted; `None`: by its method, and beyond that for as long as the group's `wait`
    /// where the server went down with it again.
    pub tries: Option<u32>,
    /// `on`: what it is sent again for.
    pub on: RetryOn,
    /// `methods`: which requests may be sent again once a server may have acted on them.
    pub methods: RetryMethods,
    /// `within`: the time in which a response must have begun, over all tries; `None`: each has `timeouts.response`.
    pub within: Option<Duration>,
}

/// `retry.on`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// `"connect"`: no connection could be had; nothing was sent, so that any request goes to the next server.
    pub connect: bool,
    /// `"reset_before_response"`: the connection ended without a byte of a response.
    pub reset: bool,
    /// `"timeout"`: no response came in time.
    pub timeout: bool,
    /// Numbers: the response has one of these statuses.
    pub statuses: Vec<StatusCode>,
}

/// `retry.methods`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMethods {
    /// Those that do the same however often they are done (RFC 9110 §9.2.2).
    Idempotent,
    /// Those that change nothing (RFC 9110 §9.2.1).
    Safe,
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: None, on: defaults::retry_on(), methods: defaults::RETRY_METHODS, within: None }
    }
}

impl RetryOn {
    /// `true` for a status that is listed.
    pub fn has_status(&self, status: StatusCode) -> bool {
        self.statuses.contains(&status)
    }
}
