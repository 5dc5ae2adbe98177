//! `transom compress`: the coded siblings of a folder, made by as many threads as there are cores.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::fatal::Fatal;
use crate::assets::{self, Made, PlannedSibling};

/// How many results may wait to be told.
const RESULTS_WAITING_MAX: usize = 64;

/// One sibling, done.
#[derive(Debug)]
pub struct Compressed<'a> {
    /// Where it stands.
    pub path: &'a Path,
    /// What became of it.
    pub made: io::Result<Made>,
    /// How many there are in all.
    pub total: usize,
}

/// Makes the siblings of the files in `folder` with `threads` threads, and tells each as it is done.
///
/// # Errors
/// When the folder cannot be read. What goes wrong with one file is told, and the others are made.
pub fn compress(folder: &Path, threads: NonZeroUsize, mut tell: impl FnMut(Compressed<'_>)) -> Result<(), Fatal> {
    let planned = assets::planned_siblings(folder).map_err(Fatal::Folder)?;
    let total = planned.len();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (done, results) = sync_channel(RESULTS_WAITING_MAX);
        for _ in 0..threads.get().min(total) {
            let (planned, next, done) = (&planned, &next, done.clone());
            scope.spawn(move || work(planned, next, &done));
        }
        drop(done);
        for (path, made) in results {
            tell(Compressed { path: &path, made, total });
        }
    });
    Ok(())
}

fn work(planned: &[PlannedSibling], next: &AtomicUsize, done: &SyncSender<(PathBuf, io::Result<Made>)>) {
    while let Some(sibling) = planned.get(next.fetch_add(1, Ordering::Relaxed)) {
        if done.send((sibling.path.clone(), sibling.make())).is_err() {
            return;
        }
    }
}
