//! A deadline that is moved on every request and hardly ever touches the timer.
//!
//! Most deadlines never pass: they are moved while their timer still runs. So the timer is armed only when something really waits, and is left
//! as it is when the deadline moves away from it; when it fires too early it is armed again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A deadline; none at first.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Moves the deadline to `limit` from now; a limit of zero is no deadline.
    pub(crate) fn set(&mut self, limit: Duration) {
        self.at = if limit.is_zero() { None } else { Some(Instant::now() + limit) };
    }

    /// Takes the deadline away, and leaves the timer for whoever uses this next.
    pub(crate) fn clear(&mut self) {
        self.at = None;
    }

    /// Ready once the deadline has passed; call it when the work it limits is pending.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
        Poll::Pending
    }
}
