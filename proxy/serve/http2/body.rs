//! The body of a request on an HTTP/2 stream: pieces are lent, and the window is opened again when they are used up (RFC 9113 §5.2).

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;

use crate::http::hop;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, RequestBody, push_line};
use crate::serve::http1::body::{BodyError, Piece};

/// All trailers together.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// A request body.
pub(super) struct Http2Body {
    stream: RecvStream,
    current: Bytes,
    trailers: Vec<u8>,
    length: BodyLength,
    started: bool,
    allowance: u64,
    received_bytes: u64,
    deadline: Deadline,
    idle: Duration,
}

impl Http2Body {
    /// The body on this stream. `content_length` is what its head says; `bytes_max` of zero is no limit.
    pub(super) fn new(stream: RecvStream, content_length: Option<u64>, bytes_max: u64, idle: Duration) -> Self {
        let length = match content_length {
            _ if stream.is_end_stream() => BodyLength::Empty,
            Some(length) => BodyLength::Known(length),
            None => BodyLength::Unknown,
        };
        let allowance = if bytes_max == 0 { u64::MAX } else { bytes_max };
        Self {
            stream,
            current: Bytes::new(),
            trailers: Vec::new(),
            length,
            started: false,
            allowance,
            received_bytes: 0,
            deadline: Deadline::default(),
            idle,
        }
    }

    /// The piece that was lent is used up: its room in the window is free again. An error here shows on the next read.
    fn release(&mut self) {
        let _ = self.stream.flow_control().release_capacity(self.current.len());
        self.current = Bytes::new();
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.deadline.set(self.idle);
        let Self { stream, deadline, .. } = self;
        poll_fn(|cx| match stream.poll_data(cx) {
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Ready(Some(result)) => Poll::Ready(result.map(Some).map_err(broken)),
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
        self.release();
        self.deadline.set(limit);
        let Self { stream, deadline, .. } = self;
        poll_fn(|cx| {
            loop {
                match stream.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) => {
                        let _ = stream.flow_control().release_capacity(data.len());
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return deadline.poll_passed(cx),
                }
            }
        })
        .await;
    }

    async fn receive_trailers(&mut self) -> Result<(), BodyError> {
        let Self { stream, deadline, trailers, .. } = self;
        let fields = poll_fn(|cx| match stream.poll_trailers(cx) {
            Poll::Ready(result) => Poll::Ready(result.map_err(broken)),
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

fn broken(error: h2::Error) -> BodyError {
    BodyError::Io(error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into()))
}

impl RequestBody for Http2Body {
    fn length(&self) -> BodyLength {
        self.length
    }

    fn is_started(&self) -> bool {
        self.started
    }

    fn has_buffered(&self) -> bool {
        false
    }

    /// A stream whose client has ended its side says nothing more here: a reset shows when the response is written.
    async fn client_gone(&mut self) {
        std::future::pending().await
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        self.started = true;
        self.release();
        while let Some(data) = self.receive().await? {
            self.received_bytes += data.len() as u64;
            self.allowance = self.allowance.checked_sub(data.len() as u64).ok_or(BodyError::TooLarge)?;
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
