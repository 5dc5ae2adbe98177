//! The body of a request on an HTTP/2 stream: pieces are lent, and the window is opened again when they are used up (RFC 9113 §5.2).

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::handle::Handle;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, RequestBody};
use crate::serve::http1::body::{BodyError, Piece};

/// A request body.
pub(super) struct Http2Body {
    stream: Rc<Handle>,
    /// What is lent.
    current: Vec<u8>,
    trailers: Vec<u8>,
    length: BodyLength,
    started: bool,
    allowance: u64,
    received_bytes: u64,
    deadline: Deadline,
    idle: Duration,
}

impl Http2Body {
    /// The body on this stream; `bytes_max` of zero is no limit.
    pub(super) fn new(stream: Rc<Handle>, length: BodyLength, bytes_max: u64, idle: Duration) -> Self {
        Self {
            stream,
            current: Vec::new(),
            trailers: Vec::new(),
            length,
            started: false,
            allowance: if bytes_max == 0 { u64::MAX } else { bytes_max },
            received_bytes: 0,
            deadline: Deadline::default(),
            idle,
        }
    }

    /// The piece that was lent is used up: its room in the window is free again.
    fn release(&mut self) {
        if !self.current.is_empty() {
            let bytes = u32::try_from(self.current.len()).unwrap_or(u32::MAX);
            self.stream.session().consumed(self.stream.id, bytes);
            self.current.clear();
        }
    }

    /// Receives into `current`; `false` at the end.
    async fn receive(&mut self) -> Result<bool, BodyError> {
        self.deadline.set(self.idle);
        let Self { stream, deadline, current, .. } = self;
        poll_fn(|cx| match stream.session().poll_inbox(cx, stream.id, current) {
            Poll::Ready(result) => Poll::Ready(result.map_err(BodyError::Io)),
            Poll::Pending => deadline.poll_passed(cx).map(|()| Err(BodyError::TimedOut)),
        })
        .await
    }

    /// Bytes of content that have come in.
    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Reads away what the client still sends, for a while: resetting the stream under an early response is right (RFC 9113 §8.1), but not all
    /// clients show the response then.
    pub(super) async fn linger(&mut self, limit: Duration) {
        if self.length == BodyLength::Empty {
            return;
        }
        self.release();
        self.deadline.set(limit);
        let Self { stream, deadline, current, .. } = self;
        poll_fn(|cx| {
            loop {
                current.clear();
                let received = stream.session().poll_inbox(cx, stream.id, current);
                match received {
                    Poll::Ready(Ok(true)) => {
                        let bytes = u32::try_from(current.len()).unwrap_or(u32::MAX);
                        stream.session().consumed(stream.id, bytes);
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return deadline.poll_passed(cx),
                }
            }
        })
        .await;
        current.clear();
    }

    /// `true` when the client has said all, and nothing of it waits but trailers.
    fn has_ended(&self) -> bool {
        self.stream.session().has_no_more(self.stream.id)
    }
}

impl Drop for Http2Body {
    fn drop(&mut self) {
        self.release();
    }
}

impl RequestBody for Http2Body {
    fn length(&self) -> BodyLength {
        self.length
    }

    fn is_started(&self) -> bool {
        self.started
    }

    fn is_done(&self) -> bool {
        self.length == BodyLength::Empty || (self.started && self.has_ended())
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn set_idle(&mut self, idle: Duration) {
        self.idle = idle;
    }

    /// A stream whose client has ended its side says nothing more here: a reset shows when the response is written.
    async fn client_gone(&mut self) {
        std::future::pending().await
    }

    /// It resets the stream, which the responder sees.
    async fn client_left(&mut self) {
        std::future::pending().await
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        self.started = true;
        self.release();
        if self.receive().await? {
            let bytes = self.current.len() as u64;
            self.received_bytes += bytes;
            self.allowance = self.allowance.checked_sub(bytes).ok_or(BodyError::TooLarge)?;
            // An end that has come with the data travels with it; trailers would still be on their way.
            return Ok(Piece { data: &self.current, is_last: self.has_ended(), trailers: &[] });
        }
        self.trailers = self.stream.session().take_trailers(self.stream.id);
        Ok(Piece { data: &[], is_last: true, trailers: &self.trailers })
    }
}
