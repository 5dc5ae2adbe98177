//! Blocks of fields: put together from their frames, decompressed, and taken for a request or for the trailers of one.

use std::borrow::Cow;
use std::rc::Rc;
use std::task::Context;

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::{Taken, answer, give_back};
use super::dispatch::{Dispatch, STREAMS_MAX};
use super::fault::Fault;
use super::handle::Handle;
use super::head::{self, HeadError, HeadReader, Purpose};
use super::respond::write_head;
use super::stream::{Inbound, Stream};
use crate::http::frame::{self, Code, Head, flag};
use crate::http::request::{Method, RequestHead};
use crate::serve::exchange::{BodyLength, Sent};
use crate::serve::handler::at_hand;
use crate::serve::origin;
use crate::serve::request_id::RequestId;
use crate::serve::worker::{Tally, Worker};

/// A block may be so many times as long as `limits.header`, so that one that is too long for it is answered with 431; a longer one is not read at all.
const BLOCK_LIMITS_MAX: u64 = 4;
/// The same, whatever the limit.
const BLOCK_BYTES_MIN: u64 = 64 * 1024;
/// CONTINUATION frames of one block: a flood of small ones ("CONTINUATION flood", CVE-2024-27316) ends here.
const CONTINUATIONS_MAX: usize = 64;
/// All trailers together.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// A block that is not whole yet.
pub(super) struct Block {
    pub(super) stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    continuations: usize,
}

impl Dispatch {
    pub(super) fn headers(&mut self, cx: &mut Context<'_>, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let fragment = frame::content(head, payload).ok_or(Fault::protocol("more padding than payload"))?;
        if head.stream.is_multiple_of(2) {
            return Err(Fault::protocol("a stream with an even number from a client"));
        }
        let ends_stream = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.whole_block(cx, head.stream, ends_stream, fragment);
        }
        self.block = Some(Box::new(Block { stream: head.stream, ends_stream, bytes: fragment.to_vec(), continuations: 0 }));
        Ok(())
    }

    pub(super) fn continuation(&mut self, cx: &mut Context<'_>, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let bytes_max = self.worker.frame().plan().limits.header.0.saturating_mul(BLOCK_LIMITS_MAX).max(BLOCK_BYTES_MIN);
        let Some(block) = &mut self.block else { return Err(Fault::protocol("CONTINUATION of nothing")) };
        block.continuations += 1;
        if block.continuations > CONTINUATIONS_MAX || (block.bytes.len() + payload.len()) as u64 > bytes_max {
            return Err(Fault::new(Code::EnhanceYourCalm, "a block of fields without end"));
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS)
            && let Some(block) = self.block.take()
        {
            return self.whole_block(cx, block.stream, block.ends_stream, &block.bytes);
        }
        Ok(())
    }

    /// A block of fields is whole: a request, or the trailers of one.
    fn whole_block(&mut self, cx: &mut Context<'_>, id: u32, ends_stream: bool, block: &[u8]) -> Result<(), Fault> {
        if id > self.last_stream {
            self.last_stream = id;
            return if id > self.last_taken { self.skip(block) } else { self.request(cx, id, ends_stream, block) };
        }
        let inbound = self.session.borrow_mut().stream(id).map(|stream| stream.inbound);
        match inbound {
            Some(Inbound::Open) => self.trailers(id, ends_stream, block),
            Some(Inbound::Ended) => {
                self.skip(block)?;
                self.stream_error(id, Code::StreamClosed)
            }
            Some(Inbound::Reset) | None if self.session.borrow().was_reset(id) => self.skip(block),
            Some(Inbound::Reset) | None => Err(Fault::new(Code::StreamClosed, "HEADERS on a stream that is closed")),
        }
    }

    /// Reads a block for what it does to the table alone (RFC 9113 §4.3).
    fn skip(&mut self, block: &[u8]) -> Result<(), Fault> {
        self.session.borrow_mut().patience.frame()?;
        let mut scratch = self.worker.vectors.take();
        let decoded = self.decoder.decode(block, &mut scratch, |_, _| ());
        self.worker.vectors.give(scratch);
        Ok(decoded?)
    }

    fn trailers(&mut self, id: u32, ends_stream: bool, block: &[u8]) -> Result<(), Fault> {
        let mut scratch = self.worker.vectors.take();
        let mut lines = Vec::new();
        let mut bytes = 0;
        let mut result = Ok(());
        let decoded = self.decoder.decode(block, &mut scratch, |name, value| {
            bytes += name.len() + value.len();
            if result.is_ok() {
                result = if bytes > TRAILER_BYTES_MAX { Err("trailers are too long") } else { head::trailer(&mut lines, name, value) };
            }
        });
        self.worker.vectors.give(scratch);
        decoded?;
        let mut session = self.session.borrow_mut();
        let Some(stream) = session.stream(id) else { return Ok(()) };
        let is_short = stream.content_left.is_some_and(|left| left > 0);
        if result.is_err() || !ends_stream || is_short {
            drop(session);
            return self.stream_error(id, Code::Protocol);
        }
        stream.trailers = lines;
        stream.inbound = Inbound::Ended;
        stream.wake();
        Ok(())
    }

    fn request(&mut self, cx: &mut Context<'_>, id: u32, ends_stream: bool, block: &[u8]) -> Result<(), Fault> {
        let frame = self.worker.frame();
        let mut head = self.worker.heads.take();
        let (mut scratch, mut memory) = (self.worker.vectors.take(), self.worker.vectors.take());
        let mut reader = HeadReader::new(&mut head, &frame.plan().limits, &mut memory);
        let decoded = self.decoder.decode(block, &mut scratch, |name, value| reader.field(name, value));
        let read = reader.finish();
        self.worker.vectors.give(scratch);
        self.worker.vectors.give(memory);
        if let Err(error) = decoded {
            self.record_failed(&head, format!("malformed: {}", error.cause()).into());
            return Err(error.into());
        }
        // Streams that were reset still cost a task until it notices: those count too, or a client could open and reset without end.
        if self.session.borrow().streams.len() >= STREAMS_MAX {
            return self.no_room(id, &head);
        }
        let (purpose, refusal) = match read {
            Ok(purpose) => (purpose, None),
            Err(HeadError::Refused(refusal)) => (Purpose::Answer, Some(refusal)),
            Err(HeadError::Malformed(cause)) => return self.malformed(id, &head, cause),
        };
        let stated = match head::content_length(&head) {
            Ok(stated) if !ends_stream || stated.unwrap_or(0) == 0 => stated,
            Ok(_) => return self.malformed(id, &head, "a content-length without content"),
            Err(cause) => return self.malformed(id, &head, cause),
        };
        let (inbound, length) = match stated {
            Some(_) if purpose == Purpose::Tunnel => return self.malformed(id, &head, "a WebSocket with a content-length"),
            // What comes is no content: it is read when the tunnel is there.
            None if purpose == Purpose::Tunnel && !ends_stream => {
                websocket_key(&mut head, &self.worker);
                (Inbound::Open, BodyLength::Empty)
            }
            _ if ends_stream => (Inbound::Ended, BodyLength::Empty),
            Some(length) => (Inbound::Open, BodyLength::Known(length)),
            None => (Inbound::Open, BodyLength::Unknown),
        };
        self.taken += 1;
        self.has_answered = true;
        if refusal.is_none() && purpose == Purpose::Answer && inbound == Inbound::Ended && self.answer_at_hand(id, &head) {
            give_back(head, &self.worker);
            return Ok(());
        }
        let send_window = self.session.borrow().stream_send_window;
        let handle = Handle::open(&self.session, Stream::new(id, inbound, stated, send_window));
        let taken = Taken { head, length, refusal, purpose };
        let mut answer = Box::pin(answer(taken, handle, Rc::clone(&self.client), Rc::clone(&self.worker)));
        // Most answers are at hand: they are given here, and only those that have to wait for something get a task.
        if answer.as_mut().poll(cx).is_pending() {
            tokio::task::spawn_local(answer);
        }
        Ok(())
    }

    /// Answers a request without a body, if nothing has to be waited for.
    fn answer_at_hand(&self, stream: u32, head: &RequestHead) -> bool {
        if !self.session.borrow().has_room(0) {
            return false;
        }
        let started = Instant::now();
        let (live, _) = self.worker.serving();
        let (id, told) = (RequestId::default(), origin::of(&self.client, head, &live));
        let client = told.as_ref().unwrap_or(&self.client);
        let Some((response, content)) = at_hand(&live, (client, &id), head, &self.worker) else { return false };
        let is_head = head.method() == Method::Head;
        let content = if is_head { Bytes::new() } else { content };
        let mut session = self.session.borrow_mut();
        if !session.has_room(content.len()) {
            drop(session);
            self.worker.vectors.give(response.lines);
            return false;
        }
        let sent = Sent { status: Some(response.status), body_bytes: content.len() as u64, is_complete: true };
        session.send_whole(stream, content, |out| write_head(out, &response));
        drop(session);
        let tally = Tally { sent, request_bytes: head.byte_count(), request_id: id.known(), ..Tally::default() };
        self.worker.record(client, head, &tally, started);
        self.worker.vectors.give(response.lines);
        true
    }

    /// There are as many streams as there may be. Those that the client has taken back are none to it: then it did nothing wrong.
    fn no_room(&self, id: u32, head: &RequestHead) -> Result<(), Fault> {
        self.record_failed(head, "more streams than may be open".into());
        let mut session = self.session.borrow_mut();
        let borne = if session.is_full_of_reset_ones() { session.patience.frame() } else { session.patience.provoked() };
        borne?;
        session.refuse(id, Code::RefusedStream);
        Ok(())
    }

    /// What is no HTTP is not answered (RFC 9113 §8.1.1), but it is recorded.
    fn malformed(&self, id: u32, head: &RequestHead, cause: &'static str) -> Result<(), Fault> {
        self.record_failed(head, format!("malformed: {cause}").into());
        self.stream_error(id, Code::Protocol)
    }

    fn record_failed(&self, head: &RequestHead, cause: Cow<'static, str>) {
        let tally = Tally { cause: Some(cause), request_bytes: head.byte_count(), ..Tally::default() };
        self.worker.record(&self.client, head, &tally, Instant::now());
    }
}

/// The key that a server of HTTP/1 wants of its client (RFC 6455 §4.1): sixteen random bytes in base64.
fn websocket_key(head: &mut RequestHead, worker: &Worker) {
    /// The last of the four that the end of sixteen bytes can be: two bits, and four of nothing.
    const LAST: [u8; 4] = *b"AQgw";
    if let Some(nonce) = worker.nonces.fresh()
        && let Some((last, digits)) = nonce.as_bytes().split_last()
        && let Some(digits) = digits.get(..21)
    {
        let last = LAST.get(usize::from(last & 3)).copied().unwrap_or(b'A');
        head.push(b"sec-websocket-key", &[digits, &[last], b"=="].concat());
    }
}
