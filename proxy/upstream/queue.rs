//! Requests that wait because all servers have as many as they may: bounded in number and in time, let on in the order they came.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::waits::Waits;

/// The queue in front of a group.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Waits,
    waiting_max: usize,
    /// Told by each request that ends.
    freed: Arc<Notify>,
}

/// A place in it; given back when dropped.
pub(super) struct Waiting<'a>(&'a Queue);

impl Queue {
    /// An empty queue.
    pub(super) fn new(waiting_max: usize) -> Self {
        Self { waiting: Waits::default(), waiting_max, freed: Arc::default() }
    }

    /// What is to be told of requests that end.
    pub(super) fn freed(&self) -> Arc<Notify> {
        Arc::clone(&self.freed)
    }

    /// `true` while somebody waits, whom a newcomer must not overtake.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.now() > 0
    }

    /// Takes a place, unless all are taken.
    pub(super) fn enter(&self) -> Option<Waiting<'_>> {
        self.waiting.begin(self.waiting_max).then(|| Waiting(self))
    }

    /// Those who wait.
    pub(super) fn waiting(&self) -> &Waits {
        &self.waiting
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
            if tokio::time::timeout_at(deadline, self.0.freed.notified()).await.is_err() {
                self.0.waiting.note_timed_out();
                return None;
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.end();
        // Whom a server was freed for may have gone without it: the next looks too.
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_all_places_taken_frees_none() {
        let queue = Queue::new(1);
        let place = queue.enter();
        assert_eq!([place.is_some(), queue.enter().is_none(), queue.enter().is_none(), queue.has_waiting()], [true; 4]);
        drop(place);
        assert!(!queue.has_waiting() && queue.enter().is_some());
    }
}
