//! How long to wait before a process that ended is started again. Pure: lives come in as durations, chance as a seed.

use std::time::Duration;

/// The pauses between starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// The first pause, and the least one.
    pub pause_min: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// A process that was ready for this long has recovered: its next pause is the first one again.
    pub healthy_after: Duration,
}

impl Default for BackoffPolicy {
    /// Half a second is short enough that held requests get through a crash; ten keep a process that cannot start from
    /// costing much, and are little to wait for once what it needs is there.
    fn default() -> Self {
        Self { pause_min: Duration::from_millis(500), pause_max: Duration::from_secs(10), healthy_after: Duration::from_secs(10) }
    }
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With code 0, of a process that accepted connections.
    Willing,
    /// In any other way.
    Crashed,
}

/// The pauses of one process.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: BackoffPolicy,
    next: Duration,
    chance: u64,
}

impl Backoff {
    pub(super) fn new(policy: BackoffPolicy, seed: u64) -> Self {
        // Xorshift stays at zero for ever.
        Self { policy, next: policy.pause_min, chance: seed | 1 }
    }

    /// The pause after a life that was healthy for this long (zero if it never was): each is twice the one before, less up to a
    /// quarter, so that processes which died together are not started together for ever.
    ///
    /// There is none behind a life that ended willingly: servers recycle themselves after so many requests (uvicorn's `--limit-max-requests`). One that was
    /// healthy for less than the first pause is no such server; so there are never more starts than one in that time.
    pub(super) fn pause(&mut self, healthy: Duration, ending: Ending) -> Duration {
        if ending == Ending::Willing && healthy >= self.policy.pause_min {
            self.next = self.policy.pause_min;
            return Duration::ZERO;
        }
        if healthy >= self.policy.healthy_after {
            self.next = self.policy.pause_min;
        }
        let full = self.next;
        self.next = full.saturating_mul(2).min(self.policy.pause_max);
        let quarter = full / 4;
        let less = quarter.mul_f64(self.fraction());
        (full - less).max(self.policy.pause_min)
    }

    /// Evenly from 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(3);

    #[test]
    fn pauses_double_from_half_a_second_and_stop_at_ten() {
        let mut backoff = Backoff::new(BackoffPolicy::default(), 7);
        for full in [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000] {
            let pause = backoff.pause(MOMENT, Ending::Crashed).as_millis();
            assert!((full * 3 / 4..=full).contains(&pause) && pause >= 500, "{pause} is not about {full}");
        }
    }

    #[test]
    fn ten_healthy_seconds_make_the_next_pause_the_first_one() {
        let mut backoff = Backoff::new(BackoffPolicy::default(), 7);
        for _ in 0..5 {
            backoff.pause(MOMENT, Ending::Crashed);
        }
        assert!(backoff.pause(Duration::from_millis(9_999), Ending::Crashed) > Duration::from_secs(7));
        assert_eq!(backoff.pause(Duration::from_secs(10), Ending::Crashed), Duration::from_millis(500));
        assert!(backoff.pause(MOMENT, Ending::Crashed) >= Duration::from_millis(750));
    }

    #[test]
    fn a_process_that_recycles_itself_is_started_at_once_unless_it_does_nothing_else() {
        let mut backoff = Backoff::new(BackoffPolicy::default(), 7);
        for _ in 0..5 {
            backoff.pause(MOMENT, Ending::Crashed);
        }
        assert_eq!(backoff.pause(Duration::from_millis(500), Ending::Willing), Duration::ZERO);
        assert_eq!(backoff.pause(Duration::from_secs(5), Ending::Willing), Duration::ZERO);
        let pauses: Vec<_> = (0..5).map(|_| backoff.pause(MOMENT, Ending::Willing)).collect();
        assert!(pauses[0] == Duration::from_millis(500) && pauses[4] > Duration::from_secs(5), "{pauses:?}");
    }

    #[test]
    fn two_processes_do_not_keep_step() {
        let mut two = [1 << 40, 3 << 50].map(|seed| Backoff::new(BackoffPolicy::default(), seed));
        let [a, b] = two.each_mut().map(|backoff| (0..4).map(|_| backoff.pause(MOMENT, Ending::Crashed)).sum::<Duration>());
        assert_ne!(a, b);
    }
}
