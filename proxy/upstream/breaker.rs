//! What follows from a request that failed or succeeded: a server that fails again and again is left alone for a while, and then tried by one request.
//!
//! The last server that may be asked is never left alone. To ask it costs little and may succeed; not to ask it fails for certain. So an upstream of
//! one server has no breaker at all (nginx does the same), and requests for it are held as they are without one.

use std::time::Duration;

use super::group::{Group, ServerIndex};
use super::ledger::Outcome;
use crate::config::Breaker;

impl Group {
    /// A request came to nothing at this server, by its fault.
    pub fn note_failure(&self, index: ServerIndex, cause: &str) {
        let Some(server) = self.servers().get(index.get()) else { return };
        let state = server.state();
        let count = state.note_failure();
        server.ledger().note_failure(cause, count);
        let Some(Breaker { failures, open }) = self.breaker else { return };
        let is_probe = state.is_half_open();
        if state.is_open() || (count < failures && !is_probe) {
            return;
        }
        let mut others = self.servers().iter().enumerate().filter(|&(other, _)| other != index.get());
        let (upstream, server) = (self.name(), server.url());
        if others.any(|(_, other)| other.state().is_usable()) {
            state.open_for(open);
            match is_probe {
                true => tracing::debug!(upstream, server, cause, "the server still fails, and is left alone again"),
                false => tracing::warn!(upstream, server, cause, failures = count, "the server is left alone for {open:?}"),
            }
            return;
        }
        state.open_for(Duration::ZERO);
        if count == failures {
            tracing::warn!(upstream, server, cause, failures = count, "the server fails, and is asked all the same: there is no other");
        }
    }

    /// A request to this server has ended in this way.
    pub fn count(&self, index: ServerIndex, outcome: Outcome) {
        if let Some(server) = self.servers().get(index.get()) {
            server.ledger().count(outcome);
        }
    }

    /// It answered.
    pub fn note_success(&self, index: ServerIndex) {
        let Some(server) = self.servers().get(index.get()) else { return };
        let before = server.state().note_success();
        if self.breaker.is_some_and(|breaker| before.failures >= breaker.failures) || before.was_open {
            tracing::info!(upstream = self.name(), server = server.url(), "the server answers again");
        }
    }
}
