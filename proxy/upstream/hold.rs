//! Requests that wait for a server that cannot be reached: bounded in number and in time, served in the order they came.
//!
//! One request at a time probes the server; the rest queue behind it, so that a crowd of waiting clients is not a storm of connects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// Requests held for one server. More get their 503 at once: memory stays bounded, and those that wait have a chance.
const HELD_MAX: usize = 1024;
/// Pause before the second probe; doubles up to [`PROBE_PAUSE_MAX`].
const PROBE_PAUSE_FIRST: Duration = Duration::from_millis(5);
/// A server that came back is noticed within this time.
const PROBE_PAUSE_MAX: Duration = Duration::from_millis(100);

/// The queue in front of one server.
#[derive(Debug, Default)]
pub(super) struct Hold {
    held: AtomicUsize,
    seat: Mutex<()>,
}

/// A place in the queue; given back when dropped.
pub(super) struct Place<'a> {
    hold: &'a Hold,
}

impl Hold {
    /// Takes a place, unless all are taken.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        if self.held.fetch_add(1, Ordering::Relaxed) >= HELD_MAX {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place { hold: self })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.hold.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to probe; passes to the next in the queue when dropped.
pub(super) struct Probe<'a> {
    _seat: MutexGuard<'a, ()>,
    pause: Duration,
}

impl<'a> Place<'a> {
    /// Waits for the right to probe; `None` when the deadline passes first.
    pub(super) async fn probe(&self, deadline: Instant) -> Option<Probe<'a>> {
        let hold: &'a Hold = self.hold;
        let seat = tokio::time::timeout_at(deadline, hold.seat.lock()).await.ok()?;
        Some(Probe { _seat: seat, pause: PROBE_PAUSE_FIRST })
    }
}

impl Probe<'_> {
    /// Pauses before the next probe. `false` when there is no time for one before the deadline.
    pub(super) async fn pause(&mut self, deadline: Instant) -> bool {
        if Instant::now() + self.pause > deadline {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PROBE_PAUSE_MAX);
        true
    }
}
