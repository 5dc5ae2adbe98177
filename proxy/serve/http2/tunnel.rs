//! A stream as a connection of bytes: what a tunnel reads and writes (RFC 8441 §5). The end of a side is the end of its half of the stream.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handle::Handle;
use super::stream::Then;

/// Bytes that wait for the client's window.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub(super) struct StreamIo {
    stream: Rc<Handle>,
    /// What came in; `read` bytes of it were taken.
    came: Vec<u8>,
    read: usize,
    is_shut: bool,
}

impl StreamIo {
    pub(super) fn new(stream: Rc<Handle>) -> Self {
        Self { stream, came: Vec::new(), read: 0, is_shut: false }
    }

    fn poll_taken(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.stream.session().poll_taken(cx, self.stream.id).map_ok(|_| ())
    }
}

impl AsyncRead for StreamIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, came, read, .. } = &mut *self;
        if *read == came.len() {
            came.clear();
            *read = 0;
            if !ready!(stream.session().poll_inbox(cx, stream.id, came))? {
                return Poll::Ready(Ok(()));
            }
        }
        let rest = came.get(*read..).unwrap_or_default();
        let taken = rest.get(..rest.len().min(buffer.remaining())).unwrap_or_default();
        buffer.put_slice(taken);
        let bytes = taken.len();
        *read += bytes;
        stream.session().consumed(stream.id, u32::try_from(bytes).unwrap_or(u32::MAX));
        if *read == came.len() {
            // An idle tunnel holds no memory.
            *came = Vec::new();
            *read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_taken(cx))?;
        let taken = bytes.get(..bytes.len().min(WAITING_BYTES_MAX)).unwrap_or_default();
        if !taken.is_empty() {
            self.stream.session().send(self.stream.id, Bytes::copy_from_slice(taken), Then::More)?;
        }
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_taken(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_taken(cx))?;
        if !self.is_shut {
            self.is_shut = true;
            self.stream.session().send(self.stream.id, Bytes::new(), Then::End)?;
        }
        Poll::Ready(Ok(()))
    }
}
