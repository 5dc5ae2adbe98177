//! Reading the files of all roots of a load, on all cores.
//!
//! First it is looked at what they look like, which decides what is taken over from the build before, and what stays on disk because there is no room;
//! then what is in the others is read.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Options;
use super::content::ReadFile;
use super::parallel;
use super::problem::{Warning, WarningReason};
use super::progress::Progress;
use super::reader::{Reader, Scratch};
use super::storage::{Home, Storage};
use super::unchanged::{Stamp, Unchanged};
use super::walk::WalkedFile;

/// A file that was read, or why it could not be; taken out when it is made an asset.
pub(super) type Read = Option<io::Result<ReadFile>>;

/// What was read.
pub(super) struct Reads {
    pub(super) reader: Reader,
    /// For each root, for each of its files; `None` for those that an earlier root answers for.
    pub(super) by_root: Vec<Vec<Read>>,
    /// That there is not room for all.
    pub(super) warning: Option<Warning>,
}

/// A file that counts, and what it looks like.
struct Seen<'a> {
    file: &'a WalkedFile,
    /// `None` when it is gone.
    stamp: Option<Stamp>,
    /// The file, when it was opened for the look.
    open: Mutex<Option<(File, Metadata)>>,
}

impl<'a> Seen<'a> {
    fn look(file: &'a WalkedFile) -> Self {
        Self { file, stamp: file.look(), open: Mutex::default() }
    }

    /// One system call less, and one path less to be followed, than looking and opening.
    fn open(file: &'a WalkedFile) -> Self {
        let open = file.open().and_then(|open| open.metadata().map(|metadata| (open, metadata))).ok();
        let stamp = open.as_ref().map(|(_, metadata)| Stamp::of(metadata));
        Self { file, stamp, open: Mutex::new(open) }
    }

    fn length(&self) -> u64 {
        self.stamp.map_or(0, |stamp| stamp.length())
    }

    fn take_open(&self) -> Option<(File, Metadata)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Reads the files of the roots; what is unchanged since the build before is taken over.
pub(super) fn read_all(
    (root, walked): (&Path, &[Vec<WalkedFile>]),
    options: &Options<'_>,
    (storage, unchanged): (Storage, &Unchanged<'_>),
) -> Reads {
    let mut keys = HashSet::new();
    let files: Vec<Option<&WalkedFile>> = walked.iter().flatten().map(|file| keys.insert(file.key.as_slice()).then_some(file)).collect();
    // What is taken over is not opened; and of more files not all can be open at once.
    let is_opened = options.previous.is_none() && files.len() <= storage.open_files_max;
    let files = parallel::map(&files, |(): &mut (), file| file.map(|file| if is_opened { Seen::open(file) } else { Seen::look(file) }));
    let lengths: Vec<u64> = files.iter().map(|file| file.as_ref().map_or(0, Seen::length)).collect();
    let homes = storage.homes(&lengths, options.memory_file_bytes_max);
    let files: Vec<(Option<Seen<'_>>, Home)> = files.into_iter().zip(homes).collect();
    let warning = memory_full(root, &files, options.memory_file_bytes_max);
    let reader = Reader::new(storage, options.memory_file_bytes_max, options.now);
    let progress = Progress::new(root, files.len());
    let mut reads = parallel::map(&files, |scratch: &mut Scratch, (seen, home)| {
        let read = seen.as_ref().map(|seen| read(&reader, (seen, *home), unchanged, scratch));
        progress.step();
        read
    })
    .into_iter();
    let by_root = walked.iter().map(|files| reads.by_ref().take(files.len()).collect()).collect();
    Reads { reader, by_root, warning }
}

fn read(reader: &Reader, (seen, home): (&Seen<'_>, Home), unchanged: &Unchanged<'_>, scratch: &mut Scratch) -> io::Result<ReadFile> {
    let known = seen.stamp.and_then(|stamp| unchanged.find(&stamp));
    if let Some(taken_over) = known.and_then(|known| reader.take_over(seen.file, home, known)) {
        return Ok(taken_over);
    }
    match seen.take_open() {
        Some((open, metadata)) => reader.read_seen(open, &metadata, (&seen.file.path, home), scratch),
        None => reader.read(seen.file, home, scratch),
    }
}

/// What to say when not all files have room in memory that are small enough for it.
fn memory_full(root: &Path, files: &[(Option<Seen<'_>>, Home)], file_bytes_max: u64) -> Option<Warning> {
    let on_disk = files.iter().filter(|(_, home)| *home == Home::Disk).filter_map(|(seen, _)| seen.as_ref());
    let moved: Vec<_> = on_disk.filter(|seen| (1..=file_bytes_max).contains(&seen.length())).collect();
    let largest = moved.iter().max_by_key(|seen| seen.length())?;
    let bytes = moved.iter().map(|seen| seen.length()).sum();
    let reason = WarningReason::MemoryFull { files: moved.len(), bytes, largest: largest.file.path.clone() };
    Some(Warning { path: root.to_owned(), reason })
}
