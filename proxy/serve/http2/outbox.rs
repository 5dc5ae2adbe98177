//! What a connection has to say and has not said yet: frames of all its streams in one order, written with as few TLS records and system calls as they
//! fit in. Small things are copied together, large contents are passed on as they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::http::frame::{self, Code, Head, Kind, flag};
use crate::http::hpack::encoder;

/// A content above this is not worth a copy.
const COPIED_BYTES_MAX: usize = 4 * 1024;
/// Room for what is copied together: a TLS record's worth.
const COPIED_BYTES: usize = 16 * 1024;
/// Memory that is kept until the connection has nothing to say; more is given back.
pub(super) const KEPT_BYTES_MAX: usize = 32 * 1024;
/// Slices that are written at once.
const SLICES_MAX: usize = 64;
/// Copied bytes that wait: above it the client is not listened to until it has taken some. What it makes us say without a stream (acknowledgements,
/// resets, small answers) is bounded by this.
const COPIED_WAITING_MAX: usize = 64 * 1024;

/// Frames that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    copied: Vec<u8>,
    /// Bytes of `copied` that are written.
    copied_start: usize,
    parts: VecDeque<Part>,
    /// Bytes that wait.
    waiting: usize,
    /// The next block says that its table is empty.
    says_table: bool,
}

#[derive(Debug)]
enum Part {
    /// So many of the copied bytes.
    Copied(usize),
    /// A content.
    Shared(Bytes),
}

impl Outbox {
    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// `true` when so much waits that nothing more must be asked for.
    pub(super) fn is_clogged(&self) -> bool {
        self.copied.len() - self.copied_start > COPIED_WAITING_MAX
    }

    /// Lets `write` append bytes.
    fn copy(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.copied.capacity() == 0 {
            self.copied.reserve_exact(COPIED_BYTES);
        }
        let before = self.copied.len();
        write(&mut self.copied);
        let bytes = self.copied.len() - before;
        self.waiting += bytes;
        match self.parts.back_mut() {
            Some(Part::Copied(count)) => *count += bytes,
            _ => self.parts.push_back(Part::Copied(bytes)),
        }
    }

    /// A frame with a small payload.
    pub(super) fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        self.copy(|out| frame::write(out, kind, flags, stream, payload));
    }

    /// RST_STREAM.
    pub(super) fn reset(&mut self, stream: u32, code: Code) {
        self.frame(Kind::RstStream, 0, stream, &(code as u32).to_be_bytes());
    }

    /// WINDOW_UPDATE.
    pub(super) fn window_update(&mut self, stream: u32, bytes: u32) {
        self.frame(Kind::WindowUpdate, 0, stream, &bytes.to_be_bytes());
    }

    /// GOAWAY.
    pub(super) fn goaway(&mut self, last_stream: u32, code: Code) {
        let [a, b, c, d] = last_stream.to_be_bytes();
        let [w, x, y, z] = (code as u32).to_be_bytes();
        self.frame(Kind::GoAway, 0, 0, &[a, b, c, d, w, x, y, z]);
    }

    /// The client wants a smaller table than the one that both began with, and waits to be told that it is (RFC 7541 §4.2). Ours is empty.
    pub(super) fn say_table(&mut self) {
        self.says_table = true;
    }

    /// HEADERS, with CONTINUATION where the block that `write` makes is longer than a frame.
    pub(super) fn headers(&mut self, stream: u32, flags: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let says_table = std::mem::take(&mut self.says_table);
        self.copy(|out| {
            let start = out.len();
            out.extend_from_slice(&[0; frame::HEAD_BYTES]);
            if says_table {
                encoder::table_of_zero(out);
            }
            write(out);
            let length = out.len() - start - frame::HEAD_BYTES;
            let head = Head { length, kind: Kind::Headers, flags: flags | flag::END_HEADERS, stream };
            if length <= frame::PAYLOAD_BYTES_MAX {
                if let Some(room) = out.get_mut(start..start + frame::HEAD_BYTES) {
                    room.copy_from_slice(&head.bytes());
                }
            } else {
                let block = out.split_off(start);
                write_continued(out, block.get(frame::HEAD_BYTES..).unwrap_or_default(), stream, flags);
            }
        });
    }

    /// DATA.
    pub(super) fn data(&mut self, stream: u32, flags: u8, content: Bytes) {
        let head = Head { length: content.len(), kind: Kind::Data, flags, stream };
        if content.len() <= COPIED_BYTES_MAX {
            self.copy(|out| {
                out.extend_from_slice(&head.bytes());
                out.extend_from_slice(&content);
            });
        } else {
            self.copy(|out| out.extend_from_slice(&head.bytes()));
            self.waiting += content.len();
            self.parts.push_back(Part::Shared(content));
        }
    }

    /// Writes once. Call it when something waits.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        let mut at = self.copied_start;
        for (slot, part) in slices.iter_mut().zip(&self.parts) {
            let slice = match part {
                Part::Copied(bytes) => {
                    let start = at;
                    at += bytes;
                    self.copied.get(start..at).unwrap_or_default()
                }
                Part::Shared(content) => content,
            };
            *slot = IoSlice::new(slice);
            count += 1;
        }
        let written = match slices.get(..count).unwrap_or_default() {
            [one] => ready!(Pin::new(stream).poll_write(cx, one))?,
            many => ready!(Pin::new(stream).poll_write_vectored(cx, many))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.consume(written);
        Poll::Ready(Ok(()))
    }

    fn consume(&mut self, mut written: usize) {
        self.waiting = self.waiting.saturating_sub(written);
        while written > 0 {
            let left = match self.parts.front_mut() {
                None => return,
                Some(Part::Copied(bytes)) => {
                    let taken = written.min(*bytes);
                    *bytes -= taken;
                    self.copied_start += taken;
                    written -= taken;
                    *bytes
                }
                Some(Part::Shared(content)) => {
                    let taken = written.min(content.len());
                    content.advance(taken);
                    written -= taken;
                    content.len()
                }
            };
            if left == 0 {
                self.parts.pop_front();
            }
        }
        if self.parts.is_empty() {
            self.copied.clear();
            self.copied_start = 0;
        } else if self.copied_start > COPIED_WAITING_MAX {
            self.copied.drain(..self.copied_start);
            self.copied_start = 0;
        }
    }

    /// Memory to write in, where it has none.
    pub(super) fn lend(&mut self, memory: impl FnOnce() -> Vec<u8>) {
        if self.copied.capacity() == 0 {
            self.copied = memory();
            self.copied.clear();
        }
    }

    /// Its memory, which it needs no more once all is written.
    pub(super) fn take_memory(&mut self) -> Option<Vec<u8>> {
        if !self.parts.is_empty() || self.copied.capacity() == 0 {
            return None;
        }
        if self.parts.capacity() > SLICES_MAX {
            self.parts = VecDeque::new();
        }
        Some(std::mem::take(&mut self.copied))
    }
}

/// A block that is longer than a frame (RFC 9113 §6.10).
fn write_continued(out: &mut Vec<u8>, block: &[u8], stream: u32, flags: u8) {
    let mut fragments = block.chunks(frame::PAYLOAD_BYTES_MAX).peekable();
    let mut kind = Kind::Headers;
    let mut flags = flags;
    while let Some(fragment) = fragments.next() {
        let last = if fragments.peek().is_none() { flag::END_HEADERS } else { 0 };
        frame::write(out, kind, flags | last, stream, fragment);
        (kind, flags) = (Kind::Continuation, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// All that waits, as a stream that takes `room` bytes at a time gets it.
    async fn written(mut outbox: Outbox, room: usize) -> Vec<u8> {
        let (mut near, mut far) = duplex(room);
        let write = async {
            while outbox.waiting() > 0 {
                poll_fn(|cx| outbox.poll_write(cx, &mut near)).await.unwrap();
            }
            near.shutdown().await.unwrap();
        };
        let mut seen = Vec::new();
        let (read, ()) = tokio::join!(far.read_to_end(&mut seen), write);
        read.unwrap();
        seen
    }

    fn kinds(mut bytes: &[u8]) -> Vec<(Kind, u8, usize)> {
        let mut kinds = Vec::new();
        while let Some(head) = Head::read(bytes) {
            kinds.push((head.kind, head.flags, head.length));
            bytes = &bytes[frame::HEAD_BYTES + head.length..];
        }
        assert!(bytes.is_empty());
        kinds
    }

    #[tokio::test]
    async fn what_is_taken_in_crumbs_arrives_whole_and_in_order() {
        for room in [7, 64 * 1024] {
            let mut outbox = Outbox::default();
            outbox.headers(1, 0, |out| out.extend_from_slice(b"block"));
            outbox.data(1, 0, Bytes::from(vec![b'x'; COPIED_BYTES_MAX + 1]));
            outbox.data(1, flag::END_STREAM, Bytes::from_static(b"end"));
            outbox.reset(3, Code::Cancel);
            let bytes = written(outbox, room).await;
            let expected = [
                (Kind::Headers, flag::END_HEADERS, 5),
                (Kind::Data, 0, COPIED_BYTES_MAX + 1),
                (Kind::Data, flag::END_STREAM, 3),
                (Kind::RstStream, 0, 4),
            ];
            assert_eq!(kinds(&bytes), expected);
        }
    }

    #[tokio::test]
    async fn a_block_that_is_longer_than_a_frame_is_continued() {
        let mut outbox = Outbox::default();
        outbox.headers(1, flag::END_STREAM, |out| out.resize(out.len() + 40_000, 0));
        let expected = [
            (Kind::Headers, flag::END_STREAM, 16_384),
            (Kind::Continuation, 0, 16_384),
            (Kind::Continuation, flag::END_HEADERS, 40_000 - 2 * 16_384),
        ];
        assert_eq!(kinds(&written(outbox, 100_000).await), expected);
    }
}
