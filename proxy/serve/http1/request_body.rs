//! The body of a request, which may have to be asked for first (RFC 9110 §10.1.1).

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{BodyError, BodyReader, Piece};
use super::framing::Framing;
use super::outbound::write_all;
use super::respond::Expectation;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, RequestBody};

/// A request body on an HTTP/1 connection.
pub(super) struct Http1Body<'a, S> {
    reader: BodyReader<'a, S>,
    stream: &'a RefCell<S>,
    expectation: &'a Cell<Expectation>,
    idle: Duration,
    length: BodyLength,
    started: bool,
    /// The request had to wait for its upstream: its client may have left meanwhile.
    waited: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Http1Body<'a, S> {
    pub(super) fn new(
        reader: BodyReader<'a, S>,
        stream: &'a RefCell<S>,
        expectation: &'a Cell<Expectation>,
        framing: Framing,
        idle: Duration,
    ) -> Self {
        let length = match framing {
            Framing::Empty | Framing::UntilClose => BodyLength::Empty,
            Framing::Length(length) => BodyLength::Known(length),
            Framing::Chunked => BodyLength::Unknown,
        };
        Self { reader, stream, expectation, idle, length, started: false, waited: false }
    }

    /// Bytes of content that have come in.
    pub(super) fn received_bytes(&self) -> u64 {
        self.reader.received_bytes()
    }

    /// Reads the rest away, if it is short and comes soon. `true` when the connection can go on.
    pub(super) async fn discard(&mut self, bytes_max: u64) -> bool {
        if self.is_done() {
            return true;
        }
        // A client that still waits for its 100 may send no body at all now.
        if self.expectation.get() != Expectation::Met {
            return false;
        }
        let mut bytes = 0;
        loop {
            match self.reader.next().await {
                Ok(piece) => {
                    bytes += piece.data.len() as u64;
                    if piece.is_last {
                        return true;
                    }
                    if bytes > bytes_max {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RequestBody for Http1Body<'_, S> {
    fn length(&self) -> BodyLength {
        self.length
    }

    fn is_started(&self) -> bool {
        self.started
    }

    fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    fn has_buffered(&self) -> bool {
        self.reader.has_buffered()
    }

    fn is_withheld(&self) -> bool {
        self.expectation.get() == Expectation::Waiting && !self.reader.has_buffered()
    }

    async fn client_gone(&mut self) {
        self.reader.sender_gone().await;
    }

    async fn client_left(&mut self) {
        if self.is_done() {
            return self.client_gone().await;
        }
        self.waited = true;
        self.reader.sender_left().await;
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        self.started = true;
        if self.expectation.get() == Expectation::Waiting {
            self.expectation.set(Expectation::Met);
            if !self.reader.has_buffered() {
                let mut deadline = Deadline::default();
                let line = b"HTTP/1.1 100 Continue\r\n\r\n";
                write_all(self.stream, [line, &[], &[], &[]], &mut deadline, self.idle).await.map_err(BodyError::Io)?;
            }
        }
        // Of a long body only so much was read while it waited. Without its end a request is not executed.
        if self.waited && self.reader.is_abandoned().await? {
            return Err(BodyError::Truncated);
        }
        self.reader.next().await
    }
}
