//! What the two directions of one exchange tell each other while both are under way.

use std::cell::Cell;

/// How far the sending of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Sending,
    Sent,
    Failed,
}

/// Whether the body may be sent behind its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoAhead {
    /// The upstream was asked and has not said.
    Waiting,
    /// It may.
    Given,
    /// The final response came first: the body is not wanted (RFC 9110 §10.1.1).
    Refused,
}

/// The course of an exchange.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) progress: Cell<Progress>,
    pub(super) go_ahead: Cell<GoAhead>,
    /// The head of the final response is there.
    pub(super) is_answered: Cell<bool>,
    /// It came before the request had ended.
    pub(super) is_early: Cell<bool>,
    /// More of the body may have been sent than could be sent again.
    pub(super) is_spent: Cell<bool>,
}

impl Course {
    /// `true` when the connection is where the next request expects it, as far as this one decides: the server has answered a request that it had
    /// from beginning to end.
    pub(super) fn is_in_step(&self) -> bool {
        self.progress.get() == Progress::Sent && !self.is_early.get()
    }

    pub(super) fn new(go_ahead: GoAhead) -> Self {
        Self {
            progress: Cell::new(Progress::Sending),
            go_ahead: Cell::new(go_ahead),
            is_answered: Cell::new(false),
            is_early: Cell::new(false),
            is_spent: Cell::new(false),
        }
    }

    /// The upstream said 100.
    pub(super) fn go_on(&self) {
        if self.go_ahead.get() == GoAhead::Waiting {
            self.go_ahead.set(GoAhead::Given);
        }
    }

    /// The upstream gave its final response.
    pub(super) fn answered(&self) {
        self.is_answered.set(true);
        self.is_early.set(self.progress.get() != Progress::Sent);
        if self.go_ahead.get() == GoAhead::Waiting {
            self.go_ahead.set(GoAhead::Refused);
        }
    }
}
