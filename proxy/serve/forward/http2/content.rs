//! The content of a response on a stream: pieces are lent, and the server may send more when they are used up (RFC 9113 §5.2).

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, RecvStream};

use super::io_error;
use crate::http::hop;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::push_line;
use crate::serve::forward::content::Content;
use crate::serve::http1::body::{BodyError, Piece};
use crate::serve::http1::framing::Framing;

/// All trailers together: gRPC puts the details of an error there.
const TRAILER_BYTES_MAX: usize = 16 * 1024;

/// What comes on a stream behind the head.
pub(super) struct StreamContent<'a> {
    stream: RecvStream,
    current: Bytes,
    /// Came before it was asked for.
    ahead: Option<Bytes>,
    trailers: Vec<u8>,
    /// There is to be none: an answer to HEAD, a 204, a 304. From who sends some all the same, none is taken.
    is_empty: bool,
    /// What the stated length leaves; the `h2` crate holds the server to it.
    left: Option<u64>,
    deadline: &'a mut Deadline,
    idle: Duration,
}

impl<'a> StreamContent<'a> {
    pub(super) fn new(stream: RecvStream, framing: Framing, deadline: &'a mut Deadline, idle: Duration) -> Self {
        let left = match framing {
            Framing::Length(length) => Some(length),
            Framing::Empty | Framing::Chunked | Framing::UntilClose => None,
        };
        let is_empty = framing == Framing::Empty;
        Self { stream, current: Bytes::new(), ahead: None, trailers: Vec::new(), is_empty, left, deadline, idle }
    }

    /// The piece that was lent is used up: its room in the window is free again. An error here shows on the next read.
    fn release(&mut self) {
        let _ = self.stream.flow_control().release_capacity(self.current.len());
        self.current = Bytes::new();
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        self.deadline.set(self.idle);
        let Self { stream, deadline, left, .. } = self;
        poll_fn(|cx| match stream.poll_data(cx) {
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Ready(Some(Ok(data))) => Poll::Ready(Ok(Some(data))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(ended(error, *left).map(|()| None)),
            Poll::Pending => deadline.poll_passed(cx).map(|()| Err(BodyError::TimedOut)),
        })
        .await
    }

    async fn receive_trailers(&mut self) -> Result<(), BodyError> {
        let Self { stream, deadline, trailers, left, .. } = self;
        let fields = poll_fn(|cx| match stream.poll_trailers(cx) {
            Poll::Ready(Ok(fields)) => Poll::Ready(Ok(fields)),
            Poll::Ready(Err(error)) => Poll::Ready(ended(error, *left).map(|()| None)),
            Poll::Pending => deadline.poll_passed(cx).map(|()| Err(BodyError::TimedOut)),
        })
        .await?;
        for (name, value) in fields.iter().flatten() {
            if trailers.len() + name.as_str().len() + value.len() > TRAILER_BYTES_MAX {
                return Err(BodyError::Malformed("trailers are too long"));
            }
            if hop::may_trail(name.as_str().as_bytes()) {
                push_line(trailers, name.as_str().as_bytes(), value.as_bytes());
            }
        }
        Ok(())
    }
}

/// A reset without an error says that no more of the request is wanted; the response before it is whole (RFC 9113 §8.1).
fn ended(error: h2::Error, left: Option<u64>) -> Result<(), BodyError> {
    let is_whole = left.is_none_or(|left| left == 0);
    if is_whole && error.is_reset() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR) {
        return Ok(());
    }
    let error = io_error(error);
    if error.kind() == io::ErrorKind::UnexpectedEof { Err(BodyError::Truncated) } else { Err(BodyError::Io(error)) }
}

impl Content for StreamContent<'_> {
    fn is_at_hand(&mut self) -> bool {
        if self.is_empty {
            return true;
        }
        if self.ahead.is_none() && !self.stream.is_end_stream() {
            // Whoever waits for the next piece is woken then; this only looks.
            let looked = self.stream.poll_data(&mut Context::from_waker(Waker::noop()));
            self.ahead = match looked {
                Poll::Ready(Some(Ok(data))) => Some(data),
                Poll::Ready(None | Some(Err(_))) | Poll::Pending => None,
            };
        }
        self.ahead.is_some() || self.stream.is_end_stream()
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        if self.is_empty {
            return Ok(Piece::END);
        }
        self.release();
        while let Some(data) = self.receive().await? {
            self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
            if data.is_empty() {
                continue;
            }
            self.current = data;
            // An end that has come with the data travels with it; trailers would still be on their way.
            return Ok(Piece { data: &self.current, is_last: self.stream.is_end_stream(), trailers: &[] });
        }
        self.receive_trailers().await?;
        Ok(Piece { data: &[], is_last: true, trailers: &self.trailers })
    }
}
