//! Reading files: each once, and equal contents are kept once.

#![allow(clippy::indexing_slicing, reason = "offsets are counts of what was read into the buffer that they index")]

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use xxhash_rust::xxh3::Xxh3;

use super::content::{Content, ReadFile};
use super::storage::{Delivery, Home, SENDFILE_BYTES_MIN, Storage};
use super::stored::{Identity, Shelf, Stored};
use super::unchanged::{Origin, Stamp};
use super::variant::Variant;
use super::walk::WalkedFile;

/// How much of a file is read at once when it stays on disk.
const CHUNK_BYTES: usize = 256 * 1024;

/// Memory that one thread reads into, file after file.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    /// [`CHUNK_BYTES`] once it is used.
    chunk: Vec<u8>,
    hasher: Box<Xxh3>,
}

/// Reads files, from several threads at once.
#[derive(Debug)]
pub(super) struct Reader {
    storage: Storage,
    /// A file that has grown beyond it since it was looked at stays on disk.
    memory_file_bytes_max: u64,
    shelf: Option<Shelf>,
    kept: Mutex<HashMap<u128, Content>>,
    /// Files on disk that are open.
    open_files: AtomicUsize,
    /// When the load began.
    began: SystemTime,
    read_files: AtomicUsize,
}

impl Reader {
    /// For a load that began at this time.
    pub(super) fn new(storage: Storage, memory_file_bytes_max: u64, began: SystemTime) -> Self {
        let shelf = if storage.delivery == Delivery::Encrypted { None } else { Shelf::new(storage.spools_max()) };
        let (open_files, read_files) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { storage, memory_file_bytes_max, shelf, kept: Mutex::default(), open_files, began, read_files }
    }

    /// The bytes in memory of the contents that are still in use, equal ones counted once; and how many files on disk are kept open.
    pub(super) fn usage(&self) -> (u64, usize) {
        let kept = self.kept();
        let used = || kept.values().filter(|content| content.is_shared());
        let open = |content: &&Content| matches!(content, Content::Stored(stored) if stored.holds_descriptor());
        (used().map(Content::memory_bytes).sum(), used().filter(open).count())
    }

    /// How many files were read.
    pub(super) fn read_files(&self) -> usize {
        self.read_files.load(Ordering::Relaxed)
    }

    /// Nothing more will be read: what is stored in memory cannot change from here on.
    pub(super) fn seal(&self) -> io::Result<()> {
        self.shelf.as_ref().map_or(Ok(()), Shelf::seal)
    }

    /// Reads a file. The walk found one there; what is there now decides, so that it is looked at again.
    pub(super) fn read(&self, walked: &WalkedFile, home: Home, scratch: &mut Scratch) -> io::Result<ReadFile> {
        self.read_open(walked.open()?, (&walked.path, home), scratch)
    }

    /// Reads a file that is open.
    pub(super) fn read_open(&self, file: File, place: (&Path, Home), scratch: &mut Scratch) -> io::Result<ReadFile> {
        let metadata = file.metadata()?;
        self.read_seen(file, &metadata, place, scratch)
    }

    /// Reads a file that is open and was looked at.
    pub(super) fn read_seen(
        &self,
        mut file: File,
        metadata: &Metadata,
        (path, home): (&Path, Home),
        scratch: &mut Scratch,
    ) -> io::Result<ReadFile> {
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        self.read_files.fetch_add(1, Ordering::Relaxed);
        let modified = metadata.modified().ok();
        let origin = |is_utf8| Origin::new(Stamp::of(metadata), is_utf8, self.began);
        match usize::try_from(metadata.len()) {
            Ok(length) if home == Home::Memory && metadata.len() <= self.memory_file_bytes_max => {
                let bytes = &mut scratch.bytes;
                bytes.clear();
                read_to_memory(&file, length, bytes)?;
                let (hash, is_utf8) = (xxhash_rust::xxh3::xxh3_128(bytes), std::str::from_utf8(bytes).is_ok());
                Ok(ReadFile { content: self.keep(hash, bytes, || self.place(bytes)), hash, is_utf8, modified, origin: origin(is_utf8) })
            }
            Ok(_) | Err(_) => {
                let scan = Scan::of(&mut file, scratch)?;
                let hash = scratch.hasher.digest128();
                // As it was before it was read: a change meanwhile makes it another file too.
                let content = self.keep_on_disk(hash, file, (path, Identity::of(metadata), scan.length));
                Ok(ReadFile { content, hash, is_utf8: scan.is_utf8, modified, origin: origin(scan.is_utf8) })
            }
        }
    }

    /// What the build before has of a file that has not changed since; `None` when it has it elsewhere than it is to be now.
    pub(super) fn take_over(&self, walked: &WalkedFile, home: Home, (known, origin): (&Variant, Origin)) -> Option<ReadFile> {
        if known.content.is_on_disk() != (home == Home::Disk) {
            return None;
        }
        let content = match &known.content {
            Content::Memory(bytes) => self.keep(known.hash, bytes, || known.content.clone()),
            Content::Stored(stored) => match stored.identity() {
                Some(identity) => self.keep_stored(known.hash, walked, (stored, identity, origin)),
                // The shelf of that build goes with it: a few contents must not keep all of it in memory.
                None => {
                    let bytes = known.content.in_memory()?;
                    self.keep(known.hash, &bytes, || self.place(&bytes))
                }
            },
        };
        let modified = origin.stamp.modified();
        Some(ReadFile { content, hash: known.hash, is_utf8: origin.is_utf8, modified, origin: Some(origin) })
    }

    /// Of a file that stays on disk, the descriptor is shared with the build before.
    fn keep_stored(&self, hash: u128, walked: &WalkedFile, (known, identity, origin): (&Arc<Stored>, Identity, Origin)) -> Content {
        let mut kept = self.kept();
        if let Some(Content::Stored(twin)) = kept.get(&hash)
            && twin.is_file(&identity)
        {
            return Content::Stored(Arc::clone(twin));
        }
        let same = |file: &File| file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == origin.stamp);
        let stored = match (self.may_open_one_more(), known.is_closed()) {
            (true, false) => Arc::clone(known),
            // Its folder may have another name by now.
            (false, _) => Arc::new(Stored::closed(&walked.path, identity, known.length())),
            (true, true) => Arc::new(match walked.open().ok().filter(same) {
                Some(file) => Stored::open(file, identity, known.length()),
                None => Stored::closed(&walked.path, identity, known.length()),
            }),
        };
        kept.insert(hash, Content::Stored(Arc::clone(&stored)));
        Content::Stored(stored)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u128, Content>> {
        // Nothing that is done under it leaves the map half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, hash: u128, bytes: &[u8], place: impl FnOnce() -> Content) -> Content {
        // XXH3 is no cryptographic hash: equal hashes are looked at once more before one file is served as another.
        let same = |kept: Option<&Content>| kept.filter(|content| content.has(bytes)).cloned();
        if let Some(content) = same(self.kept().get(&hash)) {
            return content;
        }
        // Copied while others may do the same with theirs.
        let content = place();
        let mut kept = self.kept();
        if let Some(content) = same(kept.get(&hash)) {
            return content;
        }
        kept.insert(hash, content.clone());
        content
    }

    /// Where a content goes that is kept in memory.
    fn place(&self, bytes: &[u8]) -> Content {
        let shelf = self.shelf.as_ref().filter(|_| bytes.len() as u64 >= SENDFILE_BYTES_MIN);
        let Some(shelf) = shelf else { return Content::Memory(Bytes::copy_from_slice(bytes)) };
        let copy = (self.storage.delivery == Delivery::Both).then(|| Bytes::copy_from_slice(bytes));
        match shelf.put(bytes, copy) {
            Ok(stored) => Content::Stored(Arc::new(stored)),
            // The kernel gives no more memory of this kind: it is sent from ours.
            Err(_) => Content::Memory(Bytes::copy_from_slice(bytes)),
        }
    }

    fn keep_on_disk(&self, hash: u128, file: File, (path, identity, length): (&Path, Identity, u64)) -> Content {
        let mut kept = self.kept();
        // Of equal files on disk one may change and the other not: only names of one and the same file share a descriptor.
        if let Some(Content::Stored(twin)) = kept.get(&hash)
            && twin.is_file(&identity)
        {
            return Content::Stored(Arc::clone(twin));
        }
        let stored = if self.may_open_one_more() { Stored::open(file, identity, length) } else { Stored::closed(path, identity, length) };
        let content = Content::Stored(Arc::new(stored));
        kept.insert(hash, content.clone());
        content
    }

    fn may_open_one_more(&self) -> bool {
        let more = |open| (open < self.storage.open_files_max).then_some(open + 1);
        self.open_files.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// Reads up to `length` bytes: what a file grew by meanwhile is left for the next load.
fn read_to_memory(file: &File, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.reserve(length);
    while bytes.len() < length {
        match rustix::io::read(file, spare_capacity(bytes)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(length);
    Ok(())
}

fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// What one pass over a file tells, without keeping it.
struct Scan {
    length: u64,
    is_utf8: bool,
}

impl Scan {
    /// Reads a file to its end. Its hash is in the scratch's hasher then.
    fn of(file: &mut File, scratch: &mut Scratch) -> io::Result<Self> {
        let Scratch { chunk: buffer, hasher, .. } = scratch;
        let mut scan = Self { length: 0, is_utf8: true };
        buffer.resize(CHUNK_BYTES, 0);
        hasher.reset();
        // Bytes at the start of the buffer that began a character in the last chunk and did not end it; at most three.
        let mut carried = 0;
        loop {
            let count = read_some(file, &mut buffer[carried..])?;
            if count == 0 {
                scan.is_utf8 &= carried == 0;
                return Ok(scan);
            }
            scan.length += count as u64;
            hasher.update(&buffer[carried..carried + count]);
            carried = if scan.is_utf8 { scan.check(buffer, carried + count) } else { 0 };
        }
    }

    /// Checks `buffer[..end]`, moves an unfinished character to its start and returns the length of that.
    fn check(&mut self, buffer: &mut [u8], end: usize) -> usize {
        match std::str::from_utf8(&buffer[..end]) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() => {
                buffer.copy_within(error.valid_up_to()..end, 0);
                end - error.valid_up_to()
            }
            Err(_) => {
                self.is_utf8 = false;
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::Mode;

    use super::*;

    fn reader(memory_file_bytes_max: u64, delivery: Delivery) -> Reader {
        Reader::new(Storage { memory_bytes_max: u64::MAX, open_files_max: 2, delivery }, memory_file_bytes_max, SystemTime::now())
    }

    fn read(bytes: &[u8], memory_file_bytes_max: u64) -> ReadFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        reader(memory_file_bytes_max, Delivery::Encrypted).read(&WalkedFile::at(&path), Home::Memory, &mut Scratch::default()).unwrap()
    }

    fn stored(content: &Content) -> &Arc<Stored> {
        match content {
            Content::Stored(stored) => stored,
            Content::Memory(_) => panic!("in memory"),
        }
    }

    #[test]
    fn a_file_on_disk_has_the_hash_and_the_length_that_it_has_in_memory() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES as u32 + 77).flat_map(|number| number.to_le_bytes()).collect();
        let (memory, disk) = (read(&bytes, u64::MAX), read(&bytes, 0));
        assert!(disk.content.is_on_disk() && !memory.content.is_on_disk());
        assert_eq!((memory.hash, memory.content.length()), (disk.hash, disk.content.length()));
        assert_eq!(memory.content.ends::<8>().unwrap(), disk.content.ends::<8>().unwrap());
    }

    #[test]
    fn utf8_is_seen_across_the_chunks_of_a_file_on_disk() {
        for shift in 0..4 {
            let mut text = vec![b'a'; shift];
            text.extend("🪵".repeat(CHUNK_BYTES / 2).bytes());
            assert!(read(&text, 0).is_utf8, "shifted by {shift}");
            text.pop();
            assert!(!read(&text, 0).is_utf8, "shifted by {shift}, last byte missing");
        }
        assert!(!read(b"caf\xe9 au lait", 0).is_utf8);
        assert!(!read(b"caf\xe9 au lait", u64::MAX).is_utf8);
    }

    #[test]
    fn a_symbolic_link_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        assert!(
            reader(1, Delivery::Plain).read(&WalkedFile::at(&folder.path().join("link")), Home::Memory, &mut Scratch::default()).is_err()
        );
    }

    #[test]
    fn a_fifo_is_neither_waited_for_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(
            reader(1, Delivery::Plain).read(&WalkedFile::at(&path), Home::Memory, &mut Scratch::default()).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_large_content_is_kept_where_it_will_be_sent_from_and_a_small_one_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let large = vec![b'x'; usize::try_from(SENDFILE_BYTES_MIN).unwrap()];
        for (delivery, is_stored, has_copy) in
            [(Delivery::Plain, true, false), (Delivery::Both, true, true), (Delivery::Encrypted, false, false)]
        {
            let reader = reader(u64::MAX, delivery);
            std::fs::write(&path, &large).unwrap();
            let content = reader.read(&WalkedFile::at(&path), Home::Memory, &mut Scratch::default()).unwrap().content;
            assert_eq!(matches!(content, Content::Stored(_)), is_stored, "{delivery:?}");
            if is_stored {
                assert_eq!(stored(&content).copy(0, SENDFILE_BYTES_MIN).is_some(), has_copy);
            }
            assert!(content.has(&large) && !content.has(&large[1..]));
            assert_eq!(reader.usage(), (SENDFILE_BYTES_MIN * if has_copy { 2 } else { 1 }, 0));
            std::fs::write(&path, &large[1..]).unwrap();
            assert!(matches!(
                reader.read(&WalkedFile::at(&path), Home::Memory, &mut Scratch::default()).unwrap().content,
                Content::Memory(_)
            ));
        }
    }

    #[test]
    fn names_of_one_file_on_disk_share_a_descriptor_and_files_over_the_limit_are_opened_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let reader = reader(0, Delivery::Plain);
        let read =
            |name: &str| reader.read(&WalkedFile::at(&folder.path().join(name)), Home::Disk, &mut Scratch::default()).unwrap().content;
        for name in ["1", "2", "3"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::hard_link(folder.path().join("1"), folder.path().join("twin")).unwrap();
        let (one, twin, two, three) = (read("1"), read("twin"), read("2"), read("3"));
        assert!(Arc::ptr_eq(stored(&one), stored(&twin)));
        assert_eq!((stored(&two).is_closed(), stored(&three).is_closed()), (false, true));
        assert_eq!(reader.usage(), (0, 2));
        assert!(stored(&three).opened().unwrap().handle().is_some());
    }
}
