//! Whether a folder that is being written to has come to rest.

use std::time::{Duration, Instant};

use crate::assets::Fingerprint;

/// What a look at a root gave: its state, or why there is none.
pub(super) type Seen = Result<Fingerprint, String>;

/// How long a root must look the same before it is loaded; doubled with every change.
pub(super) const QUIET_MIN: Duration = Duration::from_millis(300);
/// No copy that is under way stands still for longer than this.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// A root that is never at rest is loaded after this time all the same; whether it was whole is seen after the load.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// A root that was found changed.
pub(super) struct Settling {
    /// What was seen last.
    pub(super) seen: Seen,
    /// When to look again.
    pub(super) due: Instant,
    /// Loads that a further change has made useless.
    pub(super) loads: u32,
    /// When waiting for what its page needs ends, once it has begun.
    pub(super) hold_end: Option<Instant>,
    since: Instant,
    quiet: Duration,
}

impl Settling {
    pub(super) fn new(seen: Seen, now: Instant) -> Self {
        Self { seen, due: now + QUIET_MIN, loads: 0, hold_end: None, since: now, quiet: QUIET_MIN }
    }

    /// The same with an end of waiting for missing files that was set before.
    pub(super) fn holding(self, end: Instant) -> Self {
        Self { hold_end: Some(end), ..self }
    }

    /// The same after a load that came too early.
    pub(super) fn after_load(self, seen: Seen, now: Instant) -> Self {
        Self { loads: self.loads + 1, hold_end: self.hold_end, ..Self::new(seen, now) }
    }

    /// Takes in another look; `true` when the root is at rest.
    pub(super) fn is_at_rest(&mut self, seen: Seen, now: Instant) -> bool {
        if self.seen == seen || now.saturating_duration_since(self.since) >= SETTLE_MAX {
            self.seen = seen;
            return true;
        }
        self.seen = seen;
        self.quiet = (self.quiet * 2).min(QUIET_MAX);
        self.due = now + self.quiet;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        Err(text.to_owned())
    }

    #[test]
    fn a_folder_that_looks_the_same_twice_is_at_rest() {
        let now = Instant::now();
        let mut settling = Settling::new(seen("one"), now);
        assert_eq!(settling.due, now + QUIET_MIN);
        assert!(!settling.is_at_rest(seen("two"), now));
        assert_eq!(settling.due, now + 2 * QUIET_MIN);
        assert!(settling.is_at_rest(seen("two"), now));
    }

    #[test]
    fn one_that_never_rests_is_looked_at_ever_more_rarely_and_not_waited_for_without_end() {
        let began = Instant::now();
        let mut settling = Settling::new(seen("0"), began);
        let mut looks = 0;
        loop {
            looks += 1;
            let now = settling.due;
            if settling.is_at_rest(seen(&looks.to_string()), now) {
                assert!(now - began >= SETTLE_MAX && now - began <= SETTLE_MAX + QUIET_MAX);
                break;
            }
        }
        assert!(looks < 25, "{looks}");
    }
}
