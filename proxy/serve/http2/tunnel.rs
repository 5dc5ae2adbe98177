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

/// What came and was not read is used up too, or the window of the connection would be smaller by it for ever.
impl Drop for StreamIo {
    fn drop(&mut self) {
        let rest = self.came.len().saturating_sub(self.read);
        self.stream.session().consumed(self.stream.id, u32::try_from(rest).unwrap_or(u32::MAX));
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::task::Waker;

    use super::super::session::{CONNECTION_WINDOW_BYTES, Session};
    use super::super::stream::{Inbound, Stream};
    use super::*;

    #[test]
    fn what_a_tunnel_leaves_unread_does_not_stay_in_the_window_of_the_connection() {
        let session = Rc::new(RefCell::new(Session::new()));
        let stream = Rc::new(Handle::open(&session, Stream::new(1, Inbound::Open, None, 0)));
        let bytes = CONNECTION_WINDOW_BYTES / 2 + 1;
        session.borrow_mut().receive_window -= i64::from(bytes);
        session.borrow_mut().stream(1).unwrap().inbox = vec![0; bytes as usize];
        let mut tunnel = StreamIo::new(stream);
        let mut memory = [0; 16];
        let mut buffer = ReadBuf::new(&mut memory);
        assert!(Pin::new(&mut tunnel).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer).is_ready());
        assert!(session.borrow().receive_window < i64::from(CONNECTION_WINDOW_BYTES));
        drop(tunnel);
        assert_eq!(session.borrow().receive_window, i64::from(CONNECTION_WINDOW_BYTES));
    }
}
