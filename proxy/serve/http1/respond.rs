//! Answering on an HTTP/1 connection: the head, the framing of the content, and what becomes of the connection.

mod parts;

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use tokio::io::AsyncWrite;

use super::body::Piece;
use super::chunk_frame::ChunkFrame;
use super::framing::Framing;
use super::outbound::{self, PIECES_MAX, write_all};
use crate::assets::{Body, Stored};
use crate::http::hop;
use crate::http::request::{Known, Method, RequestHead, Version};
use crate::serve::deadline::Deadline;
use crate::serve::disk::Disk;
use crate::serve::exchange::{ContentLength, Responder, ResponseHead, Sent};
use crate::serve::file;
use crate::serve::plain::SendFile;
use crate::serve::siphon::{Siphon, Siphons};

/// What follows a head is copied behind it up to this size: the kernel takes one piece of memory faster than it looks at several.
const JOINED_BYTES_MAX: usize = 4 * 1024;

/// Whether the client waits for a 100 before it sends its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It does not, or has got it.
    Met,
    /// It does.
    Waiting,
    /// It did, and got its answer instead: whether it sends the body now nobody knows.
    Answered,
}

/// Answers one request.
#[derive(Debug)]
pub(crate) struct Http1Responder<'a, S> {
    stream: &'a RefCell<S>,
    out: &'a mut Vec<u8>,
    deadline: &'a mut Deadline,
    expectation: &'a Cell<Expectation>,
    idle: Duration,
    disk: &'a Disk,
    siphons: &'a Siphons,
    version: Version,
    is_head: bool,
    keep_alive: bool,
    can_upgrade: bool,
    trailers: Trailers,
    framing: Framing,
    sent: Sent,
}

/// What a responder writes to and with.
pub(crate) struct Outgoing<'a, S> {
    /// The connection.
    pub(crate) stream: &'a RefCell<S>,
    /// Memory for heads.
    pub(crate) out: &'a mut Vec<u8>,
    /// Limits how long a client may take nothing.
    pub(crate) deadline: &'a mut Deadline,
    /// See [`Expectation`].
    pub(crate) expectation: &'a Cell<Expectation>,
    /// How long a client may take nothing.
    pub(crate) idle: Duration,
    /// Where files on disk are waited for.
    pub(crate) disk: &'a Disk,
    /// What large contents go through.
    pub(crate) siphons: &'a Siphons,
}

impl<'a, S: AsyncWrite + SendFile + Unpin> Http1Responder<'a, S> {
    /// A responder for this request. `keep_alive` says whether the connection may go on for all that the request says.
    pub(crate) fn new(outgoing: Outgoing<'a, S>, request: &RequestHead, keep_alive: KeepAlive) -> Self {
        let Outgoing { stream, out, deadline, expectation, idle, disk, siphons } = outgoing;
        Self {
            stream,
            out,
            deadline,
            expectation,
            idle,
            disk,
            siphons,
            version: request.version(),
            is_head: request.method() == Method::Head,
            keep_alive: keep_alive == KeepAlive::Yes,
            can_upgrade: request.version() == Version::Http11,
            trailers: Trailers::wanted_by(request),
            framing: Framing::Empty,
            sent: Sent::default(),
        }
    }

    /// Whether the connection can go on, as far as the response decides.
    pub(crate) fn keep_alive(&self) -> bool {
        self.keep_alive && self.sent.is_complete
    }

    /// Serialises a head (RFC 9112 §4) into `out`.
    fn encode(&mut self, head: &ResponseHead<'_>) {
        // A client that still waits for its 100 may or may not send the body now: the connection cannot be told apart any more.
        if self.expectation.get() == Expectation::Waiting {
            self.expectation.set(Expectation::Answered);
        }
        if head.close || self.expectation.get() == Expectation::Answered {
            self.keep_alive = false;
        }
        self.framing = match head.length {
            ContentLength::None => Framing::Empty,
            ContentLength::Known(length) => Framing::Length(length),
            ContentLength::Unknown if self.version == Version::Http10 => Framing::UntilClose,
            ContentLength::Unknown => Framing::Chunked,
        };
        if self.framing == Framing::UntilClose && !self.is_head {
            self.keep_alive = false;
        }
        self.out.clear();
        self.out.extend_from_slice(b"HTTP/1.1 ");
        self.out.extend_from_slice(head.status.as_str().as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
        self.out.extend_from_slice(b"\r\n");
        match self.framing {
            Framing::Length(length) => {
                self.out.extend_from_slice(b"content-length: ");
                write_decimal(self.out, length);
                self.out.extend_from_slice(b"\r\n");
            }
            Framing::Chunked => self.out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Empty | Framing::UntilClose => {}
        }
        match (self.keep_alive, self.version) {
            (false, _) => self.out.extend_from_slice(b"connection: close\r\n"),
            (true, Version::Http10) => self.out.extend_from_slice(b"connection: keep-alive\r\n"),
            (true, _) => {}
        }
        if let Some(block) = head.block {
            self.out.extend_from_slice(block.lines());
        }
        self.out.extend_from_slice(&head.lines);
        self.out.extend_from_slice(b"\r\n");
        self.sent.status = Some(head.status);
    }

    async fn write_pieces(&mut self, head: bool, size: &[u8], data: &[u8], end: &[u8]) -> io::Result<()> {
        let pieces: [&[u8]; PIECES_MAX] = if head && size.len() + data.len() + end.len() <= JOINED_BYTES_MAX {
            for piece in [size, data, end] {
                self.out.extend_from_slice(piece);
            }
            [self.out, &[], &[], &[]]
        } else {
            [if head { self.out } else { &[] }, size, data, end]
        };
        let result = write_all(self.stream, pieces, self.deadline, self.idle).await;
        match &result {
            Ok(()) => self.sent.body_bytes += data.len() as u64,
            Err(_) => self.keep_alive = false,
        }
        result
    }

    /// Sends a piece in the framing of the response, behind the head if there is one to send.
    async fn send(&mut self, head: bool, piece: Piece<'_>) -> io::Result<()> {
        let data = if self.is_head || self.framing == Framing::Empty { &[] } else { piece.data };
        // Who does not say that it takes trailers may take them for the next response (RFC 9110 §6.5.1).
        let trailers = if self.trailers == Trailers::Sent { piece.trailers } else { &[] };
        let piece = Piece { trailers, ..piece };
        if self.is_head || self.framing != Framing::Chunked {
            if head || !data.is_empty() {
                self.write_pieces(head, &[], data, &[]).await?;
            }
        } else {
            let frame = ChunkFrame::new(&piece);
            if head || !data.is_empty() || !frame.end().is_empty() {
                self.write_pieces(head, frame.size_line(), data, frame.end()).await?;
            }
        }
        if piece.is_last {
            self.finish();
        }
        Ok(())
    }

    /// All was said; was it all that the head promised?
    fn finish(&mut self) {
        let short = !self.is_head && matches!(self.framing, Framing::Length(length) if length != self.sent.body_bytes);
        self.sent.is_complete = !short;
    }

    async fn send_stored(&mut self, file: &Arc<Stored>, offset: u64, length: u64) -> io::Result<()> {
        if self.stream.borrow().plain().is_some() {
            return self.send_from_file(file, offset, length).await;
        }
        match file.copy(offset, length) {
            Some(bytes) => self.send(true, Piece { data: &bytes, is_last: true, trailers: &[] }).await,
            None => self.send_read(file, offset, length).await,
        }
    }

    /// Has the kernel send a part of what is stored; the head waits for its first bytes.
    async fn send_from_file(&mut self, file: &Arc<Stored>, offset: u64, length: u64) -> io::Result<()> {
        let limits = (&mut *self.deadline, self.idle);
        let mut result = outbound::send_head(self.stream, self.out, limits).await;
        if result.is_ok() {
            let siphon = file.spool(offset, length).and_then(|spool| self.siphons.draw(spool));
            result = match siphon {
                Some(siphon) => self.send_siphon(siphon).await,
                None => self.send_windows(file, offset, length).await,
            };
        }
        match result {
            Ok(()) => self.finish(),
            Err(_) => self.abort(),
        }
        result
    }

    async fn send_siphon(&mut self, mut siphon: Siphon<'_>) -> io::Result<()> {
        let filled = siphon.filled();
        let result = outbound::send_siphon(self.stream, &mut siphon, (&mut *self.deadline, self.idle)).await;
        self.sent.body_bytes += (filled - siphon.filled()) as u64;
        result
    }

    async fn send_windows(&mut self, file: &Arc<Stored>, mut offset: u64, mut left: u64) -> io::Result<()> {
        while left > 0 {
            let part = file::ready(file, (offset, left), self.disk).await?;
            let sent = outbound::send_file(self.stream, part, (&mut *self.deadline, self.idle)).await?;
            self.sent.body_bytes += sent;
            offset += sent;
            left = left.saturating_sub(sent);
        }
        Ok(())
    }
}

/// What becomes of trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailers {
    Sent,
    Dropped,
}

impl Trailers {
    fn wanted_by(request: &RequestHead) -> Self {
        let is_trailers = |member: &[u8]| member.eq_ignore_ascii_case(b"trailers");
        let is_wanted =
            request.version() == Version::Http11 && request.joined(Known::Te).is_some_and(|value| hop::members(&value).any(is_trailers));
        if is_wanted { Self::Sent } else { Self::Dropped }
    }
}

/// Whether a connection may go on after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// It may.
    Yes,
    /// The client or a stop says no.
    No,
}

impl<S: AsyncWrite + SendFile + Unpin> Responder for Http1Responder<'_, S> {
    async fn interim(&mut self, status: StatusCode, lines: &[u8]) -> io::Result<()> {
        // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
        if self.version == Version::Http10 || self.has_begun() {
            return Ok(());
        }
        self.out.clear();
        self.out.extend_from_slice(b"HTTP/1.1 ");
        self.out.extend_from_slice(status.as_str().as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(lines);
        self.out.extend_from_slice(b"\r\n");
        self.write_pieces(true, &[], &[], &[]).await
    }

    async fn reply(&mut self, head: &ResponseHead<'_>, body: Body) -> io::Result<()> {
        self.encode(head);
        match body {
            Body::Empty => self.send(true, Piece::END).await,
            Body::Memory(bytes) => self.send(true, Piece { data: &bytes, is_last: true, trailers: &[] }).await,
            Body::Stored { .. } | Body::Parts(_) if self.is_head => self.send(true, Piece::END).await,
            // Boxed: its state would make every request larger.
            Body::Stored { file, offset, length } => Box::pin(self.send_stored(&file, offset, length)).await,
            Body::Parts(parts) => Box::pin(self.send_parts(*parts)).await,
        }
    }

    async fn begin(&mut self, head: &ResponseHead<'_>, first: Piece<'_>) -> io::Result<()> {
        self.encode(head);
        self.send(true, first).await
    }

    async fn write(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.send(false, piece).await
    }

    fn abort(&mut self) {
        self.keep_alive = false;
        self.sent.is_complete = false;
        // Where the end of the connection is the end of the content, an orderly one would say that this was all.
        if self.framing == Framing::UntilClose
            && self.has_begun()
            && let Some(socket) = self.stream.borrow().plain()
        {
            socket.reset_on_close();
        }
    }

    async fn upgrade(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        self.out.clear();
        self.out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n");
        if let Some(block) = head.block {
            self.out.extend_from_slice(block.lines());
        }
        self.out.extend_from_slice(&head.lines);
        self.out.extend_from_slice(b"\r\n");
        self.sent.status = Some(head.status);
        self.keep_alive = false;
        self.write_pieces(true, &[], &[], &[]).await?;
        self.sent.is_complete = true;
        Ok(())
    }

    fn poll_gone(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn can_upgrade(&self) -> bool {
        self.can_upgrade
    }

    fn has_begun(&self) -> bool {
        self.sent.status.is_some()
    }

    fn sent(&self) -> Sent {
        self.sent
    }
}

/// Appends a decimal number.
fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 || at == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for number in [0_u64, 1, 9, 10, 99, 500, 65_535, 65_536, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
