//! What the driver of a connection and the tasks of its streams share: the streams, the windows, and what waits to be said.
//!
//! Tasks say what they have to say here, and read here what came for them; bytes move in `connection` alone. Nothing here waits.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::dispatch::STREAMS_MAX;
use super::outbox::{KEPT_BYTES_MAX, Outbox};
use super::patience::Patience;
use super::stream::{Inbound, Outbound, STREAM_WINDOW_BYTES, SentHead, Stream, Then, gone};
use crate::http::frame::{Code, flag};
use crate::serve::worker::Worker;

/// The window of a connection: what all its uploads together may have in flight, and in memory.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// The windows that both sides begin with (RFC 9113 §6.9.2).
pub(super) const INITIAL_WINDOW_BYTES: u32 = 65_535;
/// Streams that we have reset and whose last frames may still be on their way: all that can be open, and as many behind them.
const RESETS_REMEMBERED_MAX: usize = 2 * STREAMS_MAX;

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
    pub(super) queue: VecDeque<u32>,
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
            patience: Patience::new(),
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

    /// `true` when there is no room for a stream, and would be without those that are reset and have a task still.
    pub(super) fn is_full_of_reset_ones(&self) -> bool {
        self.streams.len() >= STREAMS_MAX && self.streams.iter().any(|stream| stream.inbound == Inbound::Reset)
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

    /// Sends a head.
    pub(super) fn send_head(&mut self, id: u32, kind: SentHead, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let stream = self.alive(id)?;
        if stream.outbound != Outbound::Idle {
            return Err(gone());
        }
        let mut flags = 0;
        match kind {
            SentHead::Interim => {}
            SentHead::Begins => stream.outbound = Outbound::Begun,
            SentHead::Whole => {
                stream.outbound = Outbound::Ended;
                flags = flag::END_STREAM;
                self.patience.answered();
            }
        }
        self.outbox.headers(id, flags, write);
        self.said += 1;
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
                self.outbox.data(id, flag::END_STREAM, Bytes::new());
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

    /// Frames that were said so far, of a stream that waits for no more than its turn.
    pub(super) fn said_before(&mut self, id: u32) -> Option<u64> {
        let said = self.said;
        self.stream(id).filter(|stream| stream.is_queued).map(|_| said)
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

    /// Resets a stream, unless that was done: nothing more is said on it, and nothing more is heard.
    pub(super) fn reset(&mut self, id: u32, code: Code) {
        if self.stream(id).is_none_or(|stream| stream.inbound != Inbound::Reset) {
            self.refuse(id, code);
        }
    }

    /// Resets a stream that may be closed.
    pub(super) fn refuse(&mut self, id: u32, code: Code) {
        if let Some(stream) = self.stream(id) {
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
    pub(super) fn close(&mut self, id: u32) {
        let Some(at) = self.position(id) else { return };
        let stream = self.streams.remove(at);
        if stream.is_queued {
            self.queue.retain(|queued| *queued != id);
        }
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
}
