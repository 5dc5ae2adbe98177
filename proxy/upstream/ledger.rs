//! What is told of a server on the status page and in the metrics: how its requests ended, and what was last wrong. No choice goes by it (that is
//! `state`), so nothing here may cost a request more than one addition; times and words are noted where something fails, and by checks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::StatusCode;

use super::state::Readiness;

/// Bytes of a cause that are kept.
const CAUSE_BYTES_MAX: usize = 240;

/// How a request to a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a switch of protocols.
    Informational,
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx.
    ClientError,
    /// 5xx.
    ServerError,
    /// Without a whole response, by the server's fault.
    Failed,
    /// Without a whole response, by the client's doing.
    Abandoned,
    /// Not even begun with: the server refused the stream or was saying goodbye, or its connection took no more.
    Refused,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Informational,
        Self::Success,
        Self::Redirection,
        Self::ClientError,
        Self::ServerError,
        Self::Failed,
        Self::Abandoned,
        Self::Refused,
    ];

    /// Of a request that was answered with this.
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            ..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    /// As it is written in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
        }
    }
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// What.
    pub cause: String,
}

/// One server's.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    ended: [AtomicU64; Outcome::ALL.len()],
    notes: Mutex<Notes>,
}

/// What was noted where something failed, or was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// What last went wrong.
    pub(super) last_failure: Option<Failure>,
    /// Since when requests fail; it means something while there are failures in a row.
    pub(super) failing_since: Option<SystemTime>,
    /// Since when a check says that it is not well.
    pub(super) down_since: Option<SystemTime>,
    /// When a check last looked.
    pub(super) checked_at: Option<SystemTime>,
}

impl Ledger {
    /// Counts a request that has ended.
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(ended) = self.ended.get(outcome as usize) {
            ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request failed, which makes this many in a row.
    pub(super) fn note_failure(&self, cause: &str, in_a_row: u32) {
        let failure = Failure::now(cause);
        let mut notes = self.lock();
        if in_a_row <= 1 {
            notes.failing_since = Some(failure.at);
        }
        notes.last_failure = Some(failure);
    }

    /// A check has looked, and this was wrong.
    pub(super) fn note_look(&self, cause: Option<&str>) {
        let failure = cause.map(Failure::now);
        let mut notes = self.lock();
        notes.checked_at = Some(SystemTime::now());
        if failure.is_some() {
            notes.last_failure = failure;
        }
    }

    /// A check says from now on that the server is well, or is not.
    pub(super) fn note_readiness(&self, readiness: Readiness) {
        self.lock().down_since = match readiness {
            Readiness::Ready => None,
            Readiness::NotReady => Some(SystemTime::now()),
        };
    }

    /// How many requests ended in this way.
    pub(super) fn ended(&self, outcome: Outcome) -> u64 {
        self.ended.get(outcome as usize).map_or(0, |ended| ended.load(Ordering::Relaxed))
    }

    /// What was noted.
    pub(super) fn notes(&self) -> Notes {
        self.lock().clone()
    }

    /// Held for a few stores, and only where something has failed or is looked at.
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn now(cause: &str) -> Self {
        let end = (0..=CAUSE_BYTES_MAX.min(cause.len())).rev().find(|&end| cause.is_char_boundary(end)).unwrap_or_default();
        Self { at: SystemTime::now(), cause: cause.get(..end).unwrap_or_default().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_end_is_counted_for_itself() {
        let ledger = Ledger::default();
        for (times, outcome) in Outcome::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| ledger.count(outcome));
        }
        let counts = Outcome::ALL.map(|outcome| ledger.ended(outcome));
        assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(
            [101, 200, 304, 404, 503].map(|code| Outcome::of(StatusCode::from_u16(code).unwrap()).name()),
            ["1xx", "2xx", "3xx", "4xx", "5xx"]
        );
    }

    #[test]
    fn a_row_of_failures_began_with_its_first_and_is_told_by_its_last() {
        let ledger = Ledger::default();
        ledger.note_failure("refused", 1);
        let began = ledger.notes().failing_since.expect("a time");
        ledger.note_failure(&"é".repeat(CAUSE_BYTES_MAX), 2);
        let notes = ledger.notes();
        let last = notes.last_failure.expect("a failure");
        assert_eq!(notes.failing_since, Some(began));
        assert!(last.at >= began && last.cause.len() <= CAUSE_BYTES_MAX && last.cause.chars().all(|c| c == 'é'));
    }
}
