//! The bytes of a file: in memory, or stored where they can be sent from.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::stored::Stored;
use super::unchanged::Origin;

/// How much is compared at once.
const COMPARED_BYTES: usize = 64 * 1024;

/// Where the bytes of a representation are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In memory.
    Memory(Bytes),
    /// Where they can be sent from as from a file.
    Stored(Arc<Stored>),
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.length(),
        }
    }

    /// `true` when they are read from disk each time.
    pub(super) fn is_on_disk(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Stored(stored) => stored.is_on_disk(),
        }
    }

    /// Its bytes, if they are not on disk.
    pub(super) fn in_memory(&self) -> Option<Bytes> {
        match self {
            Self::Memory(bytes) => Some(bytes.clone()),
            Self::Stored(stored) if stored.is_on_disk() => None,
            Self::Stored(stored) => stored.copy(0, stored.length()).or_else(|| {
                let mut bytes = vec![0; usize::try_from(stored.length()).ok()?];
                stored.read_exact_at(&mut bytes, 0).ok()?;
                Some(bytes.into())
            }),
        }
    }

    /// How many bytes of it are in memory of any kind.
    pub(super) fn memory_bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.memory_bytes(),
        }
    }

    /// `true` when it is still what was loaded.
    pub(super) fn is_unchanged(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::Stored(stored) => stored.opened().is_ok(),
        }
    }

    /// `true` when it lies in one piece of memory with other contents.
    pub(super) fn is_on_shelf(&self) -> bool {
        matches!(self, Self::Stored(stored) if !stored.is_on_disk())
    }

    /// The same bytes, in memory of their own if they lie on a shelf.
    pub(super) fn detached(&self) -> Self {
        self.in_memory().map_or_else(|| self.clone(), Self::Memory)
    }

    /// `true` when somebody else has it too.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Memory(bytes) => !bytes.is_unique(),
            Self::Stored(stored) => Arc::strong_count(stored) > 1,
        }
    }

    /// The first and the last `N` bytes; `None` when there are fewer.
    pub(super) fn ends<const N: usize>(&self) -> io::Result<Option<([u8; N], [u8; N])>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.first_chunk().copied().zip(bytes.last_chunk().copied())),
            Self::Stored(stored) => {
                let Some(last_offset) = stored.length().checked_sub(N as u64) else { return Ok(None) };
                let (mut first, mut last) = ([0; N], [0; N]);
                stored.read_exact_at(&mut first, 0)?;
                stored.read_exact_at(&mut last, last_offset)?;
                Ok(Some((first, last)))
            }
        }
    }

    /// Whether it has these bytes. What cannot be read has not.
    pub(super) fn has(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Memory(kept) => kept == bytes,
            Self::Stored(stored) => {
                let mut buffer = vec![0; COMPARED_BYTES];
                let mut offset = 0;
                stored.length() == bytes.len() as u64
                    && bytes.chunks(COMPARED_BYTES).all(|chunk| {
                        let Some(read) = buffer.get_mut(..chunk.len()) else { return false };
                        let is_read = stored.read_exact_at(read, offset).is_ok();
                        offset += chunk.len() as u64;
                        is_read && read == chunk
                    })
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
    /// The file; `None` when it is to be read anew by the next load.
    pub(super) origin: Option<Origin>,
}
