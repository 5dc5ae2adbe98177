//! Pipes through which stored contents go into sockets without being looked up again: see `assets::Spool`.
//!
//! A content is lined up in a pipe of the worker, and that is emptied into the socket. A client that does not take all at once keeps the pipe for the
//! rest. There are few: where slow clients have them all, others are sent to from the file.

use std::cell::{Cell, RefCell};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags};

use crate::assets::{SPOOL_BYTES_MAX, Spool};

/// Pipes of one worker, each with room for [`SPOOL_BYTES_MAX`]: 256 of the 16,384 pages that the kernel lets all pipes of a user have.
const SIPHONS_MAX: usize = 4;

/// The pipes of one worker.
#[derive(Debug)]
pub(crate) struct Siphons {
    idle: RefCell<Vec<Pipe>>,
    /// How many may still be in use.
    left: Cell<usize>,
}

impl Default for Siphons {
    fn default() -> Self {
        Self { idle: RefCell::default(), left: Cell::new(SIPHONS_MAX) }
    }
}

#[derive(Debug)]
struct Pipe {
    end: OwnedFd,
    entry: OwnedFd,
}

impl Pipe {
    fn new() -> Option<Self> {
        let (end, entry) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        rustix::pipe::fcntl_setpipe_size(&entry, usize::try_from(SPOOL_BYTES_MAX).ok()?).ok()?;
        Some(Self { end, entry })
    }
}

impl Siphons {
    /// A pipe with this content in it; `None` when there is none to be had.
    pub(crate) fn draw(&self, spool: &Spool) -> Option<Siphon<'_>> {
        let left = self.left.get().checked_sub(1)?;
        let idle = self.idle.borrow_mut().pop();
        let pipe = idle.or_else(Pipe::new)?;
        let filled = spool.tee(&pipe.entry).unwrap_or(0);
        // With a part in it, it is of no use to anybody.
        if filled != spool.length() {
            return None;
        }
        self.left.set(left);
        Some(Siphon { pipe: Some(pipe), filled, siphons: self })
    }
}

/// A pipe with a content in it.
#[derive(Debug)]
pub(crate) struct Siphon<'a> {
    /// `None` once it is dropped.
    pipe: Option<Pipe>,
    filled: usize,
    siphons: &'a Siphons,
}

impl Siphon<'_> {
    /// How much is in it.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Sends what the socket takes now.
    pub(crate) fn pour(&mut self, socket: BorrowedFd<'_>) -> rustix::io::Result<usize> {
        let Some(pipe) = &self.pipe else { return Ok(0) };
        let sent = rustix::pipe::splice(&pipe.end, None, socket, None, self.filled, SpliceFlags::NONBLOCK)?;
        self.filled = self.filled.saturating_sub(sent);
        Ok(sent)
    }
}

impl Drop for Siphon<'_> {
    fn drop(&mut self) {
        self.siphons.left.set(self.siphons.left.get() + 1);
        // What a client left in it is nobody else's.
        if self.filled == 0 {
            self.siphons.idle.borrow_mut().extend(self.pipe.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use super::*;
    use crate::assets::Stored;

    /// A content that is on a shelf.
    fn stored(bytes: &[u8]) -> Arc<Stored> {
        Arc::new(Stored::on_shelf(bytes).unwrap())
    }

    fn content() -> Vec<u8> {
        (0..400_000_u32).map(|number| (number / 3) as u8).collect()
    }

    #[test]
    fn a_content_goes_through_as_it_is_however_slowly_it_is_taken() {
        let (bytes, siphons) = (content(), Siphons::default());
        let stored = stored(&bytes);
        for _ in 0..3 {
            let mut siphon = siphons.draw(stored.spool(0, 400_000).unwrap()).unwrap();
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut taken = Vec::new();
            while siphon.filled() > 0 {
                match siphon.pour(ours.as_fd()) {
                    Ok(_) => {}
                    Err(error) => {
                        assert_eq!(error, rustix::io::Errno::AGAIN);
                        let mut some = [0; 10_000];
                        let count = theirs.read(&mut some).unwrap();
                        taken.extend_from_slice(&some[..count]);
                    }
                }
            }
            drop((siphon, ours));
            theirs.read_to_end(&mut taken).unwrap();
            assert!(taken == bytes);
        }
        assert_eq!(siphons.idle.borrow().len(), 1);
    }

    #[test]
    fn what_one_client_left_no_other_client_gets() {
        let siphons = Siphons::default();
        let stored = stored(&content());
        drop(siphons.draw(stored.spool(0, 400_000).unwrap()).unwrap());
        assert_eq!((siphons.idle.borrow().len(), siphons.left.get()), (0, SIPHONS_MAX));
    }

    #[test]
    fn slow_clients_have_no_more_than_a_few() {
        let siphons = Siphons::default();
        let stored = stored(&content());
        let spool = stored.spool(0, 400_000).unwrap();
        let held: Vec<_> = std::iter::from_fn(|| siphons.draw(spool)).take(100).collect();
        assert_eq!(held.len(), SIPHONS_MAX);
        drop(held);
        assert!(siphons.draw(spool).is_some());
    }
}
