//! The bytes of a file: in memory, or on disk and kept open.

#![allow(clippy::indexing_slicing, reason = "offsets are counts of what was read into the buffer that they index")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::walk::WalkedFile;

/// How much of a file is read at once when it stays on disk.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where the bytes of a representation are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In memory.
    Memory(Bytes),
    /// On disk. The file is open, so that it can be unlinked and still be sent.
    Disk {
        /// The file.
        file: Arc<File>,
        /// Its length when it was read.
        length: u64,
    },
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { length, .. } => *length,
        }
    }

    /// The first and the last `N` bytes; `None` when there are fewer.
    pub(super) fn ends<const N: usize>(&self) -> io::Result<Option<([u8; N], [u8; N])>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.first_chunk().copied().zip(bytes.last_chunk().copied())),
            Self::Disk { file, length } => {
                let Some(last_offset) = length.checked_sub(N as u64) else { return Ok(None) };
                let (mut first, mut last) = ([0; N], [0; N]);
                file.read_exact_at(&mut first, 0)?;
                file.read_exact_at(&mut last, last_offset)?;
                Ok(Some((first, last)))
            }
        }
    }
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct ReadFile {
    pub(super) content: Content,
    /// XXH3-128 of the bytes.
    pub(super) hash: u128,
    /// `true` when the bytes are UTF-8.
    pub(super) is_utf8: bool,
    /// When it was changed; `None` when the file system does not say.
    pub(super) modified: Option<SystemTime>,
}

/// Reads files, and keeps equal contents once.
#[derive(Debug)]
pub(super) struct Reader {
    memory_file_bytes_max: u64,
    by_hash: HashMap<u128, Bytes>,
}

impl Reader {
    pub(super) fn new(memory_file_bytes_max: u64) -> Self {
        Self { memory_file_bytes_max, by_hash: HashMap::new() }
    }

    /// The bytes in memory of the contents that are still in use, equal ones counted once.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.by_hash.values().filter(|bytes| !bytes.is_unique()).map(|bytes| bytes.len() as u64).sum()
    }

    /// Reads a file. The walk found one there; what is there now decides, so that it is looked at again.
    pub(super) fn read(&mut self, walked: &WalkedFile) -> io::Result<ReadFile> {
        let mut file = walked.open()?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let modified = metadata.modified().ok();
        match usize::try_from(metadata.len()) {
            Ok(length) if metadata.len() <= self.memory_file_bytes_max => {
                let bytes = read_to_memory(&mut file, length)?;
                let (hash, is_utf8) = (xxhash_rust::xxh3::xxh3_128(&bytes), std::str::from_utf8(&bytes).is_ok());
                Ok(ReadFile { content: Content::Memory(self.keep(hash, bytes)), hash, is_utf8, modified })
            }
            Ok(_) | Err(_) => {
                let scan = Scan::of(&mut file)?;
                let content = Content::Disk { file: Arc::new(file), length: scan.length };
                Ok(ReadFile { content, hash: scan.hasher.digest128(), is_utf8: scan.is_utf8, modified })
            }
        }
    }

    fn keep(&mut self, hash: u128, bytes: Vec<u8>) -> Bytes {
        match self.by_hash.get(&hash) {
            // XXH3 is no cryptographic hash: equal hashes are looked at once more before one file is served as another.
            Some(kept) if *kept == bytes => kept.clone(),
            Some(_) | None => {
                let bytes = Bytes::from(bytes);
                self.by_hash.insert(hash, bytes.clone());
                bytes
            }
        }
    }
}

/// Reads up to `length` bytes: what a file grew by meanwhile is left for the next load.
fn read_to_memory(file: &mut File, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match read_some(file, &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
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
    hasher: Box<Xxh3>,
    is_utf8: bool,
}

impl Scan {
    fn of(file: &mut File) -> io::Result<Self> {
        let mut scan = Self { length: 0, hasher: Box::new(Xxh3::new()), is_utf8: true };
        let mut buffer = vec![0; CHUNK_BYTES];
        // Bytes at the start of the buffer that began a character in the last chunk and did not end it; at most three.
        let mut carried = 0;
        loop {
            let count = read_some(file, &mut buffer[carried..])?;
            if count == 0 {
                scan.is_utf8 &= carried == 0;
                return Ok(scan);
            }
            scan.length += count as u64;
            scan.hasher.update(&buffer[carried..carried + count]);
            carried = if scan.is_utf8 { scan.check(&mut buffer, carried + count) } else { 0 };
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

    fn read(bytes: &[u8], memory_file_bytes_max: u64) -> ReadFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        Reader::new(memory_file_bytes_max).read(&WalkedFile::at(&path)).unwrap()
    }

    #[test]
    fn a_file_on_disk_has_the_hash_and_the_length_that_it_has_in_memory() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES as u32 + 77).flat_map(|number| number.to_le_bytes()).collect();
        let (memory, disk) = (read(&bytes, u64::MAX), read(&bytes, 0));
        assert!(matches!(disk.content, Content::Disk { .. }));
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
        assert!(Reader::new(1).read(&WalkedFile::at(&folder.path().join("link"))).is_err());
    }

    #[test]
    fn a_fifo_is_neither_waited_for_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(Reader::new(1).read(&WalkedFile::at(&path)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
