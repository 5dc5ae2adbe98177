//! The bytes of one side of a connection that have come in and are not used up yet.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::serve::deadline::Deadline;

/// Room that a read gets at least.
const READ_BYTES_MIN: usize = 2 * 1024;
/// Room for a first read: a request head and a small body, or a response head and a page.
const FIRST_BYTES: usize = 8 * 1024;
/// Room for reading a body: large enough that a system call is cheap against the bytes it moves.
const BODY_BYTES: usize = 64 * 1024;
/// Buffers beyond this are not kept for the next request.
const KEPT_BYTES: usize = 64 * 1024;

/// A buffer that is filled at its end and used up from its start.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// Always fully initialised; `start..end` is what came in.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// Why nothing came in.
#[derive(Debug)]
pub(crate) enum FillError {
    /// The deadline passed.
    TimedOut,
    /// The connection broke.
    Io(io::Error),
}

impl Inbound {
    /// What has come in and is not used up.
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The number of bytes in [`filled`](Self::filled).
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// `true` when all is used up.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Uses up the first bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Uses up `bytes` and lends them, and uses up `skip` more.
    pub(crate) fn take(&mut self, bytes: usize, skip: usize) -> &[u8] {
        let start = self.start;
        let end = (start + bytes).min(self.end);
        self.start = (end + skip).min(self.end);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Appends bytes that came in by another way.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len().max(FIRST_BYTES));
        let end = self.end + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.end..end) {
            room.copy_from_slice(bytes);
            self.end = end;
        }
    }

    /// Empties it, and gives memory back that a large body took.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.bytes.len() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }

    fn make_room(&mut self, wanted: usize) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.len() - self.end >= wanted {
            return;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < wanted {
            let size = (self.end + wanted).next_power_of_two();
            self.bytes.resize(size, 0);
        }
    }

    /// Reads once; 0 bytes is the end of the stream. `body` asks for the large room that streaming wants.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &RefCell<S>,
        room: Room,
    ) -> Poll<io::Result<usize>> {
        self.make_room(match room {
            Room::Head if self.bytes.is_empty() => FIRST_BYTES,
            Room::Head => READ_BYTES_MIN,
            Room::Body if self.is_empty() => BODY_BYTES,
            Room::Body => READ_BYTES_MIN,
        });
        let mut buffer = ReadBuf::new(self.bytes.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled().len();
        self.end += bytes;
        Poll::Ready(Ok(bytes))
    }

    /// [`poll_fill`](Self::poll_fill) until the deadline.
    pub(crate) async fn fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &RefCell<S>,
        room: Room,
        deadline: &mut Deadline,
    ) -> Result<usize, FillError> {
        poll_fn(|cx| match self.poll_fill(cx, stream, room) {
            Poll::Ready(result) => Poll::Ready(result.map_err(FillError::Io)),
            Poll::Pending => deadline.poll_passed(cx).map(|()| Err(FillError::TimedOut)),
        })
        .await
    }
}

/// How much room a read gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// A head is expected.
    Head,
    /// A body is expected.
    Body,
}
