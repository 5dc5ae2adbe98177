//! The bytes of one side of a connection that have come in and are not used up yet.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::serve::deadline::Deadline;
use crate::serve::pool::Pool;

/// Room that a read gets at least.
const READ_BYTES_MIN: usize = 2 * 1024;
/// Room for a first read: a request head and a small body, or a response head and a page.
const FIRST_BYTES: usize = 8 * 1024;
/// Room for reading a body: large enough that a system call is cheap against the bytes it moves. (Half as much takes a fifth longer at 100 KiB.)
const BODY_BYTES: usize = 128 * 1024;
/// Buffers beyond this are not kept for the next request.
const KEPT_BYTES: usize = BODY_BYTES;

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

    /// [`poll_fill`](Self::poll_fill) for what may be long in coming: while nothing does, it holds no memory but shares that of a pool.
    pub(crate) fn poll_fill_from<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        (stream, pool): (&RefCell<S>, &Pool<Self>),
        room: Room,
    ) -> Poll<io::Result<usize>> {
        if !self.is_empty() {
            return self.poll_fill(cx, stream, room);
        }
        if !self.has_memory() {
            *self = pool.take();
        }
        let filled = self.poll_fill(cx, stream, room);
        if filled.is_pending() {
            self.give_to(pool);
        }
        filled
    }

    /// Gives its memory to a pool, if it has any.
    pub(crate) fn give_to(&mut self, pool: &Pool<Self>) {
        self.clear();
        if self.has_memory() {
            pool.give(std::mem::take(self));
        }
    }

    fn has_memory(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// [`poll_fill`](Self::poll_fill) until the deadline; with a pool, [`poll_fill_from`](Self::poll_fill_from).
    pub(crate) async fn fill<S: AsyncRead + Unpin>(
        &mut self,
        (stream, pool): (&RefCell<S>, Option<&Pool<Self>>),
        room: Room,
        deadline: &mut Deadline,
    ) -> Result<usize, FillError> {
        poll_fn(|cx| {
            let filled = match pool {
                Some(pool) => self.poll_fill_from(cx, (stream, pool), room),
                None => self.poll_fill(cx, stream, room),
            };
            match filled {
                Poll::Ready(result) => Poll::Ready(result.map_err(FillError::Io)),
                Poll::Pending => deadline.poll_passed(cx).map(|()| Err(FillError::TimedOut)),
            }
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_bytes_holds_no_memory_and_who_gets_them_does() {
        let (near, mut far) = tokio::io::duplex(64);
        let (stream, pool) = (RefCell::new(near), Pool::default());
        let mut waiting = Inbound::default();
        let fill = |waiting: &mut Inbound| {
            let mut context = Context::from_waker(std::task::Waker::noop());
            waiting.poll_fill_from(&mut context, (&stream, &pool), Room::Body)
        };
        assert!(fill(&mut waiting).is_pending() && !waiting.has_memory());
        far.write_all(b"ab").await.expect("written");
        assert!(matches!(fill(&mut waiting), Poll::Ready(Ok(2))));
        assert_eq!(waiting.filled(), b"ab");
        assert!(fill(&mut waiting).is_pending() && waiting.has_memory(), "what came in stays");
        waiting.consume(2);
        assert!(fill(&mut waiting).is_pending() && !waiting.has_memory());
    }
}
