//! Bytes that can be sent straight from a file: a private copy that nothing can change, or a file on disk that must still be the one that was read.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustix::fs::{AtFlags, MemfdFlags, Mode, OFlags, SealFlags, StatxFlags};
use rustix::io::Errno;

use super::spool::{self, Spool};

/// Contents in a [`Shelf`] begin at a multiple of this, so that whole pages are sent.
const PAGE_BYTES: u64 = 4096;

/// The bytes of one content.
#[derive(Debug)]
pub struct Stored {
    place: Place,
    /// How many bytes it has.
    length: u64,
}

#[derive(Debug)]
enum Place {
    /// A part of a shelf. With a copy in our own memory where connections may be encrypted.
    Shelf { file: Arc<File>, start: u64, copy: Option<Bytes>, spool: spool::Place },
    /// A file that is kept open, so that it can be unlinked and still be sent.
    Open { file: Arc<File>, identity: Identity },
    /// A file that is opened when it is asked for.
    Closed { path: PathBuf, identity: Identity },
}

/// An open file, and where in it the content begins.
#[derive(Debug, Clone, Copy)]
pub struct Handle<'a> {
    /// The file.
    pub file: &'a Arc<File>,
    /// Where the content begins, in bytes.
    pub start: u64,
}

impl Stored {
    pub(super) fn open(file: File, identity: Identity, length: u64) -> Self {
        Self { place: Place::Open { file: Arc::new(file), identity }, length }
    }

    pub(super) fn closed(path: &Path, identity: Identity, length: u64) -> Self {
        Self { place: Place::Closed { path: path.to_owned(), identity }, length }
    }

    /// A content alone on a sealed shelf.
    #[cfg(test)]
    pub(crate) fn on_shelf(bytes: &[u8]) -> io::Result<Self> {
        let shelf = Shelf::new(1).ok_or(io::ErrorKind::Unsupported)?;
        let stored = shelf.put(bytes, None)?;
        shelf.seal()?;
        Ok(stored)
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes of it are in memory of any kind.
    pub(super) fn memory_bytes(&self) -> u64 {
        match &self.place {
            Place::Shelf { copy, .. } => self.length + copy.as_ref().map_or(0, |copy| copy.len() as u64),
            Place::Open { .. } | Place::Closed { .. } => 0,
        }
    }

    /// `true` when it costs a descriptor for as long as it lives.
    pub(super) fn holds_descriptor(&self) -> bool {
        matches!(self.place, Place::Open { .. })
    }

    /// The file on disk, as it was when it was read.
    pub(super) const fn identity(&self) -> Option<Identity> {
        match &self.place {
            Place::Shelf { .. } => None,
            Place::Open { identity, .. } | Place::Closed { identity, .. } => Some(*identity),
        }
    }

    /// `true` when it is this file on disk.
    pub(super) fn is_file(&self, other: &Identity) -> bool {
        self.identity().as_ref() == Some(other)
    }

    /// `true` when it is a file on disk, which can be slow to read and can change.
    pub fn is_on_disk(&self) -> bool {
        !matches!(self.place, Place::Shelf { .. })
    }

    /// `true` when [`Stored::opened`] has to open a file, which may take its time.
    pub fn is_closed(&self) -> bool {
        matches!(self.place, Place::Closed { .. })
    }

    /// The part of it in our own memory, if it is there.
    pub fn copy(&self, offset: u64, length: u64) -> Option<Bytes> {
        let Place::Shelf { copy: Some(copy), .. } = &self.place else { return None };
        let first = usize::try_from(offset).ok()?;
        let end = first.checked_add(usize::try_from(length).ok()?)?;
        copy.get(first..end).map(|part| copy.slice_ref(part))
    }

    /// The file; `None` when it has to be opened first.
    pub fn handle(&self) -> Option<Handle<'_>> {
        match &self.place {
            Place::Shelf { file, start, .. } => Some(Handle { file, start: *start }),
            Place::Open { file, .. } => Some(Handle { file, start: 0 }),
            Place::Closed { .. } => None,
        }
    }

    /// This part of it, lined up in a pipe; `None` when there is no such pipe, or the part is not the whole.
    pub fn spool(&self, offset: u64, length: u64) -> Option<&Spool> {
        let Place::Shelf { file, start, spool, .. } = &self.place else { return None };
        if (offset, length) == (0, self.length) { spool.spool(file, (*start, length), PAGE_BYTES) } else { None }
    }

    /// The content with its file open and unchanged since it was read.
    ///
    /// # Errors
    /// The file is gone, cannot be opened, or has changed: what would be sent is not what its entity tag and length say.
    pub fn opened(self: &Arc<Self>) -> io::Result<Arc<Self>> {
        match &self.place {
            Place::Shelf { .. } => Ok(Arc::clone(self)),
            Place::Open { .. } => self.check_unchanged().map(|()| Arc::clone(self)),
            Place::Closed { path, identity } => Ok(Arc::new(Self::open(open_same(path, identity)?, *identity, self.length))),
        }
    }

    /// The same file with what it has now, if it has not been changed since `rest`. May wait for the disk.
    ///
    /// # Errors
    /// It is another file or none, or was changed after that.
    pub fn as_it_is(&self, rest: SystemTime) -> io::Result<Arc<Self>> {
        let (file, before) = match &self.place {
            Place::Open { file, identity } => (Arc::clone(file), identity),
            Place::Closed { path, identity } => (Arc::new(open(path)?), identity),
            Place::Shelf { .. } => return Err(io::ErrorKind::Unsupported.into()),
        };
        let metadata = file.metadata()?;
        let identity = Identity::of(&metadata);
        if (identity.device, identity.inode) != (before.device, before.inode) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file was replaced since it was loaded"));
        }
        let rest = rest.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        // In whole seconds: one that was changed in this one is still being changed.
        if metadata.ctime().max(metadata.mtime()) >= rest {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "the file has changed since it was loaded, and may change still"));
        }
        Ok(Arc::new(Self { place: Place::Open { file, identity }, length: metadata.len() }))
    }

    /// Whether the file is still the one that was read.
    ///
    /// # Errors
    /// It has changed, or cannot be looked at.
    pub fn check_unchanged(&self) -> io::Result<()> {
        match &self.place {
            Place::Open { file, identity } => identity.check(Identity::known(file)?, Same::Content),
            Place::Shelf { .. } | Place::Closed { .. } => Ok(()),
        }
    }

    /// Reads some of it from `offset` on; nothing at its end. For looking at a content when no request waits.
    pub(super) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let room = bytes.len().min(left);
        let bytes = bytes.get_mut(..room).unwrap_or_default();
        self.with_file(|file, start| file.read_at(bytes, start + offset))
    }

    /// Reads a part of it; for looking at a content while loading.
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.with_file(|file, start| file.read_exact_at(bytes, start + offset))
    }

    /// Reads with its file, and where in it the content begins.
    fn with_file<T>(&self, read: impl FnOnce(&File, u64) -> io::Result<T>) -> io::Result<T> {
        match &self.place {
            Place::Shelf { file, start, .. } => read(file, *start),
            Place::Open { file, .. } => read(file, 0),
            Place::Closed { path, identity } => read(&open_same(path, identity)?, 0),
        }
    }
}

/// What a file on disk looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// What has to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Same {
    /// The content, of a file that was open all the time.
    Content,
    /// The file too.
    File,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), length: metadata.len(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }

    /// What is known of an open file without asking a file server that may not answer: workers call this between two requests.
    fn known(file: &File) -> io::Result<Self> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        match rustix::fs::statx(file, c"", flags, StatxFlags::BASIC_STATS) {
            Ok(known) => Ok(Self {
                device: rustix::fs::makedev(known.stx_dev_major, known.stx_dev_minor),
                inode: known.stx_ino,
                length: known.stx_size,
                modified: (known.stx_mtime.tv_sec, known.stx_mtime.tv_nsec.into()),
            }),
            // Some sandboxes forbid what they do not know.
            Err(Errno::NOSYS | Errno::PERM) => Ok(Self::of(&file.metadata()?)),
            Err(error) => Err(error.into()),
        }
    }

    fn check(&self, now: Self, same: Same) -> io::Result<()> {
        // The time of change (ctime) is no help: it moves when a file is renamed or unlinked too, which a file that is open survives.
        let content = (now.length, now.modified) == (self.length, self.modified);
        let file = same == Same::Content || (now.device, now.inode) == (self.device, self.inode);
        if content && file { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "the file has changed since it was loaded")) }
    }
}

/// Opens a file that must be the one that was read.
fn open_same(path: &Path, identity: &Identity) -> io::Result<File> {
    let file = open(path)?;
    identity.check(Identity::of(&file.metadata()?), Same::File)?;
    Ok(file)
}

/// Opens a file whose last part must not be a symbolic link, without waiting for the other end of a FIFO. The caller looks at what it is.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// A file in memory, without a name, in which contents stand one behind the other: one descriptor for all of them, and the kernel can
/// send from it without copying. Nobody else can reach it, and once it is sealed nobody can change it.
#[derive(Debug)]
pub(super) struct Shelf {
    file: Arc<File>,
    end: AtomicU64,
    spools: spool::Budget,
}

impl Shelf {
    /// An empty one, of whose contents so many may be lined up in pipes; `None` where the system has no such files.
    pub(super) fn new(spools_max: usize) -> Option<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know the second flag; some containers insist on it.
        let made = rustix::fs::memfd_create("transom-assets", flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| rustix::fs::memfd_create("transom-assets", flags));
        let file: OwnedFd = made.ok()?;
        Some(Self { file: Arc::new(File::from(file)), end: AtomicU64::new(0), spools: spool::Budget::new(spools_max) })
    }

    /// Takes in a content; `copy` says whether it stays in our own memory too.
    pub(super) fn put(&self, bytes: &[u8], copy: Option<Bytes>) -> io::Result<Stored> {
        let length = bytes.len() as u64;
        let start = self.end.fetch_add(length.next_multiple_of(PAGE_BYTES), Ordering::Relaxed);
        self.file.write_all_at(bytes, start)?;
        let spool = spool::Place::new(&self.spools);
        Ok(Stored { place: Place::Shelf { file: Arc::clone(&self.file), start, copy, spool }, length })
    }

    /// From here on its bytes are what they are.
    pub(super) fn seal(&self) -> io::Result<()> {
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        Ok(rustix::fs::fcntl_add_seals(&*self.file, seals)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let identity = Identity::of(&std::fs::metadata(&path).unwrap());
        (folder, path, identity)
    }

    #[test]
    fn contents_of_a_shelf_stand_apart_and_can_not_be_changed_once_it_is_sealed() {
        let shelf = Shelf::new(0).unwrap();
        let one = shelf.put(b"one", None).unwrap();
        let other = shelf.put(&[7; 5000], Some(Bytes::from(vec![7; 5000]))).unwrap();
        shelf.seal().unwrap();
        let mut bytes = [0; 3];
        one.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"one");
        assert_eq!(other.handle().unwrap().start % PAGE_BYTES, 0);
        assert_eq!(other.copy(4998, 2).unwrap(), [7, 7][..]);
        assert_eq!((other.copy(4998, 3), one.copy(0, 1)), (None, None));
        assert!(shelf.put(b"more", None).is_err());
        assert!(shelf.file.set_len(0).is_err());
    }

    #[test]
    fn a_file_that_was_changed_in_place_is_not_opened_again() {
        let (_folder, path, identity) = on_disk(b"first");
        let open = Arc::new(Stored::open(open(&path).unwrap(), identity, 5));
        let closed = Arc::new(Stored::closed(&path, identity, 5));
        assert!(open.opened().is_ok());
        assert_eq!(closed.opened().unwrap().handle().unwrap().start, 0);
        std::fs::write(&path, "other and longer").unwrap();
        assert!(open.opened().is_err());
        assert!(closed.opened().is_err());
    }

    #[test]
    fn a_file_that_was_changed_is_given_as_it_is_once_it_is_at_rest() {
        let (folder, path, identity) = on_disk(b"first");
        let open = Stored::open(open(&path).unwrap(), identity, 5);
        let closed = Stored::closed(&path, identity, 5);
        std::fs::write(&path, "other and longer").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        for stored in [&open, &closed] {
            assert_eq!(stored.as_it_is(SystemTime::now()).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
            let now = stored.as_it_is(later).unwrap();
            assert_eq!((now.length(), now.opened().is_ok()), (16, true));
        }
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        std::fs::write(&path, "another file").unwrap();
        assert!(open.as_it_is(later).is_ok() && closed.as_it_is(later).is_err());
    }

    #[test]
    fn what_is_known_of_an_open_file_is_what_the_system_says() {
        let (_folder, path, identity) = on_disk(b"first");
        assert_eq!(Identity::known(&open(&path).unwrap()).unwrap(), identity);
    }

    #[test]
    fn a_file_that_was_replaced_is_still_sent_if_it_was_open() {
        let (folder, path, identity) = on_disk(b"first");
        let open = Arc::new(Stored::open(open(&path).unwrap(), identity, 5));
        let closed = Arc::new(Stored::closed(&path, identity, 5));
        std::fs::write(folder.path().join("new"), "other").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(open.opened().is_ok());
        assert!(closed.opened().is_err());
    }
}
