//! Requests that wait because all servers have as many as they may: bounded in number and in time, let on in the order they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

/// The queue in front of a group.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    waiting_max: usize,
    /// Told by each request that ends.
    freed: Arc<Notify>,
}

/// A place in it; given back when dropped.
pub(super) struct Waiting<'a>(&'a Queue);

impl Queue {
    /// An empty queue.
    pub(super) fn new(waiting_max: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), waiting_max, freed: Arc::default() }
    }

    /// What is to be told of requests that end.
    pub(super) fn freed(&self) -> Arc<Notify> {
        Arc::clone(&self.freed)
    }

    /// `true` while somebody waits, whom a newcomer must not overtake.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Takes a place, unless all are taken.
    pub(super) fn enter(&self) -> Option<Waiting<'_>> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Waiting(self))
    }
}

impl Waiting<'_> {
    /// Waits until `look` finds something; it is called at once, and whenever a request has ended. `None` when the deadline passes first.
    pub(super) async fn until<T>(&self, deadline: Instant, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            // A request that ends between looking and waiting leaves its word for whoever waits next.
            if let Some(found) = look() {
                return Some(found);
            }
            tokio::time::timeout_at(deadline, self.0.freed.notified()).await.ok()?;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        // Whom a server was freed for may have gone without it: the next looks too.
        self.0.freed.notify_one();
    }
}
