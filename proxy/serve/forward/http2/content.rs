//! The content of a response on a stream: pieces are lent, and the server may send more when they are used up (RFC 9113 §5.2).
//!
//! While a client takes nothing, what comes is taken from the `h2` crate all the same, up to that window, and small frames of it are put together: kept one by
//! one each costs more than it carries, and beyond a limit the crate ends the connection, which others share.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

/// Frames below it are put together.
const SMALL_BYTES: usize = 1024;
/// Into pieces of about this.
const GATHERED_BYTES: usize = 16 * 1024;

/// What comes on a stream behind the head, as it comes.
pub(super) struct Intake {
    stream: RecvStream,
    /// Came before it was asked for.
    ahead: VecDeque<Bytes>,
    /// What came behind that, in small frames.
    gathered: BytesMut,
    /// Somebody waits for what comes next.
    is_awaited: bool,
}

impl Intake {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self { stream, ahead: VecDeque::new(), gathered: BytesMut::new(), is_awaited: false }
    }

    /// The next of it. An error, and the end, show again whenever they are looked for.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        match self.ahead.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None if !self.gathered.is_empty() => Poll::Ready(Some(Ok(self.gathered.split().freeze()))),
            None => self.stream.poll_data(cx),
        }
    }

    /// Takes what has come, which nobody waits for. The window bounds it, as none of it is given back.
    fn gather(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(Ok(data))) = self.stream.poll_data(cx) {
            let is_small = data.len() < SMALL_BYTES && !self.ahead.is_empty();
            if is_small {
                self.gathered.extend_from_slice(&data);
            }
            if !self.gathered.is_empty() && (!is_small || self.gathered.len() >= GATHERED_BYTES) {
                self.ahead.push_back(self.gathered.split().freeze());
            }
            if !is_small {
                self.ahead.push_back(data);
            }
        }
    }

    /// `true` when there is something at hand, or nothing more to come. Whoever waits is woken then; this only looks.
    fn look(&mut self) -> bool {
        if self.ahead.is_empty()
            && !self.stream.is_end_stream()
            && let Poll::Ready(Some(Ok(data))) = self.stream.poll_data(&mut Context::from_waker(Waker::noop()))
        {
            self.ahead.push_back(data);
        }
        !self.ahead.is_empty() || self.stream.is_end_stream()
    }

    /// `true` when there is nothing more, not even trailers.
    pub(super) fn is_ended(&self) -> bool {
        self.ahead.is_empty() && self.gathered.is_empty() && self.stream.is_end_stream()
    }
}

/// Does some work with what comes, and gathers that while the work waits for something else.
pub(super) async fn gathering<T>(mut work: Pin<&mut impl Future<Output = T>>, intake: &RefCell<Intake>) -> T {
    poll_fn(|cx| {
        // Who waited once may be busy with something else by now.
        intake.borrow_mut().is_awaited = false;
        let worked = work.as_mut().poll(cx);
        let mut intake = intake.borrow_mut();
        if worked.is_pending() && !intake.is_awaited {
            intake.gather(cx);
        }
        worked
    })
    .await
}

/// The content, piece by piece.
pub(super) struct StreamContent<'a> {
    intake: &'a RefCell<Intake>,
    current: Bytes,
    trailers: Vec<u8>,
    /// There is to be none: an answer to HEAD, a 204, a 304. From who sends some all the same, none is taken.
    is_empty: bool,
    /// What the stated length leaves; the `h2` crate holds the server to it.
    left: Option<u64>,
    deadline: &'a mut Deadline,
    idle: Duration,
}

impl<'a> StreamContent<'a> {
    pub(super) fn new(intake: &'a RefCell<Intake>, framing: Framing, deadline: &'a mut Deadline, idle: Duration) -> Self {
        let left = match framing {
            Framing::Length(length) => Some(length),
            Framing::Empty | Framing::Chunked | Framing::UntilClose => None,
        };
        let is_empty = framing == Framing::Empty;
        Self { intake, current: Bytes::new(), trailers: Vec::new(), is_empty, left, deadline, idle }
    }

    /// The piece that was lent is used up: its room in the window is free again. An error here shows on the next read.
    fn release(&mut self) {
        let _ = self.intake.borrow_mut().stream.flow_control().release_capacity(self.current.len());
        self.current = Bytes::new();
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.deadline.set(self.idle);
        let Self { intake, deadline, left, .. } = self;
        let received = poll_fn(|cx| {
            let mut intake = intake.borrow_mut();
            let polled = intake.poll(cx);
            intake.is_awaited = polled.is_pending();
            match polled {
                Poll::Ready(None) => Poll::Ready(Ok(None)),
                Poll::Ready(Some(Ok(data))) => Poll::Ready(Ok(Some(data))),
                Poll::Ready(Some(Err(error))) => Poll::Ready(ended(error, *left).map(|()| None)),
                Poll::Pending => deadline.poll_passed(cx).map(|()| Err(BodyError::TimedOut)),
            }
        });
        received.await
    }

    async fn receive_trailers(&mut self) -> Result<(), BodyError> {
        let Self { intake, deadline, trailers, left, .. } = self;
        let fields = poll_fn(|cx| match intake.borrow_mut().stream.poll_trailers(cx) {
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
        self.intake.borrow_mut().look()
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
            return Ok(Piece { data: &self.current, is_last: self.intake.borrow().is_ended(), trailers: &[] });
        }
        self.receive_trailers().await?;
        Ok(Piece { data: &[], is_last: true, trailers: &self.trailers })
    }
}
