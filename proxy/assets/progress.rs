//! What a long load says while it lasts: a line a second, and nothing when it is over sooner.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// How far a load has come.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    root: &'a Path,
    files: usize,
    done: AtomicUsize,
    started: Instant,
    /// The second in which the last line was written.
    told: AtomicU64,
}

impl<'a> Progress<'a> {
    /// Before the first of so many files.
    pub(super) fn new(root: &'a Path, files: usize) -> Self {
        Self { root, files, done: AtomicUsize::new(0), started: Instant::now(), told: AtomicU64::new(0) }
    }

    /// One more file is done; any thread may say so.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(seconds) = self.is_due(self.started.elapsed().as_secs()) {
            tracing::info!(root = %self.root.display(), done, files = self.files, seconds, "loading");
        }
    }

    /// The second that is to be told: each once, whoever comes first.
    fn is_due(&self, seconds: u64) -> Option<u64> {
        let told = self.told.load(Ordering::Relaxed);
        let is_first = seconds > told && self.told.compare_exchange(told, seconds, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_first.then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_says_how_far_it_is_once_a_second_and_not_before_the_first() {
        let progress = Progress::new(Path::new("dist"), 9);
        let told: Vec<_> = [0, 0, 1, 1, 1, 2, 5, 5].into_iter().filter_map(|second| progress.is_due(second)).collect();
        assert_eq!(told, [1, 2, 5]);
    }
}
