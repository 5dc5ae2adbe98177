//! One stream of a connection, as both of its sides see it (RFC 9113 §5.1).

use std::io;
use std::task::{Context, Waker};

use bytes::Bytes;

/// The window of a stream: an upload over a path of 50 ms gets 40 Mbit/s of it.
pub(super) const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// What the client does on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inbound {
    /// It may send more.
    Open,
    /// It has said all.
    Ended,
    /// It, or we, have reset the stream.
    Reset,
}

/// What we do on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outbound {
    /// Nothing final was said.
    Idle,
    /// The head was sent.
    Begun,
    /// All was said, or the stream was reset.
    Ended,
}

/// A head that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentHead {
    /// Another follows (RFC 9110 §15.2).
    Interim,
    /// Content follows.
    Begins,
    /// Nothing follows.
    Whole,
}

/// What follows the content that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// More of it.
    More,
    /// Nothing.
    End,
    /// A block of trailers, and nothing more.
    Trailers(Vec<u8>),
}

/// A stream that has a task.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// Content that came in and was not read yet.
    pub(super) inbox: Vec<u8>,
    /// Trailers that came in, as lines.
    pub(super) trailers: Vec<u8>,
    /// Bytes that the client may still send.
    pub(super) receive_window: i64,
    /// Bytes that were read and that the client was not told of.
    pub(super) credit: u32,
    /// What the stated length leaves to come.
    pub(super) content_left: Option<u64>,
    /// Bytes that we may send. Below zero after a change of the settings (RFC 9113 §6.9.2).
    pub(super) send_window: i64,
    /// Content that waits for the windows.
    pub(super) pending: Bytes,
    pub(super) then: Then,
    /// It is in the queue of those that can send.
    pub(super) is_queued: bool,
    waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(id: u32, inbound: Inbound, content_left: Option<u64>, send_window: i64) -> Self {
        Self {
            id,
            inbound,
            outbound: Outbound::Idle,
            inbox: Vec::new(),
            trailers: Vec::new(),
            receive_window: i64::from(STREAM_WINDOW_BYTES),
            credit: 0,
            content_left,
            send_window,
            pending: Bytes::new(),
            then: Then::More,
            is_queued: false,
            waker: None,
        }
    }

    /// `true` while content waits and the window of the stream lets some of it go.
    pub(super) fn can_send(&self) -> bool {
        !self.pending.is_empty() && self.send_window > 0
    }

    /// Remembers who waits.
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Wakes who waits.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The stream, or its connection, is gone.
pub(super) fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
