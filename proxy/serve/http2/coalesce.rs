//! A stream that gathers small writes until the connection has said all that it has to say: the frames of many streams become one TLS record and one
//! system call.
//!
//! The `h2` crate flushes after every DATA frame, so its flushes are only noted, and whoever drives the connection flushes when it is done
//! ([`Flusher`]). Large writes pass through uncopied.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most: a TLS record's worth.
const GATHERED_BYTES_MAX: usize = 16 * 1024;
/// A write above this is not worth a copy.
const SMALL_BYTES_MAX: usize = 4 * 1024;

/// Slices that are written at once: what was gathered, and the head and the payload of a frame. What is above is left for the next write.
const SLICES_MAX: usize = 4;

/// Gathers small writes; what the `h2` crate writes to.
pub(super) struct Coalesce<S>(Rc<RefCell<Gathering<S>>>);

/// Sends what was gathered; what drives the connection has it.
pub(super) struct Flusher<S>(Rc<RefCell<Gathering<S>>>);

struct Gathering<S> {
    inner: S,
    gathered: Vec<u8>,
    written: usize,
    /// `false` until somebody drives the connection: then flushes are real.
    is_driven: bool,
    /// `true` when something was written since the last flush.
    is_dirty: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Coalesce<S> {
    /// The stream, and the way to flush it.
    pub(super) fn new(inner: S) -> (Self, Flusher<S>) {
        let gathering = Gathering { inner, gathered: Vec::new(), written: 0, is_driven: false, is_dirty: false };
        let shared = Rc::new(RefCell::new(gathering));
        (Self(Rc::clone(&shared)), Flusher(shared))
    }
}

impl<S: AsyncWrite + Unpin> Flusher<S> {
    /// Sends what was gathered. From the first call on nothing else does.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        gathering.is_driven = true;
        gathering.poll_flush(cx)
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.gathered.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.written += bytes,
            }
        }
        self.gathered.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dirty {
            ready!(self.poll_drain(cx))?;
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.is_dirty = false;
            // Freed, not kept: an idle connection has no use for it.
            self.gathered = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|slice| slice.len()).sum();
        self.is_dirty = true;
        if total > SMALL_BYTES_MAX {
            return self.poll_write_through(cx, bufs);
        }
        if !self.fits(total) {
            ready!(self.poll_drain(cx))?;
        }
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(GATHERED_BYTES_MAX);
        }
        bufs.iter().for_each(|slice| self.gathered.extend_from_slice(slice));
        Poll::Ready(Ok(total))
    }

    /// Writes what was gathered and then these, as one: the head of an answer shares a record with the beginning of its body.
    fn poll_write_through(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let rest = self.gathered.get(self.written..).unwrap_or_default();
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let all = std::iter::once(rest).chain(bufs.iter().map(|slice| &**slice));
            for (slot, slice) in slices.iter_mut().zip(all) {
                *slot = IoSlice::new(slice);
            }
            let rest_bytes = rest.len();
            match ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, &slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes if bytes > rest_bytes => {
                    self.gathered.clear();
                    self.written = 0;
                    return Poll::Ready(Ok(bytes - rest_bytes));
                }
                bytes => self.written += bytes,
            }
        }
    }

    fn fits(&self, bytes: usize) -> bool {
        self.gathered.len() + bytes <= GATHERED_BYTES_MAX
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Coalesce<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesce<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        if gathering.is_driven { Poll::Ready(Ok(())) } else { gathering.poll_flush(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_flush(cx))?;
        Pin::new(&mut gathering.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn small_writes_go_out_together_when_the_driver_flushes() {
        let (near, mut far) = duplex(64 * 1024);
        let (mut stream, flusher) = Coalesce::new(near);
        stream.write_all(b"settings").await.unwrap();
        stream.flush().await.unwrap();
        let mut seen = [0; 64];
        assert_eq!(far.read(&mut seen).await.unwrap(), 8, "before it is driven, a flush is a flush");

        poll_fn(|cx| flusher.poll_flush(cx)).await.unwrap();
        for frame in [&b"one "[..], b"two ", b"three"] {
            stream.write_all(frame).await.unwrap();
            stream.flush().await.unwrap();
        }
        let early = tokio::select! { biased; read = far.read(&mut seen) => Some(read), () = async {} => None };
        assert!(early.is_none(), "sent before the driver flushed");
        poll_fn(|cx| flusher.poll_flush(cx)).await.unwrap();
        let bytes = far.read(&mut seen).await.unwrap();
        assert_eq!(seen.get(..bytes), Some(&b"one two three"[..]));
    }

    #[tokio::test]
    async fn what_the_stream_below_takes_in_crumbs_arrives_whole_and_in_order() {
        let (near, mut far) = duplex(7);
        let (mut stream, flusher) = Coalesce::new(near);
        let said: Vec<u8> = (0..5 * SMALL_BYTES_MAX).map(|at| (at % 251) as u8).collect();
        let send = async {
            poll_fn(|cx| flusher.poll_flush(cx)).await.unwrap();
            let (small, large) = said.split_at(SMALL_BYTES_MAX);
            stream.write_all(small).await.unwrap();
            stream.write_all(large).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let mut seen = Vec::new();
        let (_, read) = tokio::join!(send, far.read_to_end(&mut seen));
        read.unwrap();
        assert!(seen == said, "{} of {} bytes", seen.len(), said.len());
    }

    #[tokio::test]
    async fn a_large_write_follows_what_was_gathered() {
        let (near, mut far) = duplex(64 * 1024);
        let (mut stream, flusher) = Coalesce::new(near);
        poll_fn(|cx| flusher.poll_flush(cx)).await.unwrap();
        stream.write_all(b"head").await.unwrap();
        stream.write_all(&[b'x'; SMALL_BYTES_MAX + 1]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut seen = Vec::new();
        far.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen.len(), 4 + SMALL_BYTES_MAX + 1);
        assert!(seen.starts_with(b"headx"));
    }
}
