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
/// Frames that say nothing about a request (SETTINGS, PING, PRIORITY, empty DATA, unknown kinds, WINDOW_UPDATE beyond what we send) within
/// [`FRAMES_PERIOD`].
const FRAMES_MAX: u32 = 1000;
const FRAMES_PERIOD: Duration = Duration::from_secs(10);
/// Frames that an answer is worth, and a frame of content: a client opens the windows again for what it took.
const FRAMES_PER_ANSWER: u32 = 8;
const FRAMES_PER_CONTENT: u32 = 4;

/// The patience with one client.
#[derive(Debug, Default)]
pub(super) struct Patience {
    resets: u32,
    provoked: u32,
    frames: u32,
    since: Option<Instant>,
}

impl Patience {
    /// A request was answered.
    pub(super) fn answered(&mut self) {
        self.resets = self.resets.saturating_sub(1);
        self.provoked = self.provoked.saturating_sub(1);
        self.frames = self.frames.saturating_sub(FRAMES_PER_ANSWER);
    }

    /// Content went one way or the other.
    pub(super) fn moved(&mut self) {
        self.frames = self.frames.saturating_sub(FRAMES_PER_CONTENT);
    }

    /// The client took a request back before its answer was out.
    pub(super) fn reset(&mut self) -> Result<(), Fault> {
        self.resets += 1;
        if self.resets > RESETS_MAX { Err(calm("rapid reset: too many streams were reset before their answers")) } else { Ok(()) }
    }

    /// The client made us reset a stream.
    pub(super) fn provoked(&mut self) -> Result<(), Fault> {
        self.provoked += 1;
        if self.provoked > PROVOKED_MAX { Err(calm("too many streams with errors")) } else { Ok(()) }
    }

    /// A frame that moves nothing.
    pub(super) fn frame(&mut self) -> Result<(), Fault> {
        self.frames += 1;
        if self.frames <= FRAMES_MAX {
            return Ok(());
        }
        // The clock is asked only now: a client that pings once a second for hours does no harm.
        let now = Instant::now();
        if self.since.is_some_and(|since| now.duration_since(since) < FRAMES_PERIOD) {
            return Err(calm("a flood of frames that move nothing"));
        }
        self.since = Some(now);
        self.frames = FRAMES_MAX / 2;
        Ok(())
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
        let mut patience = Patience::default();
        for _ in 0..10 * RESETS_MAX {
            patience.answered();
            assert_eq!(patience.reset(), Ok(()));
        }
        let flood: Vec<_> = (0..=RESETS_MAX).map(|_| patience.reset()).collect();
        assert!(flood.last().is_some_and(Result::is_err));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_ends_the_connection_and_a_steady_ping_does_not() {
        let mut patience = Patience::default();
        for _ in 0..10 * FRAMES_MAX {
            assert_eq!(patience.frame(), Ok(()));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((0..3 * FRAMES_MAX).any(|_| patience.frame().is_err()));
    }
}
