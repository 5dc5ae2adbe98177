//! How the health of an upstream's servers is known, and what follows from it: `breaker`, `slow_start` and `[upstream.NAME.health]`.

use std::time::Duration;

use http::StatusCode;

use super::defaults;

/// What is done about servers that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `breaker`: a server that fails is left alone for a while; `None`: it never is.
    pub breaker: Option<Breaker>,
    /// `slow_start`: how long the share of a server grows that came back; zero: it has its whole share at once.
    pub slow_start: Duration,
    /// `health`: servers are looked at without a request; `None`: they are not.
    pub check: Option<HealthCheck>,
}

/// `upstream.breaker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// `failures`: what comes to nothing in a row until the server is left alone; at least one.
    pub failures: u32,
    /// `open`: for how long.
    pub open: Duration,
}

/// `[upstream.NAME.health]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `path` and what belongs to it; without, a server is well that accepts a connection.
    pub request: Option<CheckRequest>,
    /// `interval`: from one look to the next.
    pub interval: Duration,
    /// `timeout`: of the whole look.
    pub timeout: Duration,
    /// `rise`: good looks in a row until a server that was not well is.
    pub rise: u32,
    /// `fall`: bad looks in a row until a server that was well is not.
    pub fall: u32,
}

/// What is asked by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRequest {
    /// `path`, with its query.
    pub path: String,
    /// `host`: the `Host` of the request; `None`: the server's own.
    pub host: Option<String>,
    /// `expect`: the statuses of a server that is well; empty: any from 200 to 399.
    pub expect: Vec<StatusCode>,
}

impl Default for Health {
    fn default() -> Self {
        Self { breaker: Some(defaults::BREAKER), slow_start: defaults::SLOW_START, check: None }
    }
}

impl CheckRequest {
    /// `true` for the status of a server that is well.
    pub fn expects(&self, status: u16) -> bool {
        if self.expect.is_empty() { (200..400).contains(&status) } else { self.expect.iter().any(|expected| expected.as_u16() == status) }
    }
}
