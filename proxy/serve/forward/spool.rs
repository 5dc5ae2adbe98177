//! Where bodies wait: in memory as long as they are small, then in files without a name, which are gone with the last descriptor whatever happens.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, open, unlinkat};
use rustix::io::{Errno, ReadWriteFlags};

use crate::config::Buffering;

/// Bytes that are read from a file at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Names that are tried where a file cannot be made without one.
const NAMES_MAX: u32 = 8;

/// What all waiting bodies share.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    memory_bytes: usize,
    disk_bytes_max: u64,
    disk_bytes: AtomicU64,
    names: AtomicU64,
    /// It was said that there is no room on disk.
    is_told: AtomicBool,
}

impl Spool {
    pub(crate) fn new(buffering: &Buffering) -> Self {
        Self {
            folder: buffering.folder.clone(),
            memory_bytes: usize::try_from(buffering.memory.0).unwrap_or(usize::MAX),
            disk_bytes_max: buffering.disk.0,
            disk_bytes: AtomicU64::new(0),
            names: AtomicU64::new(0),
            is_told: AtomicBool::new(false),
        }
    }

    /// Makes a file as bodies will, and lets it go.
    ///
    /// # Errors
    /// When bodies could not be kept there.
    pub(crate) fn probe(&self) -> io::Result<()> {
        self.make_file().and_then(|file| file.write_all_at(b"x", 0))
    }

    fn make_file(&self) -> io::Result<File> {
        let (flags, mode) = (OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
        match open(&self.folder, flags | OFlags::TMPFILE, mode) {
            Ok(file) => return Ok(file.into()),
            // Not every file system knows files without a name (overlayfs of older kernels).
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let mut last = Errno::EXIST;
        for _ in 0..NAMES_MAX {
            let name = format!(".transom-{}-{}", std::process::id(), self.names.fetch_add(1, Ordering::Relaxed));
            let path = self.folder.join(name);
            match open(&path, flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW, mode) {
                Ok(file) => {
                    unlinkat(CWD, &path, AtFlags::empty())?;
                    return Ok(file.into());
                }
                Err(error) => last = error,
            }
            if last != Errno::EXIST {
                break;
            }
        }
        Err(last.into())
    }

    /// Takes room on disk for all bodies together; `false` when there is none.
    fn reserve(&self, bytes: u64) -> bool {
        let taken = self.disk_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = taken.saturating_add(bytes) <= self.disk_bytes_max;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    fn release(&self, bytes: u64) {
        self.disk_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Once until there is room again, not for each body: a full disk is full for all of them.
    fn tell(&self, cause: &str) {
        if self.disk_bytes_max > 0 && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(cause, folder = %self.folder.display(), "no room for bodies that wait: they are passed on as they come");
        }
    }
}

/// The bytes of one body.
#[derive(Debug)]
pub(super) struct Spooled {
    spool: Arc<Spool>,
    file: Option<Arc<File>>,
    /// Bytes in the file; those in memory stand behind them.
    file_bytes: u64,
    /// Room on disk that was taken: beside what is in the file, what is being written when its request is given up.
    reserved_bytes: u64,
    memory: Vec<u8>,
    /// What was read from the file last.
    piece: Vec<u8>,
}

/// There is no room for more. Nothing of what was given is lost.
#[derive(Debug)]
pub(super) struct Full;

impl Spooled {
    pub(super) fn new(spool: Arc<Spool>) -> Self {
        Self { spool, file: None, file_bytes: 0, reserved_bytes: 0, memory: Vec::new(), piece: Vec::new() }
    }

    /// Bytes that are kept.
    pub(super) fn len(&self) -> u64 {
        self.file_bytes + self.memory.len() as u64
    }

    /// Keeps these bytes too.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let most = self.spool.memory_bytes;
        let has_no_room = !self.memory.is_empty() && self.memory.len() + bytes.len() > most;
        let spilled = if has_no_room { self.spill().await } else { Ok(()) };
        self.memory.extend_from_slice(bytes);
        if spilled.is_ok() && self.memory.len() > most { self.spill().await } else { spilled }
    }

    /// Moves what is in memory to the file.
    async fn spill(&mut self) -> Result<(), Full> {
        let bytes = self.memory.len() as u64;
        if !self.spool.reserve(bytes) {
            self.spool.tell("limits.buffer_disk is used up");
            return Err(Full);
        }
        self.reserved_bytes += bytes;
        let (spool, file, memory, offset) = (Arc::clone(&self.spool), self.file.clone(), std::mem::take(&mut self.memory), self.file_bytes);
        let written = tokio::task::spawn_blocking(move || {
            let file = file.map_or_else(|| spool.make_file().map(Arc::new), Ok);
            let written = file.and_then(|file| file.write_all_at(&memory, offset).map(|()| file));
            (memory, written)
        })
        .await;
        match written {
            Ok((mut memory, Ok(file))) => {
                memory.clear();
                self.memory = memory;
                self.file = Some(file);
                self.file_bytes += bytes;
                self.spool.is_told.store(false, Ordering::Relaxed);
                Ok(())
            }
            Ok((memory, Err(error))) => {
                self.memory = memory;
                self.give_back(bytes);
                self.spool.tell(&error.to_string());
                Err(Full)
            }
            // The runtime ends, and with it the request.
            Err(_) => {
                self.give_back(bytes);
                Err(Full)
            }
        }
    }

    fn give_back(&mut self, bytes: u64) {
        self.reserved_bytes -= bytes;
        self.spool.release(bytes);
    }

    /// Some of the bytes from `offset` on; none at the end.
    pub(super) async fn read(&mut self, offset: u64) -> io::Result<&[u8]> {
        let Some(file) = self.file.as_ref().filter(|_| offset < self.file_bytes) else {
            let offset = usize::try_from(offset.saturating_sub(self.file_bytes)).unwrap_or(usize::MAX);
            return Ok(self.memory.get(offset..).unwrap_or_default());
        };
        let left = usize::try_from(self.file_bytes - offset).unwrap_or(usize::MAX);
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(PIECE_BYTES.min(left), 0);
        // Most of it is still in the page cache.
        let cached = rustix::io::preadv2(&**file, &mut [IoSliceMut::new(&mut piece)], offset, ReadWriteFlags::NOWAIT);
        let bytes = match cached {
            Ok(bytes) if bytes > 0 => bytes,
            Ok(_) | Err(_) => {
                let file = Arc::clone(file);
                let read = move || file.read_at(&mut piece, offset).map(|bytes| (piece, bytes));
                let (filled, bytes) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
                piece = filled;
                bytes
            }
        };
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(bytes);
        self.piece = piece;
        Ok(&self.piece)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.spool.release(self.reserved_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ByteSize;

    fn spool(memory: u64, disk: u64, folder: &std::path::Path) -> Arc<Spool> {
        Arc::new(Spool::new(&Buffering { memory: ByteSize(memory), disk: ByteSize(disk), folder: folder.to_owned() }))
    }

    async fn whole(spooled: &mut Spooled) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let piece = spooled.read(bytes.len() as u64).await.expect("it reads");
            if piece.is_empty() {
                return bytes;
            }
            bytes.extend_from_slice(piece);
        }
    }

    #[tokio::test]
    async fn a_body_is_the_same_from_memory_and_from_disk_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        for pieces in [1_usize, 10, 1000] {
            let spool = spool(64, 1 << 20, folder.path());
            let mut spooled = Spooled::new(Arc::clone(&spool));
            let mut expected = Vec::new();
            for index in 0..pieces {
                let piece = vec![index as u8; index % 50 + 1];
                spooled.push(&piece).await.expect("room");
                expected.extend_from_slice(&piece);
                assert!(spooled.memory.len() <= 64, "memory is bounded");
            }
            assert_eq!(spooled.len(), expected.len() as u64);
            assert_eq!(whole(&mut spooled).await, expected);
            assert_eq!(whole(&mut spooled).await, expected, "and again");
            assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "no file has a name");
            drop(spooled);
            assert_eq!(spool.disk_bytes.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_on_disk_is_told_and_not_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        for (disk, place) in [(100, folder.path().to_owned()), (1 << 20, folder.path().join("missing")), (0, folder.path().to_owned())] {
            let mut spooled = Spooled::new(spool(64, disk, &place));
            let mut expected = Vec::new();
            let mut is_full = false;
            for index in 0..5_u8 {
                is_full |= spooled.push(&[index; 50]).await.is_err();
                expected.extend_from_slice(&[index; 50]);
            }
            assert!(is_full);
            assert_eq!(whole(&mut spooled).await, expected);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_by_the_probe() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(spool(64, 1, folder.path()).probe().is_ok());
        assert!(spool(64, 1, &folder.path().join("missing")).probe().is_err());
        assert!(spool(64, 1, std::path::Path::new("/proc")).probe().is_err());
    }
}
