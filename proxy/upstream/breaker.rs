//! What follows from a request that failed or succeeded: a server that fails again and again is left alone for a while, and then tried by one request.
//!
//! The last server that may be asked is never left alone. To ask it costs little and may succeed; not to ask it fails for certain. So an upstream of
//! one server has no breaker at all (nginx does the same), and requests for it are held as they are without one.
//!
//! Who is left alone because no connection could be had gets its share again as soon as a check has reached it or the process that it is says that it is
//! ready. Who accepted connections and failed then is left alone for its time: a check says nothing against that.

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

    /// No connection to this server could be had.
    pub(super) fn note_unreachable(&self, index: ServerIndex, cause: &str) {
        self.note_failure(index, cause);
        if let Some(server) = self.servers().get(index.get()) {
            server.state().note_unreachable();
        }
    }

    /// Whoever started it, or looks at it, knows that it is there again: it is not left alone any longer.
    pub fn note_return(&self, index: ServerIndex) {
        let Some(server) = self.servers().get(index.get()).filter(|server| server.state().is_set_aside()) else { return };
        server.state().note_success();
        tracing::info!(upstream = self.name(), server = server.url(), "the server is there again, and gets its share");
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
