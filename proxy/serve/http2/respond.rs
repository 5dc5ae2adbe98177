//! Answering on an HTTP/2 stream, no faster than the client's window allows.

mod parts;

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::handle::Handle;
use super::stream::{SentHead, Then};
use crate::assets::{Body, Stored};
use crate::http::frame::Code;
use crate::http::hpack::encoder;
use crate::serve::deadline::Deadline;
use crate::serve::disk::Disk;
use crate::serve::exchange::{ContentLength, Responder, ResponseHead, Sent, split_lines};
use crate::serve::file;
use crate::serve::http1::body::Piece;

/// Bytes of a file that wait for the client's window: a connection has many streams.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Answers one request.
pub(super) struct Http2Responder {
    stream: Rc<Handle>,
    deadline: Deadline,
    idle: Duration,
    disk: Disk,
    is_head: bool,
    /// The client asked for a tunnel: only one may be answered with success (RFC 8441 §5).
    wants_tunnel: bool,
    sent: Sent,
}

impl Http2Responder {
    pub(super) fn new(stream: Rc<Handle>, is_head: bool, (idle, disk): (Duration, Disk)) -> Self {
        Self { stream, deadline: Deadline::default(), idle, disk, is_head, wants_tunnel: false, sent: Sent::default() }
    }

    /// The client wants a tunnel.
    pub(super) fn wants_tunnel(&mut self) {
        self.wants_tunnel = true;
    }

    fn send_head(&mut self, head: &ResponseHead<'_>, end: bool) -> io::Result<()> {
        if self.wants_tunnel && head.status.is_success() {
            // What is there speaks no WebSocket, and its content must not be taken for one.
            self.wants_tunnel = false;
            self.is_head = true;
            let refused = ResponseHead::new(StatusCode::NOT_IMPLEMENTED, None, ContentLength::Known(0));
            return self.send_head(&refused, true);
        }
        let kind = if end { SentHead::Whole } else { SentHead::Begins };
        self.stream.session().send_head(self.stream.id, kind, |out| write_head(out, head))?;
        self.sent.status = Some(head.status);
        self.sent.is_complete = end;
        Ok(())
    }

    /// Sends content as the window opens.
    async fn send_data(&mut self, data: Bytes, then: Then) -> io::Result<()> {
        let is_end = then != Then::More;
        let total = data.len();
        if total == 0 && !is_end {
            return Ok(());
        }
        let before = self.sent.body_bytes;
        self.stream.session().send(self.stream.id, data, then)?;
        let (mut left, mut said) = (usize::MAX, 0);
        let Self { stream, deadline, idle, sent, .. } = self;
        poll_fn(|cx| {
            let taken = stream.session().poll_taken(cx, stream.id);
            let now_left = stream.session().pending_bytes(stream.id);
            sent.body_bytes = before + (total - now_left.min(total)) as u64;
            match taken {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => {
                    // A client has `idle` from the moment at which it stopped taking anything; while a stream waits for its turn, that of others
                    // is looked at, and only when its time is up.
                    let now_said = stream.session().said_before(stream.id);
                    if now_left < left || now_said.is_some_and(|now_said| now_said > said) {
                        (left, said) = (now_left, now_said.unwrap_or(said));
                        deadline.set(*idle);
                    }
                    deadline.poll_passed(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
                }
            }
        })
        .await?;
        self.sent.is_complete = is_end;
        Ok(())
    }

    async fn send_piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if self.is_head {
            return Ok(());
        }
        let then = match piece {
            Piece { is_last: false, .. } => Then::More,
            Piece { trailers: [], .. } => Then::End,
            Piece { trailers, .. } => Then::Trailers(block_of(trailers)),
        };
        self.send_data(Bytes::copy_from_slice(piece.data), then).await
    }

    /// Sends a part of what is stored, read into memory piece by piece.
    async fn send_file(&mut self, file: &Arc<Stored>, (mut offset, mut left): (u64, u64), then: Then) -> io::Result<()> {
        while left > 0 {
            let buffer = vec![0; PIECE_BYTES_MAX.min(usize::try_from(left).unwrap_or(usize::MAX))];
            let (mut filled, bytes) = file::read_at(file, offset, buffer, &self.disk).await?;
            if bytes == 0 {
                self.abort();
                return Err(file::became_shorter());
            }
            filled.truncate(bytes);
            offset += bytes as u64;
            left = left.saturating_sub(bytes as u64);
            let then = if left == 0 { then.clone() } else { Then::More };
            self.send_data(Bytes::from(filled), then).await?;
        }
        Ok(())
    }
}

/// The block of a final head.
pub(super) fn write_head(out: &mut Vec<u8>, head: &ResponseHead<'_>) {
    encoder::status(out, head.status.as_u16());
    if let ContentLength::Known(length) = head.length {
        encoder::content_length(out, length);
    }
    if let Some(block) = head.block {
        out.extend_from_slice(block.hpack());
    }
    write_lines(out, &head.lines);
}

fn write_lines(out: &mut Vec<u8>, lines: &[u8]) {
    for (name, value) in split_lines(lines) {
        encoder::field(out, name, value);
    }
}

fn block_of(lines: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    write_lines(&mut block, lines);
    block
}

impl Responder for Http2Responder {
    async fn interim(&mut self, status: StatusCode, lines: &[u8]) -> io::Result<()> {
        if self.has_begun() {
            return Ok(());
        }
        self.stream.session().send_head(self.stream.id, SentHead::Interim, |out| {
            encoder::status(out, status.as_u16());
            write_lines(out, lines);
        })
    }

    async fn reply(&mut self, head: &ResponseHead<'_>, body: Body) -> io::Result<()> {
        let empty = self.is_head || matches!(&body, Body::Empty) || matches!(&body, Body::Memory(bytes) if bytes.is_empty());
        self.send_head(head, empty)?;
        match body {
            _ if empty || self.is_head => Ok(()),
            Body::Empty => Ok(()),
            Body::Memory(bytes) => self.send_data(bytes, Then::End).await,
            Body::Stored { file, offset, length } => match file.copy(offset, length) {
                Some(bytes) => self.send_data(bytes, Then::End).await,
                None => Box::pin(self.send_file(&file, (offset, length), Then::End)).await,
            },
            Body::Parts(parts) => Box::pin(self.send_parts(*parts)).await,
        }
    }

    async fn begin(&mut self, head: &ResponseHead<'_>, first: Piece<'_>) -> io::Result<()> {
        let empty = self.is_head || (first.is_last && first.data.is_empty() && first.trailers.is_empty());
        self.send_head(head, empty)?;
        if empty || self.is_head { Ok(()) } else { self.send_piece(first).await }
    }

    async fn write(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.send_piece(piece).await
    }

    fn abort(&mut self) {
        self.sent.is_complete = false;
        self.stream.session().reset(self.stream.id, Code::Internal);
    }

    async fn upgrade(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        // What HTTP/1 says of an upgrade has no place here (RFC 8441 §5).
        let is_ours = |name: &[u8]| !matches!(name, b"upgrade" | b"connection" | b"sec-websocket-accept");
        self.stream.session().send_head(self.stream.id, SentHead::Begins, |out| {
            encoder::status(out, StatusCode::OK.as_u16());
            for (name, value) in split_lines(&head.lines).filter(|(name, _)| is_ours(&name.to_ascii_lowercase())) {
                encoder::field(out, name, value);
            }
        })?;
        self.sent.status = Some(StatusCode::OK);
        self.sent.is_complete = true;
        Ok(())
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.session().poll_gone(cx, self.stream.id)
    }

    fn can_upgrade(&self) -> bool {
        self.wants_tunnel
    }

    fn has_begun(&self) -> bool {
        self.sent.status.is_some()
    }

    fn sent(&self) -> Sent {
        self.sent
    }
}
