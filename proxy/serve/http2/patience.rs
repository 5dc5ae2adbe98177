//! What a client may do that costs us work and gives it nothing: bounded, so that no flood is cheaper to send than to bear.

use std::time::Duration;

use tokio::time::Instant;

use super::fault::Fault;
use crate::http::frame::Code;

/// Streams that a client may reset before their answers beyond those that it lets be answered: a request that is taken back at once still costs a
/// request ("rapid reset", CVE-2023-44487). A browser that leaves a page takes back what the page was loading.
const RESETS_MAX: u32 = 200;
/// Streams that a client makes us reset beyond those that are answered: the same work by other means ("MadeYouReset", CVE-2025-8671).
const PROVOKED_MAX: u32 = 100;
/// Half of either is forgotten in this time: what a client took back an hour ago costs nothing now.
const STREAMS_PERIOD: Duration = Duration::from_secs(30);
/// Frames that say nothing about a request (SETTINGS, PING, PRIORITY, empty DATA, unknown kinds, WINDOW_UPDATE beyond what we send).
const FRAMES_MAX: u32 = 1000;
/// Half of them are forgotten in this time.
const FRAMES_PERIOD: Duration = Duration::from_secs(10);
/// Frames that an answer is worth, and a frame of content: a client opens the windows again for what it took.
const FRAMES_PER_ANSWER: u32 = 8;
const FRAMES_PER_CONTENT_MIN: u32 = 4;
/// Content that is worth a frame: there are clients that open both windows again for every 4 KiB.
const BYTES_PER_FRAME: usize = 1024;

/// The patience with one client.
#[derive(Debug)]
pub(super) struct Patience {
    resets: Count,
    provoked: Count,
    frames: Count,
}

/// How often something happened; half of it is forgotten with each period.
#[derive(Debug)]
struct Count {
    count: u32,
    /// Up to when periods were reckoned.
    since: Instant,
}

impl Count {
    fn new() -> Self {
        Self { count: 0, since: Instant::now() }
    }

    /// It happens once more; `false` when it is too often. The clock is asked only at the maximum: a client that pings once a second for hours does no
    /// harm.
    fn add(&mut self, max: u32, period: Duration) -> bool {
        self.count += 1;
        if self.count <= max {
            return true;
        }
        let now = Instant::now();
        let periods = now.duration_since(self.since).as_secs() / period.as_secs().max(1);
        if periods == 0 {
            return false;
        }
        self.since = now;
        self.count = self.count.checked_shr(u32::try_from(periods).unwrap_or(u32::MAX)).unwrap_or(0);
        true
    }

    fn subtract(&mut self, count: u32) {
        self.count = self.count.saturating_sub(count);
    }
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { resets: Count::new(), provoked: Count::new(), frames: Count::new() }
    }

    /// A request was answered.
    pub(super) fn answered(&mut self) {
        self.resets.subtract(1);
        self.provoked.subtract(1);
        self.frames.subtract(FRAMES_PER_ANSWER);
    }

    /// A frame of so much content went one way or the other.
    pub(super) fn moved(&mut self, bytes: usize) {
        let worth = u32::try_from(bytes / BYTES_PER_FRAME).unwrap_or(u32::MAX);
        self.frames.subtract(worth.max(FRAMES_PER_CONTENT_MIN));
    }

    /// The client took a request back before its answer was out.
    pub(super) fn reset(&mut self) -> Result<(), Fault> {
        let is_borne = self.resets.add(RESETS_MAX, STREAMS_PERIOD);
        if is_borne { Ok(()) } else { Err(calm("rapid reset: too many streams were reset before their answers")) }
    }

    /// The client made us reset a stream.
    pub(super) fn provoked(&mut self) -> Result<(), Fault> {
        if self.provoked.add(PROVOKED_MAX, STREAMS_PERIOD) { Ok(()) } else { Err(calm("too many streams with errors")) }
    }

    /// A frame that moves nothing.
    pub(super) fn frame(&mut self) -> Result<(), Fault> {
        if self.frames.add(FRAMES_MAX, FRAMES_PERIOD) { Ok(()) } else { Err(calm("a flood of frames that move nothing")) }
    }
}

fn calm(cause: &'static str) -> Fault {
    Fault::new(Code::EnhanceYourCalm, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_weighed_against_answers() {
        let mut patience = Patience::new();
        for _ in 0..10 * RESETS_MAX {
            patience.answered();
            assert_eq!(patience.reset(), Ok(()));
        }
        let flood: Vec<_> = (0..=RESETS_MAX).map(|_| patience.reset()).collect();
        assert!(flood.last().is_some_and(Result::is_err));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_ends_the_connection_and_a_steady_ping_does_not() {
        let mut patience = Patience::new();
        for _ in 0..10 * FRAMES_MAX {
            assert_eq!(patience.frame(), Ok(()));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((0..3 * FRAMES_MAX).any(|_| patience.frame().is_err()));
    }
    #[tokio::test(start_paused = true)]
    async fn what_was_taken_back_long_ago_is_forgotten() {
        let mut patience = Patience::new();
        for _ in 0..5 * RESETS_MAX {
            assert_eq!((patience.reset(), patience.provoked()), (Ok(()), Ok(())));
            tokio::time::advance(STREAMS_PERIOD / 10).await;
        }
        assert!((0..=2 * RESETS_MAX).any(|_| patience.reset().is_err()));
        assert!((0..=2 * PROVOKED_MAX).any(|_| patience.provoked().is_err()));
    }

    #[test]
    fn a_client_that_opens_both_windows_for_every_4_kib_may_take_without_end() {
        let mut patience = Patience::new();
        for _ in 0..10 * FRAMES_MAX {
            patience.moved(16 * 1024);
            for _ in 0..8 {
                assert_eq!(patience.frame(), Ok(()));
            }
        }
    }
}
