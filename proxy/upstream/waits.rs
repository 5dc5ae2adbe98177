//! How many wait for something, and how it went for those who did. What they wait for is the matter of `hold` and `queue`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::standing::Waiting;

/// Those who wait, counted by all workers.
#[derive(Debug, Default)]
pub(super) struct Waits {
    now: AtomicUsize,
    begun: AtomicU64,
    timed_out: AtomicU64,
    refused: AtomicU64,
}

impl Waits {
    /// Counts one more, unless as many wait as may.
    pub(super) fn begin(&self, max: usize) -> bool {
        if self.now.fetch_add(1, Ordering::Relaxed) >= max {
            self.now.fetch_sub(1, Ordering::Relaxed);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// One waits no more.
    pub(super) fn end(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// One has waited in vain.
    pub(super) fn note_timed_out(&self) {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Who waits now.
    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// The counts.
    pub(super) fn snapshot(&self) -> Waiting {
        Waiting {
            now: self.now() as u64,
            begun: self.begun.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_let_in_does_not_wait() {
        let waits = Waits::default();
        assert_eq!([waits.begin(1), waits.begin(1)], [true, false]);
        waits.note_timed_out();
        assert_eq!(waits.snapshot(), Waiting { now: 1, begun: 1, timed_out: 1, refused: 1 });
        waits.end();
        assert!(waits.begin(1));
    }
}
