//! What a client has sent and was not looked at yet. A connection has one while it is read, and keeps it only while a frame is there in part.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::http::frame::{HEAD_BYTES, Head, PAYLOAD_BYTES_MAX};

/// Room for the largest frame, and for what comes with it.
const BYTES: usize = 2 * PAYLOAD_BYTES_MAX;

/// The bytes.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Empty or [`BYTES`] long, and always initialised; `start..end` is what came in.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What stands at the beginning of what came in.
pub(super) enum Next {
    /// A frame.
    Frame(Head),
    /// One that is larger than we take.
    TooLarge,
    /// Not enough to tell.
    Nothing,
}

impl Intake {
    /// What came in and was not used up.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether a whole frame is there.
    pub(super) fn next(&self) -> Next {
        match Head::read(self.filled()) {
            None => Next::Nothing,
            Some(head) if head.length > PAYLOAD_BYTES_MAX => Next::TooLarge,
            Some(head) if self.end - self.start >= HEAD_BYTES + head.length => Next::Frame(head),
            Some(_) => Next::Nothing,
        }
    }

    /// The payload of the frame with this head, which is there.
    pub(super) fn payload(&self, head: Head) -> &[u8] {
        self.filled().get(HEAD_BYTES..HEAD_BYTES + head.length).unwrap_or_default()
    }

    /// Uses up the first bytes.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// `true` when nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once behind what is there; 0 bytes is the end of the stream.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<usize>> {
        if self.bytes.is_empty() {
            self.bytes.resize(BYTES, 0);
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let mut room = ReadBuf::new(self.bytes.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(stream).poll_read(cx, &mut room))?;
        let bytes = room.filled().len();
        self.end += bytes;
        Poll::Ready(Ok(bytes))
    }

    /// Forgets what is there.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}
