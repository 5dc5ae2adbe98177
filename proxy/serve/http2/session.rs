//! What the driver of a connection and the tasks of its streams share: the streams, the windows, and what waits to be said.
//!
//! Tasks say what they have to say here, and read here what came for them; bytes move in `connection` alone. Nothing here waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::fault::Fault;
use super::outbox::{KEPT_BYTES_MAX, Outbox};
use super::patience::Patience;
use super::stream::{Inbound, Outbound, STREAM_WINDOW_BYTES, Stream, Then, gone};
use crate::http::frame::{Code, PAYLOAD_BYTES_MAX, WINDOW_BYTES_MAX};
use crate::serve::worker::Worker;

/// The window of a connection: what all its uploads together may have in flight, and in memory.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// The windows that both sides begin with (RFC 9113 §6.9.2).
pub(super) const INITIAL_WINDOW_BYTES: u32 = 65_535;
/// Content that waits to be written: enough for one large write, and no more than a client may leave lying.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// A frame of content below it, cut so short by a window, is not worth what it costs.
const CRUMB_BYTES_MAX: usize = 512;
/// Streams that we have reset and whose last frames may still be on their way.
const RESETS_REMEMBERED_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    /// In the order of their numbers.
    pub(super) streams: Vec<Stream>,
    pub(super) outbox: Outbox,
    pub(super) patience: Patience,
    pub(super) send_window: i64,
    /// What a stream begins with, as the client has set it.
    pub(super) stream_send_window: i64,
    pub(super) receive_window: i64,
    credit: u32,
    /// Streams that have content and a window, in turn.
    queue: VecDeque<u32>,
    reset_ids: VecDeque<u32>,
    driver: Option<Waker>,
    /// The driver is at work, and will see what is said.
    is_driven: bool,
    pub(super) is_dead: bool,
    /// Frames of streams that were said so far.
    pub(super) said: u64,
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            streams: Vec::new(),
            outbox: Outbox::default(),
            patience: Patience::default(),
            send_window: i64::from(INITIAL_WINDOW_BYTES),
            stream_send_window: i64::from(INITIAL_WINDOW_BYTES),
            receive_window: i64::from(CONNECTION_WINDOW_BYTES),
            credit: 0,
            queue: VecDeque::new(),
            reset_ids: VecDeque::new(),
            driver: None,
            is_driven: false,
            is_dead: false,
            said: 0,
        }
    }

    /// The driver begins its turn.
    pub(super) fn begin_turn(&mut self, cx: &Context<'_>, worker: &Worker) {
        self.is_driven = true;
        match &mut self.driver {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.driver = Some(cx.waker().clone()),
        }
        self.outbox.lend(|| worker.vectors.take());
    }

    /// And ends it: from now on it is woken for what is said. Memory goes back that nothing is in.
    pub(super) fn end_turn(&mut self, worker: &Worker) {
        self.is_driven = false;
        if let Some(memory) = self.outbox.take_memory()
            && memory.capacity() <= KEPT_BYTES_MAX
        {
            worker.vectors.give(memory);
        }
        if self.streams.is_empty() && self.streams.capacity() > 4 {
            self.streams = Vec::new();
            self.queue = VecDeque::new();
        }
    }

    fn wake_driver(&self) {
        if !self.is_driven
            && let Some(driver) = &self.driver
        {
            driver.wake_by_ref();
        }
    }

    fn position(&self, id: u32) -> Option<usize> {
        // The stream of the moment is the newest, mostly.
        match self.streams.last() {
            Some(last) if last.id == id => Some(self.streams.len() - 1),
            _ => self.streams.binary_search_by_key(&id, |stream| stream.id).ok(),
        }
    }

    /// The stream with this number, while it has a task.
    pub(super) fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.position(id)?;
        self.streams.get_mut(at)
    }

    /// `true` for a stream that we have reset a while ago: the client may not have known yet.
    pub(super) fn was_reset(&self, id: u32) -> bool {
        self.reset_ids.contains(&id)
    }

    /// The stream, unless it or the connection is gone.
    fn alive(&mut self, id: u32) -> io::Result<&mut Stream> {
        if self.is_dead {
            return Err(gone());
        }
        self.stream(id).filter(|stream| stream.inbound != Inbound::Reset).ok_or_else(gone)
    }

    /// The connection is over: all tasks learn of it.
    pub(super) fn die(&mut self) {
        self.is_dead = true;
        self.queue.clear();
        self.streams.iter_mut().for_each(Stream::wake);
    }

    // What tasks say.

    /// Sends a head, interim or final.
    pub(super) fn send_head(&mut self, id: u32, is_final: bool, ends: bool, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let stream = self.alive(id)?;
        if stream.outbound != Outbound::Idle {
            return Err(gone());
        }
        if is_final {
            stream.outbound = if ends { Outbound::Ended } else { Outbound::Begun };
        }
        self.outbox.headers(id, ends, write);
        self.said += 1;
        if ends {
            self.patience.answered();
        }
        self.wake_driver();
        Ok(())
    }

    /// Hands content over, and says what follows it. The one before must be gone ([`poll_taken`](Self::poll_taken)).
    pub(super) fn send(&mut self, id: u32, content: Bytes, then: Then) -> io::Result<()> {
        let stream = self.alive(id)?;
        if stream.outbound != Outbound::Begun {
            return Err(gone());
        }
        stream.pending = content;
        stream.then = then;
        if stream.pending.is_empty() {
            if stream.then == Then::End {
                self.outbox.data(id, Bytes::new(), true);
            }
            self.end(id);
        } else {
            self.enqueue(id);
        }
        self.pump();
        self.wake_driver();
        Ok(())
    }

    /// How much of the content that was handed over still waits; ready once none does.
    pub(super) fn poll_taken(&mut self, cx: &Context<'_>, id: u32) -> Poll<io::Result<usize>> {
        let stream = match self.alive(id) {
            Ok(stream) => stream,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if stream.pending.is_empty() {
            return Poll::Ready(Ok(0));
        }
        stream.register(cx);
        Poll::Pending
    }

    /// Bytes of content that wait on a stream.
    pub(super) fn pending_bytes(&mut self, id: u32) -> usize {
        self.stream(id).map_or(0, |stream| stream.pending.len())
    }

    /// Ready once the client has reset the stream, or is gone.
    pub(super) fn poll_gone(&mut self, cx: &Context<'_>, id: u32) -> Poll<()> {
        match self.alive(id) {
            Ok(stream) => {
                stream.register(cx);
                Poll::Pending
            }
            Err(_) => Poll::Ready(()),
        }
    }

    /// What came in on a stream, exchanged for an empty buffer; ready with `false` at its end.
    pub(super) fn poll_inbox(&mut self, cx: &Context<'_>, id: u32, buffer: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        let stream = match self.alive(id) {
            Ok(stream) => stream,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if !stream.inbox.is_empty() {
            std::mem::swap(&mut stream.inbox, buffer);
            return Poll::Ready(Ok(true));
        }
        if stream.inbound == Inbound::Ended {
            return Poll::Ready(Ok(false));
        }
        stream.register(cx);
        Poll::Pending
    }

    /// `true` when a client has said all on a stream, and nothing of it waits to be read.
    pub(super) fn has_no_more(&mut self, id: u32) -> bool {
        self.stream(id).is_some_and(|stream| stream.inbound == Inbound::Ended && stream.inbox.is_empty() && stream.trailers.is_empty())
    }

    /// The trailers of a request that has ended, as lines.
    pub(super) fn take_trailers(&mut self, id: u32) -> Vec<u8> {
        self.stream(id).map(|stream| std::mem::take(&mut stream.trailers)).unwrap_or_default()
    }

    /// Bytes of content were used up: the client may send as many again (RFC 9113 §5.2). It is told when it is worth a frame.
    pub(super) fn consumed(&mut self, id: u32, bytes: u32) {
        self.credit_connection(bytes);
        let Some(at) = self.position(id) else { return };
        let Some(stream) = self.streams.get_mut(at) else { return };
        stream.credit += bytes;
        if stream.inbound == Inbound::Open && stream.credit >= STREAM_WINDOW_BYTES / 2 {
            let credit = std::mem::take(&mut stream.credit);
            stream.receive_window += i64::from(credit);
            self.outbox.window_update(id, credit);
            self.wake_driver();
        }
    }

    /// The same for the connection alone.
    pub(super) fn credit_connection(&mut self, bytes: u32) {
        self.credit += bytes;
        if self.credit >= CONNECTION_WINDOW_BYTES / 2 && !self.is_dead {
            let credit = std::mem::take(&mut self.credit);
            self.receive_window += i64::from(credit);
            self.outbox.window_update(0, credit);
            self.wake_driver();
        }
    }

    /// Resets a stream: nothing more is said on it, and nothing more is heard.
    pub(super) fn reset(&mut self, id: u32, code: Code) {
        if let Some(stream) = self.stream(id) {
            if stream.inbound == Inbound::Reset {
                return;
            }
            stream.inbound = Inbound::Reset;
            stream.outbound = Outbound::Ended;
            stream.pending = Bytes::new();
            stream.wake();
        }
        self.outbox.reset(id, code);
        self.remember_reset(id);
        self.wake_driver();
    }

    fn remember_reset(&mut self, id: u32) {
        if self.reset_ids.len() >= RESETS_REMEMBERED_MAX {
            self.reset_ids.pop_front();
        }
        self.reset_ids.push_back(id);
    }

    /// The task of a stream has ended, and says what is left to say.
    fn close(&mut self, id: u32) {
        let Some(at) = self.position(id) else { return };
        let stream = self.streams.remove(at);
        self.credit_connection(u32::try_from(stream.inbox.len()).unwrap_or(u32::MAX));
        if self.is_dead || stream.inbound == Inbound::Reset {
            // It is over already.
        } else if stream.outbound != Outbound::Ended {
            self.outbox.reset(id, Code::Internal);
            self.remember_reset(id);
        } else if stream.inbound == Inbound::Open {
            // An answer was enough, and the rest of the request is not wanted (RFC 9113 §8.1).
            self.outbox.reset(id, Code::NoError);
            self.remember_reset(id);
        }
        // Even with nothing to say: a connection that closes waits for its last stream.
        self.wake_driver();
    }

    // How content goes out.

    /// Lets a stream have its turn, if it can use one.
    pub(super) fn enqueue(&mut self, id: u32) {
        if let Some(stream) = self.stream(id)
            && stream.can_send()
            && !stream.is_queued
        {
            stream.is_queued = true;
            self.queue.push_back(id);
        }
    }

    /// Lets all streams that wait have their turn; after a change of the settings.
    pub(super) fn enqueue_all(&mut self) {
        for stream in &mut self.streams {
            if stream.can_send() && !stream.is_queued {
                stream.is_queued = true;
                self.queue.push_back(stream.id);
            }
        }
    }

    /// Moves content to the outbox while it has room and the windows are open: a frame of each stream in turn.
    pub(super) fn pump(&mut self) {
        while self.outbox.waiting() < WAITING_BYTES_MAX && self.send_window > 0 {
            let Some(id) = self.queue.pop_front() else { return };
            let window = self.send_window;
            let Some(stream) = self.stream(id) else { continue };
            stream.is_queued = false;
            let bytes = window.min(stream.send_window).min(PAYLOAD_BYTES_MAX as i64);
            let Ok(bytes) = usize::try_from(bytes) else { continue };
            let content = if bytes >= stream.pending.len() { std::mem::take(&mut stream.pending) } else { stream.pending.split_to(bytes) };
            if content.is_empty() {
                continue;
            }
            let bytes = content.len() as i64;
            stream.send_window -= bytes;
            let is_last = stream.pending.is_empty();
            // A client that opens its windows by crumbs makes us work for them.
            let is_crumb = !is_last && content.len() < CRUMB_BYTES_MAX;
            let ends = is_last && stream.then == Then::End;
            if is_last {
                stream.wake();
            }
            self.send_window -= bytes;
            self.outbox.data(id, content, ends);
            self.said += 1;
            if !is_crumb {
                self.patience.moved();
            }
            if is_last {
                self.end(id);
            } else {
                self.enqueue(id);
            }
        }
    }

    /// The content of a stream is out: its trailers follow, if it has some, and it has ended.
    fn end(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        match std::mem::replace(&mut stream.then, Then::More) {
            Then::More => return,
            Then::End => {}
            Then::Trailers(block) => {
                let _ = stream;
                self.outbox.headers(id, true, |out| out.extend_from_slice(&block));
            }
        }
        self.said += 1;
        self.patience.answered();
        if let Some(stream) = self.stream(id) {
            stream.outbound = Outbound::Ended;
        }
    }

    /// The client has opened a window, of a stream or (0) of the connection.
    pub(super) fn opened(&mut self, id: u32, bytes: u32) -> Result<(), Fault> {
        let overflow = Fault::new(Code::FlowControl, "WINDOW_UPDATE above the largest window");
        if id == 0 {
            self.send_window += i64::from(bytes);
            return if self.send_window > WINDOW_BYTES_MAX { Err(overflow) } else { Ok(()) };
        }
        let Some(stream) = self.stream(id) else { return Ok(()) };
        stream.send_window += i64::from(bytes);
        if stream.send_window > WINDOW_BYTES_MAX {
            self.patience.provoked()?;
            self.reset(id, Code::FlowControl);
        } else {
            self.enqueue(id);
        }
        Ok(())
    }
}

/// A task's hold of its stream; dropping it ends the stream.
#[derive(Debug)]
pub(super) struct Handle {
    session: Rc<RefCell<Session>>,
    pub(super) id: u32,
}

impl Handle {
    /// Opens a stream.
    pub(super) fn open(session: &Rc<RefCell<Session>>, stream: Stream) -> Self {
        let id = stream.id;
        session.borrow_mut().streams.push(stream);
        Self { session: Rc::clone(session), id }
    }

    /// What all streams share.
    pub(super) fn session(&self) -> std::cell::RefMut<'_, Session> {
        self.session.borrow_mut()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.session.borrow_mut().close(self.id);
    }
}
