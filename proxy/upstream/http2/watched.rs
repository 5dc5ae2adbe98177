//! What is read from a server of HTTP/2, with an eye on frames that carry nothing: each costs work here, and none serves a request.
//!
//! DATA without data may stand in any response, and some servers write it before each end. The `h2` crate ends a connection with the 101st in its life,
//! and all requests on it, without a setting for that (h2 0.4.20, `MAX_RECV_EMPTY_DATA_FRAMES`): in their place it is shown a frame of a kind that it passes
//! over. Where a read ends behind the kind, that is held back until the flags have come.
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
/// Where the kind stands in it.
const KIND_AT: usize = 3;
/// What of it tells DATA without data: length, kind and flags.
const TELLING_BYTES: usize = 5;
const DATA: u8 = 0;
/// Flags of DATA.
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
/// A kind that nobody knows, and everybody passes over (RFC 9113 §4.1).
const IGNORED: u8 = 0xff;

/// A connection that is read from.
pub(super) struct Watched<S> {
    stream: S,
    frames: Frames,
    /// The kind of a frame was read and not shown yet; it is DATA.
    holds_kind: bool,
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
        Self { stream, frames: Frames { head: [0; HEAD_BYTES], head_len: 0, payload_bytes: 0, empty: 0, since: None }, holds_kind: false }
    }
}

impl Frames {
    /// Takes in what was read, from `at`; `false` when too much of it is nothing. Before `at` there is only the kind of a frame that was held back.
    fn take(&mut self, bytes: &mut [u8], mut at: usize) -> bool {
        while let Some(from @ [_, ..]) = bytes.get(at..) {
            if self.payload_bytes > 0 {
                let skipped = self.payload_bytes.min(from.len());
                self.payload_bytes -= skipped;
                at += skipped;
                continue;
            }
            let kind_at = (at + KIND_AT).checked_sub(self.head_len);
            let had = self.head_len;
            let room = self.head.get_mut(had..).unwrap_or_default();
            let taken = room.len().min(from.len());
            room.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            self.head_len += taken;
            at += taken;
            if had < TELLING_BYTES
                && self.head_len >= TELLING_BYTES
                && self.is_empty_data()
                && let Some(kind) = kind_at.and_then(|at| bytes.get_mut(at))
            {
                *kind = IGNORED;
            }
            if self.head_len == HEAD_BYTES && !self.note_frame() {
                return false;
            }
        }
        true
    }

    /// The kind of what may become DATA without data is the last that was read.
    fn ends_with_kind(&self) -> bool {
        self.head_len == KIND_AT + 1 && matches!(self.head, [0, 0, 0, DATA, ..])
    }

    /// DATA without data, padding and an end.
    fn is_empty_data(&self) -> bool {
        matches!(self.head, [0, 0, 0, DATA, flags, ..] if flags & (END_STREAM | PADDED) == 0)
    }

    fn note_frame(&mut self) -> bool {
        self.head_len = 0;
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.payload_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let is_empty = match kind {
            DATA => length == 0 && flags & END_STREAM == 0,
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
        loop {
            if this.holds_kind {
                buf.put_slice(&[DATA]);
                if buf.remaining() == 0 {
                    this.holds_kind = false;
                    return Poll::Ready(Ok(()));
                }
            }
            let start = buf.filled().len();
            let read = Pin::new(&mut this.stream).poll_read(cx, buf);
            if !matches!(read, Poll::Ready(Ok(()))) {
                buf.set_filled(before);
                return read;
            }
            this.holds_kind = false;
            let is_end = buf.filled().len() == start;
            if !this.frames.take(buf.filled_mut().get_mut(before..).unwrap_or_default(), start - before) {
                return Poll::Ready(Err(io::Error::other("the server sends nothing but frames that carry nothing")));
            }
            if !is_end && this.frames.ends_with_kind() {
                this.holds_kind = true;
                buf.set_filled(buf.filled().len() - 1);
            }
            // Nothing to show is no end.
            if is_end || buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
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
            for size in [1, 7, 4096] {
                let mut flood = frame(kind, 0, payload).repeat(3 * EMPTY_FRAMES_MAX as usize);
                let mut frames = frames();
                assert!(!flood.chunks_mut(size).all(|piece| frames.take(piece, 0)), "{kind} {size}");
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
        assert!((0..3 * EMPTY_FRAMES_MAX).all(|_| frames.take(&mut bytes, 0)));
        assert_eq!((frames.empty, frames.payload_bytes, frames.head_len), (0, 0, 0));
    }

    /// Gives so many bytes at a time.
    struct Pieces(std::collections::VecDeque<u8>, usize);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = self.1.min(self.0.len()).min(buf.remaining());
            let piece: Vec<u8> = self.0.drain(..count).collect();
            buf.put_slice(&piece);
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn data_without_data_is_not_shown_however_it_is_cut() {
        use tokio::io::AsyncReadExt;

        let bytes =
            [frame(0, 0, b""), frame(0, 0, b"data"), frame(0, 1, b""), frame(0, 8, b""), frame(1, 4, b""), frame(0, 0, b"")].concat();
        let shown = [(IGNORED, 0), (0, 0), (0, 1), (0, 8), (1, 4), (IGNORED, 0)];
        let expected: Vec<u8> = shown
            .iter()
            .zip([&b""[..], b"data", b"", b"", b"", b""])
            .flat_map(|((kind, flags), data)| frame(*kind, *flags, data))
            .collect();
        for size in 1..=bytes.len() {
            let mut read = Vec::new();
            Watched::new(Pieces(bytes.clone().into(), size)).read_to_end(&mut read).await.expect("frames");
            assert_eq!(read, expected, "{size}");
        }
        let mut read = Vec::new();
        Watched::new(Pieces(bytes[..4].to_vec().into(), 9)).read_to_end(&mut read).await.expect("a part");
        assert_eq!(read, bytes[..4], "what is held back is shown before the end");
    }
}
