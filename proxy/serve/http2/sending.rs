//! How content goes out: a frame of each stream in turn, as far as the windows and the outbox have room.

use bytes::Bytes;

use super::fault::Fault;
use super::session::Session;
use super::stream::{Outbound, Then};
use crate::http::frame::{Code, PAYLOAD_BYTES_MAX, WINDOW_BYTES_MAX, flag};

/// Content that waits to be written: enough for one large write, and no more than a client may leave lying.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// A frame of content below it, cut so short by a window, is not worth what it costs.
const CRUMB_BYTES_MAX: usize = 512;

impl Session {
    /// `true` when an answer of so many bytes would go out at once, before nothing that waits.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let bytes_wanted = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.queue.is_empty()
            && self.outbox.waiting() < WAITING_BYTES_MAX
            && self.send_window >= bytes_wanted
            && self.stream_send_window >= bytes_wanted
    }

    /// Sends a whole answer on a stream that was just opened and is closed by it. There must be room.
    pub(super) fn send_whole(&mut self, id: u32, content: Bytes, write: impl FnOnce(&mut Vec<u8>)) {
        let ends = if content.is_empty() { flag::END_STREAM } else { 0 };
        self.outbox.headers(id, ends, write);
        self.said += 1;
        if !content.is_empty() {
            self.send_window -= i64::try_from(content.len()).unwrap_or(i64::MAX);
            self.patience.moved(content.len());
            self.outbox.data(id, flag::END_STREAM, content);
        }
        self.patience.answered();
    }

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
            let flags = if is_last && stream.then == Then::End { flag::END_STREAM } else { 0 };
            if is_last {
                stream.wake();
            }
            self.send_window -= bytes;
            self.outbox.data(id, flags, content);
            self.said += 1;
            if !is_crumb {
                self.patience.moved(bytes as usize);
            }
            if is_last {
                self.end(id);
            } else {
                self.enqueue(id);
            }
        }
    }

    /// The content of a stream is out: its trailers follow, if it has some, and it has ended.
    pub(super) fn end(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        match std::mem::replace(&mut stream.then, Then::More) {
            Then::More => return,
            Then::End => {}
            Then::Trailers(block) => {
                self.outbox.headers(id, flag::END_STREAM, |out| out.extend_from_slice(&block));
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
