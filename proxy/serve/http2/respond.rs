//! Answering on an HTTP/2 stream, no faster than the client's window allows.

mod parts;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::assets::{Body, Stored};
use crate::serve::deadline::Deadline;
use crate::serve::disk::Disk;
use crate::serve::exchange::{ContentLength, Responder, ResponseHead, Sent, split_lines};
use crate::serve::file;
use crate::serve::http1::body::Piece;

/// Bytes of a file that wait for the client's window: a connection has many streams.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Answers one request.
pub(super) struct Http2Responder {
    respond: SendResponse<Bytes>,
    stream: Option<SendStream<Bytes>>,
    deadline: Deadline,
    idle: Duration,
    disk: Disk,
    is_head: bool,
    /// What a length that was stated leaves to send.
    left: Option<u64>,
    sent: Sent,
}

impl Http2Responder {
    pub(super) fn new(respond: SendResponse<Bytes>, is_head: bool, (idle, disk): (Duration, Disk)) -> Self {
        Self { respond, stream: None, deadline: Deadline::default(), idle, disk, is_head, left: None, sent: Sent::default() }
    }

    fn send_head(&mut self, head: &ResponseHead<'_>, end: bool) -> io::Result<()> {
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = fields(head);
        if let ContentLength::Known(length) = head.length {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            self.left = (!self.is_head).then_some(length);
        }
        self.stream = Some(self.respond.send_response(response, end).map_err(io_error)?);
        self.sent.status = Some(head.status);
        self.sent.is_complete = end;
        Ok(())
    }

    /// Sends data as the window opens.
    async fn send_data(&mut self, mut data: Bytes, end: bool) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let capacity = match stream.capacity() {
                0 => wait_for_capacity(stream, &mut self.deadline, self.idle).await?,
                capacity => capacity,
            };
            let piece = data.split_to(capacity.min(data.len()));
            let bytes = piece.len() as u64;
            stream.send_data(piece, end && data.is_empty()).map_err(io_error)?;
            self.sent.body_bytes += bytes;
            self.left = self.left.map(|left| left.saturating_sub(bytes));
            self.sent.is_complete = end && data.is_empty();
        }
        Ok(())
    }

    async fn send_piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if self.is_head {
            return Ok(());
        }
        let end = piece.is_last && piece.trailers.is_empty();
        if !piece.data.is_empty() {
            self.send_data(Bytes::copy_from_slice(piece.data), end).await?;
        }
        if !piece.is_last || self.sent.is_complete {
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        if piece.trailers.is_empty() {
            stream.send_data(Bytes::new(), true).map_err(io_error)?;
        } else {
            stream.send_trailers(line_map(piece.trailers)).map_err(io_error)?;
        }
        self.sent.is_complete = true;
        Ok(())
    }

    /// Sends a part of what is stored, read into memory piece by piece; with `end` nothing follows it.
    async fn send_file(&mut self, file: &Arc<Stored>, (mut offset, mut left): (u64, u64), end: bool) -> io::Result<()> {
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
            self.send_data(Bytes::from(filled), end && left == 0).await?;
        }
        Ok(())
    }
}

async fn wait_for_capacity(stream: &mut SendStream<Bytes>, deadline: &mut Deadline, idle: Duration) -> io::Result<usize> {
    deadline.set(idle);
    poll_fn(|cx| match stream.poll_capacity(cx) {
        Poll::Ready(Some(Ok(0))) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Ready(Some(result)) => Poll::Ready(result.map_err(io_error)),
        Poll::Ready(None) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        Poll::Pending => deadline.poll_passed(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
    })
    .await
}

fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    } else {
        io::Error::new(io::ErrorKind::ConnectionReset, error)
    }
}

fn fields(head: &ResponseHead<'_>) -> HeaderMap {
    let mut map = head.block.map(|block| block.map().clone()).unwrap_or_default();
    append_lines(&mut map, &head.lines);
    map
}

fn line_map(lines: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    append_lines(&mut map, lines);
    map
}

fn append_lines(map: &mut HeaderMap, lines: &[u8]) {
    for (name, value) in split_lines(lines) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
}

impl Responder for Http2Responder {
    async fn interim(&mut self, status: StatusCode, lines: &[u8]) -> io::Result<()> {
        if self.has_begun() {
            return Ok(());
        }
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = line_map(lines);
        self.respond.send_informational(response).map_err(io_error)
    }

    async fn reply(&mut self, head: &ResponseHead<'_>, body: Body) -> io::Result<()> {
        let empty = self.is_head || matches!(&body, Body::Empty) || matches!(&body, Body::Memory(bytes) if bytes.is_empty());
        self.send_head(head, empty)?;
        match body {
            _ if empty => Ok(()),
            Body::Empty => Ok(()),
            Body::Memory(bytes) => self.send_data(bytes, true).await,
            Body::Stored { file, offset, length } => match file.copy(offset, length) {
                Some(bytes) => self.send_data(bytes, true).await,
                None => Box::pin(self.send_file(&file, (offset, length), true)).await,
            },
            Body::Parts(parts) => Box::pin(self.send_parts(*parts)).await,
        }
    }

    async fn begin(&mut self, head: &ResponseHead<'_>, first: Piece<'_>) -> io::Result<()> {
        let empty = self.is_head || (first.is_last && first.data.is_empty() && first.trailers.is_empty());
        self.send_head(head, empty)?;
        if empty { Ok(()) } else { self.send_piece(first).await }
    }

    async fn write(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.send_piece(piece).await
    }

    fn abort(&mut self) {
        self.sent.is_complete = false;
        match &mut self.stream {
            Some(stream) => stream.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }

    async fn upgrade(&mut self, _head: &ResponseHead<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.stream {
            Some(stream) => stream.poll_reset(cx).map(drop),
            None => self.respond.poll_reset(cx).map(drop),
        }
    }

    fn can_upgrade(&self) -> bool {
        false
    }

    fn has_begun(&self) -> bool {
        self.sent.status.is_some()
    }

    fn sent(&self) -> Sent {
        self.sent
    }
}
