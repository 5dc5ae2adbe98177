//! A content lined up in a pipe, in large pieces.
//!
//! Who sends from a file has the kernel look up, hold and let go every page of it, which is half of the work of sending. A socket keeps what it is given
//! in pieces of up to eight pages, and what is moved from it into a pipe stays in them. So the content is written through a pair of sockets into a pipe,
//! once, when it is first asked for. `tee` gives its pieces to another pipe, uncopied, and from there they go into a client's socket. The first pipe is
//! never read from.
//!
//! It is a shorter way and no other place: what cannot be lined up is sent from its file.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::{PipeFlags, SpliceFlags};

/// What is written at once: the most for which a socket takes one piece of eight pages, behind one of less.
const PIECE_BYTES: usize = 44 * 1024;
/// What a process without privileges may make a pipe hold, unless the system says otherwise.
pub const SPOOL_BYTES_MAX: u64 = 1 << 20;
/// Pages that the spools of one shelf have room for: 8 MiB of memory beside that of the files. The kernel lets all pipes of a user have 16,384, and those
/// of our children count too.
const PAGES_MAX: u64 = 2048;

/// What the spools of one shelf may still take.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Left>);

#[derive(Debug)]
struct Left {
    descriptors: AtomicU64,
    pages: AtomicU64,
}

impl Budget {
    /// For at most so many spools, which have a descriptor each.
    pub(super) fn new(spools_max: usize) -> Self {
        Self(Arc::new(Left { descriptors: AtomicU64::new(spools_max as u64), pages: AtomicU64::new(PAGES_MAX) }))
    }

    fn take(&self, pages: u64) -> bool {
        let take =
            |left: &AtomicU64, count| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count)).is_ok();
        if !take(&self.0.pages, pages) {
            return false;
        }
        let is_taken = take(&self.0.descriptors, 1);
        if !is_taken {
            self.0.pages.fetch_add(pages, Ordering::Relaxed);
        }
        is_taken
    }

    fn give_back(&self, pages: u64) {
        self.0.pages.fetch_add(pages, Ordering::Relaxed);
        self.0.descriptors.fetch_add(1, Ordering::Relaxed);
    }
}

/// The spool of one content, if it has come to have one.
#[derive(Debug)]
pub(super) struct Place {
    budget: Budget,
    spool: OnceLock<Option<Spool>>,
}

impl Place {
    pub(super) fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), spool: OnceLock::new() }
    }

    /// The spool of the part of `file` that this place is for; lined up when it is first asked for.
    pub(super) fn spool(&self, file: &File, (start, length): (u64, u64), page_bytes: u64) -> Option<&Spool> {
        let fill = || {
            // The kernel counts the room of a pipe, which is a power of two.
            let pages = length.div_ceil(page_bytes).next_power_of_two();
            if length > SPOOL_BYTES_MAX || !self.budget.take(pages) {
                return None;
            }
            // Refused: too many descriptors, too many pages in pipes, no large pieces of memory, no sockets.
            Spool::fill(file, start, length).inspect_err(|_| self.budget.give_back(pages)).ok()
        };
        self.spool.get_or_init(fill).as_ref()
    }
}

/// A content in a pipe.
#[derive(Debug)]
pub struct Spool {
    /// Where it could be read. Nobody can write any more.
    end: OwnedFd,
    length: usize,
}

impl Spool {
    fn fill(file: &File, start: u64, length: u64) -> rustix::io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| Errno::TOOBIG)?;
        let (end, entry) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        rustix::pipe::fcntl_setpipe_size(&entry, length)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (near, far) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let mut piece = vec![0; PIECE_BYTES.min(length)];
        let mut filled = 0;
        while filled < length {
            let wanted = piece.len().min(length - filled);
            let bytes = rustix::io::pread(file, piece.get_mut(..wanted).unwrap_or_default(), start + filled as u64)?;
            if bytes == 0 {
                return Err(Errno::NODATA);
            }
            let written = rustix::io::write(&near, piece.get(..bytes).unwrap_or_default())?;
            move_all(&far, &entry, written)?;
            filled += written;
        }
        Ok(Self { end, length })
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Lines the content up in another pipe too, which must be empty; gives how much found room in it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn tee(&self, pipe: impl AsFd) -> rustix::io::Result<usize> {
        rustix::pipe::tee(&self.end, pipe, self.length, SpliceFlags::NONBLOCK)
    }
}

/// Moves so many bytes, which are there, out of a socket into a pipe; fails when that has no room.
fn move_all(socket: &OwnedFd, pipe: &OwnedFd, mut left: usize) -> rustix::io::Result<()> {
    while left > 0 {
        match rustix::pipe::splice(socket, None, pipe, None, left, SpliceFlags::NONBLOCK)? {
            0 => return Err(Errno::NODATA),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    const PAGE_BYTES: u64 = 4096;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_content_comes_out_of_its_spool_again_and_again() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number / 7) as u8).collect();
        let file = file(&bytes);
        let place = Place::new(&Budget::new(1));
        for _ in 0..3 {
            let spool = place.spool(&file, (8192, 200_001), PAGE_BYTES).unwrap();
            assert_eq!(spool.length(), 200_001);
            let (end, entry) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
            rustix::pipe::fcntl_setpipe_size(&entry, spool.length()).unwrap();
            assert_eq!(spool.tee(&entry).unwrap(), 200_001);
            drop(entry);
            let mut out = Vec::new();
            File::from(end).read_to_end(&mut out).unwrap();
            assert!(out == bytes[8192..208_193]);
        }
    }

    #[test]
    fn a_spool_keeps_its_content_when_the_file_is_changed() {
        let file = file(&[b'a'; 100_000]);
        let place = Place::new(&Budget::new(1));
        let spool = place.spool(&file, (0, 100_000), PAGE_BYTES).unwrap();
        rustix::io::pwrite(&file, &[b'b'; 100_000], 0).unwrap();
        let (end, entry) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        rustix::pipe::fcntl_setpipe_size(&entry, 1 << 18).unwrap();
        assert_eq!(spool.tee(&entry).unwrap(), 100_000);
        let mut out = [0; 100_000];
        File::from(end).read_exact(&mut out).unwrap();
        assert!(out == [b'a'; 100_000]);
    }

    #[test]
    fn spools_of_a_shelf_take_no_more_pages_and_descriptors_than_they_may_together() {
        let file = file(&vec![0; 1 << 20]);
        let budget = Budget::new(100);
        let places: Vec<_> = (0..10).map(|_| Place::new(&budget)).collect();
        // Rounded up to 256 pages each.
        let made = places.iter().filter(|place| place.spool(&file, (0, 900_000), PAGE_BYTES).is_some()).count();
        assert_eq!(made as u64, PAGES_MAX / 256);
        let budget = Budget::new(3);
        let places: Vec<_> = (0..10).map(|_| Place::new(&budget)).collect();
        assert_eq!(places.iter().filter(|place| place.spool(&file, (0, 1 << 17), PAGE_BYTES).is_some()).count(), 3);
    }

    #[test]
    fn what_is_longer_than_a_pipe_or_than_its_file_has_no_spool() {
        let file = file(&vec![0; 1 << 20]);
        let budget = Budget::new(2);
        assert!(Place::new(&budget).spool(&file, (0, SPOOL_BYTES_MAX + 1), PAGE_BYTES).is_none());
        assert!(Place::new(&budget).spool(&file, (4096, 1 << 20), PAGE_BYTES).is_none());
    }
}
