//! What is read from a server of HTTP/2, with an eye on frames that carry nothing: each costs work here, and none serves a request.
//!
//! Everything else that a server may do wrong is the `h2` crate's to see: sizes, windows, states, header blocks without an end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Frames that carry nothing, of one connection in [`SPAN`]. The servers of gRPC probe the line with a PING or two for each message at most.
const EMPTY_FRAMES_MAX: u32 = 10_000;
/// See there.
const SPAN: Duration = Duration::from_secs(10);
/// The length of the head of a frame (RFC 9113 §4.1).
const HEAD_BYTES: usize = 9;

/// A connection that is read from.
pub(super) struct Watched<S> {
    stream: S,
    frames: Frames,
}

/// Counts frames as they go by.
#[derive(Debug)]
struct Frames {
    /// What has come of the head of a frame.
    head: [u8; HEAD_BYTES],
    head_len: usize,
    /// What is still to come of its payload.
    payload_bytes: usize,
    empty: u32,
    since: Option<Instant>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Frames { head: [0; HEAD_BYTES], head_len: 0, payload_bytes: 0, empty: 0, since: None } }
    }
}

impl Frames {
    /// Takes in what was read; `false` when too much of it is nothing.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.payload_bytes > 0 {
                let skipped = self.payload_bytes.min(bytes.len());
                self.payload_bytes -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let room = self.head.get_mut(self.head_len..).unwrap_or_default();
            let taken = room.len().min(bytes.len());
            room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            self.head_len += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.head_len == HEAD_BYTES && !self.note_frame() {
                return false;
            }
        }
        true
    }

    fn note_frame(&mut self) -> bool {
        self.head_len = 0;
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.payload_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let is_empty = match kind {
            // DATA without data and without an end.
            0 => length == 0 && flags & 1 == 0,
            // HEADERS, CONTINUATION: the `h2` crate has limits of its own. WINDOW_UPDATE: each answers something that was sent.
            1 | 8 | 9 => false,
            _ => true,
        };
        if !is_empty {
            return true;
        }
        self.empty += 1;
        if self.empty < EMPTY_FRAMES_MAX {
            self.since.get_or_insert_with(Instant::now);
            return true;
        }
        // The clock is read once for many.
        self.empty = 0;
        self.since.replace(Instant::now()).is_none_or(|since| since.elapsed() > SPAN)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if !this.frames.take(buf.filled().get(before..).unwrap_or_default()) {
            return Poll::Ready(Err(io::Error::other("the server sends nothing but frames that carry nothing")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        Watched::new(()).frames
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, u8::try_from(payload.len()).expect("short"), kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_flood_of_what_carries_nothing_is_seen_however_it_is_cut() {
        for (kind, payload) in [(6_u8, &[0_u8; 8][..]), (4, &[]), (0, &[]), (99, b"?")] {
            let flood = frame(kind, 0, payload).repeat(3 * EMPTY_FRAMES_MAX as usize);
            for size in [1, 7, 4096] {
                let mut frames = frames();
                assert!(!flood.chunks(size).all(|piece| frames.take(piece)), "{kind} {size}");
            }
        }
    }

    #[test]
    fn what_serves_a_request_is_not_counted() {
        let mut bytes = frame(1, 4, b"\x88");
        bytes.extend(frame(0, 0, b"data"));
        bytes.extend(frame(8, 0, &[0, 0, 0, 1]));
        bytes.extend(frame(0, 1, b""));
        let mut frames = frames();
        assert!((0..3 * EMPTY_FRAMES_MAX).all(|_| frames.take(&bytes)));
        assert_eq!((frames.empty, frames.payload_bytes, frames.head_len), (0, 0, 0));
    }
}
