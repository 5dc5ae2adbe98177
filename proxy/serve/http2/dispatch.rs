//! What each frame of a client means (RFC 9113 §6): for the connection, for a stream, or that something is wrong with it.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Context;

use super::blocks::Block;
use super::fault::Fault;
use super::session::{INITIAL_WINDOW_BYTES, Session};
use super::stream::{Inbound, Outbound};
use crate::http::frame::{self, Code, Head, Kind, WINDOW_BYTES_MAX, flag};
use crate::http::hpack::decoder::{Decoder, TABLE_BYTES_MAX};
use crate::serve::client::Client;
use crate::serve::worker::Worker;

/// Streams that a client may have open at once: what browsers use, and what bounds the work that one connection can ask for.
pub(super) const STREAMS_MAX: usize = 128;
/// What our PINGs say.
pub(super) const PING: [u8; 8] = *b"heard it";

/// What is known of a connection beside its streams.
pub(super) struct Dispatch {
    pub(super) session: Rc<RefCell<Session>>,
    pub(super) client: Rc<Client>,
    pub(super) worker: Rc<Worker>,
    pub(super) decoder: Decoder,
    /// A block that CONTINUATION frames are still to come for.
    pub(super) block: Option<Box<Block>>,
    /// The newest stream of the client.
    pub(super) last_stream: u32,
    /// Streams above are not taken in any more: the client was told.
    pub(super) last_taken: u32,
    /// The stream that tasks had a turn for, so that those of streams that were reset make room.
    yielded_for: u32,
    has_settings: bool,
    /// The client has answered our last PING.
    pub(super) is_heard: bool,
    /// Streams that were taken in so far.
    pub(super) taken: u64,
    /// Streams were taken in since this was looked at.
    pub(super) has_answered: bool,
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
            yielded_for: 0,
            has_settings: false,
            is_heard: false,
            taken: 0,
            has_answered: false,
        }
    }

    /// The stream whose head is there in part.
    pub(super) fn block_stream(&self) -> Option<u32> {
        self.block.as_ref().map(|block| block.stream)
    }

    /// The last stream that we have told of or may tell of: what was told must not rise (RFC 9113 §6.8).
    pub(super) fn last_told(&self) -> u32 {
        self.last_stream.min(self.last_taken)
    }

    /// `true` when a new stream has no room but for the tasks of streams that were reset: those end in their next turn. A client that leaves a page
    /// and loads another takes back all and asks for as much in one write. Said once for each stream: a task may wait for a disk.
    pub(super) fn waits_for_room(&mut self, head: Head) -> bool {
        let is_new = head.kind == Kind::Headers && head.stream > self.last_stream && self.yielded_for != head.stream;
        if !is_new || !self.session.borrow().is_full_of_reset_ones() {
            return false;
        }
        self.yielded_for = head.stream;
        true
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
            // RFC 9113 §6.5.2. What we never use (pushes, the size of lists) is not kept.
            match identifier {
                0x1 if (value as usize) < TABLE_BYTES_MAX => session.outbox.say_table(),
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
    pub(super) fn stream_error(&self, stream: u32, code: Code) -> Result<(), Fault> {
        let mut session = self.session.borrow_mut();
        session.patience.provoked()?;
        session.refuse(stream, code);
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
            session.patience.moved(content.len());
        }
        let Some(stream) = session.stream(head.stream).filter(|stream| stream.inbound == Inbound::Open) else {
            session.credit_connection(counted);
            let was_reset = session.was_reset(head.stream);
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
    // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, ENABLE_CONNECT_PROTOCOL (RFC 8441 §3).
    for (identifier, value) in [(0x3_u16, STREAMS_MAX as u32), (0x4, super::stream::STREAM_WINDOW_BYTES), (0x8, 1)] {
        payload.extend_from_slice(&identifier.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    session.outbox.frame(Kind::Settings, 0, 0, &payload);
    session.outbox.window_update(0, super::session::CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
}
