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

use super::ledger::Ledger;

/// A whole share.
pub(super) const SHARE_WHOLE: u32 = 1000;
/// What a server gets at once that came back: one request of a hundred.
const SHARE_MIN: u32 = 10;

/// One server's.
#[derive(Debug)]
pub struct ServerState {
    /// Requests under way, tunnels too.
    active: AtomicU32,
    /// As many as it may have.
    active_max: u32,
    /// What came to nothing in a row.
    failures: AtomicU32,
    /// The last of them was that no connection could be had.
    unreachable: AtomicBool,
    /// Until when it is left alone; zero: it is not. Once that has passed, one request finds out whether it still fails.
    open_until: AtomicU64,
    /// The `open_until` for whose end a request is finding that out.
    probed: AtomicU64,
    /// Since when it is back, while that is not long ago; zero: it is.
    back_since: AtomicU64,
    /// How long that is not long ago.
    slow_start: u64,
    /// What a check of its health says; `true` where there is none.
    ready: AtomicBool,
    /// Told when a request has ended, where there may be some that wait for that.
    freed: Option<Arc<Notify>>,
    made: Instant,
    /// What no choice goes by. Here, because what is counted when a request ends is on the lines of memory that its end writes anyway.
    ledger: Ledger,
}

impl ServerState {
    /// A server that is ready and idle. `freed` is told of each request that ends; `slow_start` is how long its share grows when it came back.
    pub(super) fn new(active_max: Option<u32>, freed: Option<Arc<Notify>>, slow_start: Duration) -> Self {
        Self {
            active: AtomicU32::new(0),
            active_max: active_max.unwrap_or(u32::MAX),
            failures: AtomicU32::new(0),
            unreachable: AtomicBool::new(false),
            open_until: AtomicU64::new(0),
            probed: AtomicU64::new(0),
            back_since: AtomicU64::new(0),
            slow_start: milliseconds(slow_start),
            ready: AtomicBool::new(true),
            freed,
            made: Instant::now(),
            ledger: Ledger::default(),
        }
    }

    /// What is told of it, and what no choice goes by.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// `true` when it may be asked: its health is good, and it is not left alone.
    pub fn is_usable(&self) -> bool {
        self.is_ready() && self.is_let_in(self.open_until.load(Ordering::Relaxed))
    }

    /// `true` when its health is good, whatever requests have met there.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    fn is_let_in(&self, open_until: u64) -> bool {
        match open_until {
            0 => true,
            until => self.now() >= until && self.probed.load(Ordering::Relaxed) != until,
        }
    }

    /// `true` when it was left alone for long enough, and it is to be found out whether it still fails.
    pub fn is_half_open(&self) -> bool {
        match self.open_until.load(Ordering::Relaxed) {
            0 => false,
            until => self.now() >= until,
        }
    }

    /// What part of its share it gets, in thousandths, while it has not been back for long.
    pub fn share(&self) -> Option<u32> {
        let since = match self.back_since.load(Ordering::Relaxed) {
            0 => return None,
            since => since,
        };
        let elapsed = self.now().saturating_sub(since);
        if elapsed >= self.slow_start {
            self.back_since.store(0, Ordering::Relaxed);
            return None;
        }
        let share = elapsed.saturating_mul(u64::from(SHARE_WHOLE)) / self.slow_start.max(1);
        Some(u32::try_from(share).unwrap_or(SHARE_WHOLE).max(SHARE_MIN))
    }

    fn note_back(&self) {
        if self.slow_start > 0 {
            self.back_since.store(self.now().max(1), Ordering::Relaxed);
        }
    }

    /// `true` while it is left alone after failures.
    pub fn is_open(&self) -> bool {
        match self.open_until.load(Ordering::Relaxed) {
            0 => false,
            until => self.now() < until,
        }
    }

    /// For how long it is still left alone.
    pub(super) fn left_alone_for(&self) -> Option<Duration> {
        let until = self.open_until.load(Ordering::Relaxed);
        until.checked_sub(self.now()).filter(|&left| left > 0).map(Duration::from_millis)
    }

    /// As many requests as it may have at once; `None`: any number.
    pub(super) fn active_max(&self) -> Option<u32> {
        (self.active_max != u32::MAX).then_some(self.active_max)
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
        let was_ready = self.ready.swap(ready == Readiness::Ready, Ordering::Relaxed);
        if !was_ready && ready == Readiness::Ready {
            self.note_back();
        }
    }

    /// Leaves it alone for this long; zero ends that.
    pub fn open_for(&self, duration: Duration) {
        let until = if duration.is_zero() { 0 } else { self.now().saturating_add(milliseconds(duration)).max(1) };
        self.open_until.store(until, Ordering::Relaxed);
    }

    /// A connection or a response came to nothing; gives how many in a row that makes.
    pub fn note_failure(&self) -> u32 {
        if self.is_unreachable() {
            self.unreachable.store(false, Ordering::Relaxed);
        }
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// The failure that was just noted was that no connection could be had.
    pub(super) fn note_unreachable(&self) {
        self.unreachable.store(true, Ordering::Relaxed);
    }

    /// `true` when the last failure was that no connection could be had.
    pub(super) fn is_unreachable(&self) -> bool {
        self.unreachable.load(Ordering::Relaxed)
    }

    /// `true` while it is left alone, or is to be found out about by a request.
    pub(super) fn is_set_aside(&self) -> bool {
        self.open_until.load(Ordering::Relaxed) != 0
    }

    /// It answered; tells what was known of it before. Writes nothing in the usual case, so that workers do not fight for the memory.
    pub fn note_success(&self) -> Before {
        let failures = if self.failures.load(Ordering::Relaxed) == 0 { 0 } else { self.failures.swap(0, Ordering::Relaxed) };
        let was_open = self.open_until.load(Ordering::Relaxed) != 0 && self.open_until.swap(0, Ordering::Relaxed) != 0;
        if was_open {
            self.note_back();
        }
        Before { failures, was_open }
    }

    /// Counts one more request, unless it has as many as it may, or is being found out about by another.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Active<'_>> {
        if self.active.fetch_add(1, Ordering::Relaxed) >= self.active_max {
            self.active.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut active = Active { state: self, probes: 0 };
        active.probes = self.begin_probe()?;
        Some(active)
    }

    /// The `open_until` that the request finds out about, zero for none; `None` when another is about it.
    fn begin_probe(&self) -> Option<u64> {
        let until = self.open_until.load(Ordering::Relaxed);
        // Whoever asks one that is left alone has nobody else to ask.
        if until == 0 || self.now() < until {
            return Some(0);
        }
        let probed = self.probed.load(Ordering::Relaxed);
        let begun = probed != until && self.probed.compare_exchange(probed, until, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        begun.then_some(until)
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

/// What was known of a server before it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// What had come to nothing in a row.
    pub failures: u32,
    /// It was left alone, or being found out about.
    pub was_open: bool,
}

/// One request under way; over when dropped.
#[derive(Debug)]
pub(super) struct Active<'a> {
    state: &'a Arc<ServerState>,
    /// The `open_until` that it finds out about; zero for none.
    probes: u64,
}

impl Active<'_> {
    /// Somebody else may find out now, if that is still to be done.
    fn end_probe(&self) {
        if self.probes != 0 {
            let _ = self.state.probed.compare_exchange(self.probes, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The same for as long as one likes: a tunnel outlives its request.
    pub(super) fn lasting(self) -> Lasting {
        // It goes on under another name, so it is not over here.
        let this = ManuallyDrop::new(self);
        this.end_probe();
        Lasting { state: Arc::clone(this.state) }
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.end_probe();
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
        let state = Arc::new(ServerState::new(Some(2), None, Duration::ZERO));
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
        let state = ServerState::new(None, None, Duration::ZERO);
        assert!(state.is_usable());
        state.open_for(Duration::from_secs(3600));
        assert!(!state.is_usable());
        state.open_for(Duration::ZERO);
        assert!(state.is_usable());
        state.set_ready(Readiness::NotReady);
        assert!(!state.is_usable());
    }

    #[test]
    fn one_request_finds_out_whether_a_server_that_was_left_alone_still_fails() {
        let state = Arc::new(ServerState::new(None, None, Duration::from_secs(3600)));
        state.open_until.store(1, Ordering::Relaxed);
        while !state.is_half_open() {
            std::thread::yield_now();
        }
        assert!(state.is_usable());
        let probe = state.enter().expect("one");
        assert!(!state.is_usable() && state.enter().is_none(), "no second one");
        drop(probe);
        let probe = state.enter().expect("whoever found nothing out leaves it to the next");
        assert_eq!(state.note_success(), Before { failures: 0, was_open: true });
        assert!(state.enter().is_some() && state.is_usable());
        drop(probe);
        assert_eq!(state.share(), Some(SHARE_MIN), "its share grows from then on");
        assert_eq!(state.active(), 0);
    }

    #[test]
    fn a_share_grows_with_the_time_since_a_server_came_back() {
        let state = ServerState::new(None, None, Duration::from_secs(100));
        assert_eq!(state.share(), None, "whoever was never away has the whole");
        for (ago, share) in [(0, Some(SHARE_MIN)), (25_000, Some(250)), (99_000, Some(990)), (100_000, None)] {
            // As if the state had been made long ago.
            let state = ServerState {
                made: Instant::now().checked_sub(Duration::from_millis(ago + 1)).expect("a time"),
                ..ServerState::new(None, None, Duration::from_secs(100))
            };
            state.back_since.store(1, Ordering::Relaxed);
            let found = state.share();
            assert!(
                found.is_some() == share.is_some() && found.unwrap_or_default().abs_diff(share.unwrap_or_default()) <= 1,
                "{ago}: {found:?}"
            );
        }
        state.set_ready(Readiness::NotReady);
        state.set_ready(Readiness::Ready);
        assert_eq!(state.share(), Some(SHARE_MIN));
    }

    #[test]
    fn failures_are_counted_in_a_row() {
        let state = ServerState::new(None, None, Duration::ZERO);
        assert_eq!((state.note_failure(), state.note_failure()), (1, 2));
        state.note_success();
        assert_eq!(state.note_failure(), 1);
    }
}
