//! What is known of a server while requests go to it: how many are under way, and whether it is to be asked at all. On atomics, shared by all workers.
//!
//! This is where health, the breaker and slow start say what they found: [`ServerState::set_ready`], [`ServerState::open_for`],
//! [`ServerState::note_failure`]. Whoever chooses asks [`ServerState::is_usable`] and nothing else. Times are milliseconds since the state was made, so
//! that they fit an atomic.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// One server's.
#[derive(Debug)]
pub struct ServerState {
    /// Requests under way, tunnels too.
    active: AtomicU32,
    /// As many as it may have.
    active_max: u32,
    /// What came to nothing in a row.
    failures: AtomicU32,
    /// Until when it is left alone; zero: it is not.
    open_until: AtomicU64,
    /// What a check of its health says; `true` where there is none.
    ready: AtomicBool,
    /// Told when a request has ended, where there may be some that wait for that.
    freed: Option<Arc<Notify>>,
    made: Instant,
}

impl ServerState {
    /// A server that is ready and idle. `freed` is told of each request that ends.
    pub(super) fn new(active_max: Option<u32>, freed: Option<Arc<Notify>>) -> Self {
        Self {
            active: AtomicU32::new(0),
            active_max: active_max.unwrap_or(u32::MAX),
            failures: AtomicU32::new(0),
            open_until: AtomicU64::new(0),
            ready: AtomicBool::new(true),
            freed,
            made: Instant::now(),
        }
    }

    /// `true` when it may be asked: its health is good, and it is not left alone.
    pub fn is_usable(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.is_open()
    }

    /// `true` while it is left alone after failures.
    pub fn is_open(&self) -> bool {
        match self.open_until.load(Ordering::Relaxed) {
            0 => false,
            until => self.now() < until,
        }
    }

    /// `true` when it may have one more request.
    pub fn has_room(&self) -> bool {
        self.active.load(Ordering::Relaxed) < self.active_max
    }

    /// Requests under way.
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Says what a check of its health found.
    pub fn set_ready(&self, ready: Readiness) {
        self.ready.store(ready == Readiness::Ready, Ordering::Relaxed);
    }

    /// Leaves it alone for this long; zero ends that.
    pub fn open_for(&self, duration: Duration) {
        let until = if duration.is_zero() { 0 } else { self.now().saturating_add(milliseconds(duration)).max(1) };
        self.open_until.store(until, Ordering::Relaxed);
    }

    /// A connection or a response came to nothing; gives how many in a row that makes.
    pub fn note_failure(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// It answered. Writes nothing in the usual case, so that workers do not fight for the memory.
    pub fn note_success(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts one more request, unless it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Active<'_>> {
        if self.active.fetch_add(1, Ordering::Relaxed) < self.active_max {
            return Some(Active { state: self });
        }
        self.active.fetch_sub(1, Ordering::Relaxed);
        None
    }

    fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        if let Some(freed) = &self.freed {
            freed.notify_one();
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.made.elapsed())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a check of its health says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It may be asked.
    Ready,
    /// It may not.
    NotReady,
}

/// One request under way; over when dropped.
#[derive(Debug)]
pub(super) struct Active<'a> {
    state: &'a Arc<ServerState>,
}

impl Active<'_> {
    /// The same for as long as one likes: a tunnel outlives its request.
    pub(super) fn lasting(self) -> Lasting {
        // It goes on under another name, so it is not over here.
        let this = ManuallyDrop::new(self);
        Lasting { state: Arc::clone(this.state) }
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.state.leave();
    }
}

/// One tunnel under way; over when dropped.
#[derive(Debug)]
pub struct Lasting {
    state: Arc<ServerState>,
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.state.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_counted_until_it_is_over() {
        let state = Arc::new(ServerState::new(Some(2), None));
        let first = state.enter().expect("room");
        let tunnel = state.enter().expect("room").lasting();
        assert!(state.enter().is_none() && !state.has_room());
        assert_eq!(state.active(), 2, "a refused one is not counted");
        drop(first);
        assert!(state.has_room());
        drop(tunnel);
        assert_eq!(state.active(), 0);
    }

    #[test]
    fn a_server_that_is_left_alone_or_not_ready_is_not_usable() {
        let state = ServerState::new(None, None);
        assert!(state.is_usable());
        state.open_for(Duration::from_secs(3600));
        assert!(!state.is_usable());
        state.open_for(Duration::ZERO);
        assert!(state.is_usable());
        state.set_ready(Readiness::NotReady);
        assert!(!state.is_usable());
    }

    #[test]
    fn failures_are_counted_in_a_row() {
        let state = ServerState::new(None, None);
        assert_eq!((state.note_failure(), state.note_failure()), (1, 2));
        state.note_success();
        assert_eq!(state.note_failure(), 1);
    }
}
