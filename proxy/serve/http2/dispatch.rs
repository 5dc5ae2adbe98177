//! What each frame of a client means (RFC 9113 §6): for the connection, for a stream, or that something is wrong with it.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Context;

use super::answer::{Taken, answer};
use super::fault::Fault;
use super::head::{self, HeadError, HeadReader};
use super::session::{Handle, INITIAL_WINDOW_BYTES, Session};
use super::stream::{Inbound, Outbound, Stream};
use crate::http::frame::{self, Code, Head, Kind, WINDOW_BYTES_MAX, flag};
use crate::http::hpack::Decoder;
use crate::serve::client::Client;
use crate::serve::exchange::BodyLength;
use crate::serve::worker::{Tally, Worker};

/// Streams that a client may have open at once: what browsers use, and what bounds the work that one connection can ask for.
pub(super) const STREAMS_MAX: usize = 128;
/// A block may be so many times as long as `limits.header`, so that one that is too long for it is answered with 431; a longer one is not read at all.
const BLOCK_LIMITS_MAX: u64 = 4;
/// The same, whatever the limit.
const BLOCK_BYTES_MIN: u64 = 64 * 1024;
/// CONTINUATION frames of one block: a flood of small ones ("CONTINUATION flood", CVE-2024-27316) ends here.
const CONTINUATIONS_MAX: usize = 64;
/// All trailers together.
const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// What our PINGs say.
pub(super) const PING: [u8; 8] = *b"heard it";

/// What is known of a connection beside its streams.
pub(super) struct Dispatch {
    pub(super) session: Rc<RefCell<Session>>,
    client: Rc<Client>,
    worker: Rc<Worker>,
    decoder: Decoder,
    /// A block that CONTINUATION frames are still to come for.
    block: Option<Box<Block>>,
    /// The newest stream of the client.
    pub(super) last_stream: u32,
    /// Streams above are not taken in any more: the client was told.
    pub(super) last_taken: u32,
    has_settings: bool,
    /// The client has answered our last PING.
    pub(super) is_heard: bool,
    /// Streams that were taken in so far.
    pub(super) taken: u64,
    /// Streams were taken in since this was looked at.
    pub(super) has_answered: bool,
}

struct Block {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    continuations: usize,
}

impl Dispatch {
    pub(super) fn new(session: Rc<RefCell<Session>>, client: &Client, worker: &Rc<Worker>) -> Self {
        Self {
            session,
            client: Rc::new(client.clone()),
            worker: Rc::clone(worker),
            decoder: Decoder::default(),
            block: None,
            last_stream: 0,
            last_taken: u32::MAX,
            has_settings: false,
            is_heard: false,
            taken: 0,
            has_answered: false,
        }
    }

    /// `true` while a head is there in part.
    pub(super) fn is_within_block(&self) -> bool {
        self.block.is_some()
    }

    /// Takes one frame in.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub(super) fn frame(&mut self, cx: &mut Context<'_>, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if !self.has_settings && (head.kind != Kind::Settings || head.has(flag::ACK)) {
            return Err(Fault::protocol("no SETTINGS behind the preface"));
        }
        match &self.block {
            Some(block) if head.kind != Kind::Continuation || head.stream != block.stream => {
                return Err(Fault::protocol("another frame within a block of fields"));
            }
            Some(_) => return self.continuation(cx, head, payload),
            None => {}
        }
        let is_of_connection = matches!(head.kind, Kind::Settings | Kind::Ping | Kind::GoAway);
        let is_of_stream = matches!(head.kind, Kind::Data | Kind::Headers | Kind::Priority | Kind::RstStream);
        if (is_of_connection && head.stream != 0) || (is_of_stream && head.stream == 0) {
            return Err(Fault::protocol("a frame on a stream that it has no place on"));
        }
        match head.kind {
            Kind::Data => self.data(head, payload),
            Kind::Headers => self.headers(cx, head, payload),
            Kind::Priority => self.priority(head),
            Kind::RstStream => self.reset(head, payload),
            Kind::Settings => self.settings(head, payload),
            Kind::PushPromise => Err(Fault::protocol("PUSH_PROMISE from a client")),
            Kind::Ping => self.ping(head, payload),
            Kind::GoAway if head.length < 8 => Err(Fault::size("a GOAWAY that is too short")),
            Kind::GoAway => self.session.borrow_mut().patience.frame(),
            Kind::WindowUpdate => self.window_update(head, payload),
            Kind::Continuation => Err(Fault::protocol("CONTINUATION of nothing")),
            Kind::Unknown => self.session.borrow_mut().patience.frame(),
        }
    }

    /// A stream with this number was never opened.
    fn is_idle(&self, stream: u32) -> bool {
        stream > self.last_stream || stream.is_multiple_of(2)
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.frame()?;
        if head.has(flag::ACK) {
            return if head.length == 0 { Ok(()) } else { Err(Fault::size("SETTINGS ACK with a payload")) };
        }
        if !head.length.is_multiple_of(6) {
            return Err(Fault::size("SETTINGS of a broken length"));
        }
        for (identifier, value) in frame::settings(payload) {
            // RFC 9113 §6.5.2. What we never use (the table of the encoder, pushes, the size of lists) is not kept.
            match identifier {
                0x2 if value > 1 => return Err(Fault::protocol("ENABLE_PUSH that is neither 0 nor 1")),
                0x4 => set_stream_window(&mut session, i64::from(value))?,
                0x5 if !(16_384..1 << 24).contains(&value) => return Err(Fault::protocol("MAX_FRAME_SIZE out of bounds")),
                _ => {}
            }
        }
        self.has_settings = true;
        session.outbox.frame(Kind::Settings, flag::ACK, 0, &[]);
        Ok(())
    }

    fn ping(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.frame()?;
        if head.length != 8 {
            return Err(Fault::size("a PING that has not 8 bytes"));
        }
        if !head.has(flag::ACK) {
            session.outbox.frame(Kind::Ping, flag::ACK, 0, payload);
        } else if payload == PING {
            self.is_heard = true;
        }
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.frame()?;
        let bytes = frame::number(payload).filter(|_| head.length == 4).ok_or(Fault::size("a WINDOW_UPDATE that has not 4 bytes"))?;
        if head.stream != 0 && self.is_idle(head.stream) {
            return Err(Fault::protocol("WINDOW_UPDATE on an idle stream"));
        }
        if bytes > 0 {
            return session.opened(head.stream, bytes);
        }
        if head.stream == 0 {
            return Err(Fault::protocol("WINDOW_UPDATE of nothing"));
        }
        session.patience.provoked()?;
        session.reset(head.stream, Code::Protocol);
        Ok(())
    }

    /// Not looked at (RFC 9113 §5.3.2) but for its form.
    fn priority(&mut self, head: Head) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.frame()?;
        if head.length != 5 {
            session.patience.provoked()?;
            session.reset(head.stream, Code::FrameSize);
        }
        Ok(())
    }

    fn reset(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if frame::number(payload).is_none() || head.length != 4 {
            return Err(Fault::size("an RST_STREAM that has not 4 bytes"));
        }
        if self.is_idle(head.stream) {
            return Err(Fault::protocol("RST_STREAM on an idle stream"));
        }
        let mut session = self.session.borrow_mut();
        let Some(stream) = session.stream(head.stream) else { return session.patience.frame() };
        if stream.inbound == Inbound::Reset {
            return session.patience.frame();
        }
        let was_answered = stream.outbound == Outbound::Ended;
        stream.inbound = Inbound::Reset;
        stream.pending = bytes::Bytes::new();
        stream.wake();
        if was_answered { session.patience.frame() } else { session.patience.reset() }
    }

    /// The client does on a stream what it must not: the stream is reset, and that is counted.
    fn stream_error(&self, stream: u32, code: Code) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.provoked()?;
        session.reset(stream, code);
        Ok(())
    }

    fn data(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let content = frame::content(head, payload).ok_or(Fault::protocol("more padding than payload"))?;
        if self.is_idle(head.stream) {
            return Err(Fault::protocol("DATA on an idle stream"));
        }
        let mut session = self.session.borrow_mut();
        // Padding counts (RFC 9113 §6.9.1).
        let counted = u32::try_from(head.length).unwrap_or(u32::MAX);
        session.receive_window -= i64::from(counted);
        if session.receive_window < 0 {
            return Err(Fault::new(Code::FlowControl, "more DATA than the window of the connection"));
        }
        let ends = head.has(flag::END_STREAM);
        if content.is_empty() && !ends {
            session.patience.frame()?;
        } else {
            session.patience.moved();
        }
        let was_reset = session.was_reset(head.stream);
        let Some(stream) = session.stream(head.stream).filter(|stream| stream.inbound == Inbound::Open) else {
            session.credit_connection(counted);
            drop(session);
            // What was on its way when we reset the stream is no mistake.
            return if was_reset { Ok(()) } else { self.stream_error(head.stream, Code::StreamClosed) };
        };
        stream.receive_window -= i64::from(counted);
        let over_window = stream.receive_window < 0;
        let over_length = stream.content_left.is_some_and(|left| content.len() as u64 > left);
        stream.content_left = stream.content_left.map(|left| left.saturating_sub(content.len() as u64));
        let too_short = ends && stream.content_left.is_some_and(|left| left > 0);
        if over_window || over_length || too_short {
            session.credit_connection(counted);
            drop(session);
            return self.stream_error(head.stream, if over_window { Code::FlowControl } else { Code::Protocol });
        }
        stream.inbox.extend_from_slice(content);
        if ends {
            stream.inbound = Inbound::Ended;
        }
        stream.wake();
        let padding = counted.saturating_sub(u32::try_from(content.len()).unwrap_or(u32::MAX));
        if padding > 0 {
            session.consumed(head.stream, padding);
        }
        Ok(())
    }

    fn headers(&mut self, cx: &mut Context<'_>, head: Head, payload: &[u8]) -> Result<(), Fault> {
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

    fn continuation(&mut self, cx: &mut Context<'_>, head: Head, payload: &[u8]) -> Result<(), Fault> {
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
        decoded?;
        // Streams that were reset still cost a task until it notices: those count too, or a client could open and reset without end.
        if self.session.borrow().streams.len() >= STREAMS_MAX {
            return self.stream_error(id, Code::RefusedStream);
        }
        let refusal = match read {
            Ok(()) => None,
            Err(HeadError::Refused(refusal)) => Some(refusal),
            Err(HeadError::Malformed(cause)) => return self.malformed(id, &head, cause),
        };
        let stated = match head::content_length(&head) {
            Ok(stated) if !ends_stream || stated.unwrap_or(0) == 0 => stated,
            Ok(_) => return self.malformed(id, &head, "a content-length without content"),
            Err(cause) => return self.malformed(id, &head, cause),
        };
        let (inbound, length) = match stated {
            _ if ends_stream => (Inbound::Ended, BodyLength::Empty),
            Some(length) => (Inbound::Open, BodyLength::Known(length)),
            None => (Inbound::Open, BodyLength::Unknown),
        };
        self.taken += 1;
        self.has_answered = true;
        let send_window = self.session.borrow().stream_send_window;
        let handle = Handle::open(&self.session, Stream::new(id, inbound, stated, send_window));
        let taken = Taken { head, length, refusal };
        let mut answer = Box::pin(answer(taken, handle, Rc::clone(&self.client), Rc::clone(&self.worker)));
        // Most answers are at hand: they are given here, and only those that have to wait for something get a task.
        if answer.as_mut().poll(cx).is_pending() {
            tokio::task::spawn_local(answer);
        }
        Ok(())
    }

    /// What is no HTTP is not answered (RFC 9113 §8.1.1), but it is recorded.
    fn malformed(&self, id: u32, head: &crate::http::request::RequestHead, cause: &'static str) -> Result<(), Fault> {
        let tally = Tally { cause: Some(format!("malformed: {cause}").into()), request_bytes: head.byte_count(), ..Tally::default() };
        self.worker.record(&self.client, head, &tally, tokio::time::Instant::now());
        self.stream_error(id, Code::Protocol)
    }
}

/// Windows of streams that are open move with the setting, below zero too (RFC 9113 §6.9.2).
fn set_stream_window(session: &mut Session, bytes: i64) -> Result<(), Fault> {
    let overflow = Fault::new(Code::FlowControl, "INITIAL_WINDOW_SIZE above the largest window");
    if bytes > WINDOW_BYTES_MAX {
        return Err(overflow);
    }
    let change = bytes - session.stream_send_window;
    session.stream_send_window = bytes;
    for stream in &mut session.streams {
        stream.send_window += change;
        if stream.send_window > WINDOW_BYTES_MAX {
            return Err(overflow);
        }
    }
    session.enqueue_all();
    Ok(())
}

/// What we say first: our settings, and the window of the connection.
pub(super) fn greet(session: &mut Session) {
    let mut payload = Vec::new();
    // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE.
    for (identifier, value) in [(0x3_u16, STREAMS_MAX as u32), (0x4, super::stream::STREAM_WINDOW_BYTES)] {
        payload.extend_from_slice(&identifier.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    session.outbox.frame(Kind::Settings, 0, 0, &payload);
    session.outbox.window_update(0, super::session::CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
}
