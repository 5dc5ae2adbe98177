//! The driver of an HTTP/2 connection: reads what is at hand, writes what was said, and ends the connection when it is time. One task, whatever the
//! number of streams.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::closing::{Closing, Stage};
use super::dispatch::{Dispatch, greet};
use super::fault::Fault;
use super::intake::{Intake, Next};
use super::partial::Partial;
use super::session::Session;
use crate::config::Timeouts;
use crate::http::frame::{HEAD_BYTES, PREFACE};
use crate::serve::client::Client;
use crate::serve::connection::Transport;
use crate::serve::deadline::Deadline;
use crate::serve::worker::{LINGER_DRAINING_MAX, Worker};
use crate::tls::TlsStream;

/// Streams of one connection that are taken in before other connections have a turn.
const STREAMS_PER_TURN_MAX: u64 = 64;
/// The same for reads.
const READS_PER_TURN_MAX: usize = 8;

/// Serves a connection until it ends.
pub(crate) async fn serve<S: Transport>(stream: TlsStream<S>, client: &Client, worker: &Rc<Worker>) {
    let timeouts = worker.frame().plan().timeouts;
    let session = Rc::new(RefCell::new(Session::new()));
    greet(&mut session.borrow_mut());
    let dispatch = Dispatch::new(Rc::clone(&session), client, worker);
    let mut driver = Driver {
        stream,
        dispatch,
        worker,
        timeouts,
        intake: None,
        has_preface: false,
        closing: Closing::new(),
        is_draining: false,
        is_shut: false,
        idle: Deadline::default(),
        waits_for: Waits::Streams,
        untaken: 0,
        block: Deadline::default(),
        block_stream: None,
        partial: Partial::default(),
    };
    driver.idle.set(timeouts.header);
    let mut draining = pin!(worker.draining.cancelled());
    poll_fn(|cx| {
        session.borrow_mut().begin_turn(cx, worker);
        let ended = driver.poll(cx, draining.as_mut());
        let mut session = session.borrow_mut();
        session.end_turn(worker);
        if ended.is_ready() {
            session.die();
        }
        ended
    })
    .await;
}

/// What the deadline of a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Streams are open, and have deadlines of their own.
    Streams,
    /// The next stream.
    Next,
    /// The client to take what was said.
    Taken,
    /// The client to say that it has heard.
    Heard,
    /// The client to close.
    Close,
}

/// What drives a connection.
struct Driver<'a, S> {
    stream: TlsStream<S>,
    dispatch: Dispatch,
    worker: &'a Rc<Worker>,
    timeouts: Timeouts,
    intake: Option<Intake>,
    has_preface: bool,
    closing: Closing,
    /// A stop was seen.
    is_draining: bool,
    /// Our side of the connection is closed.
    is_shut: bool,
    idle: Deadline,
    waits_for: Waits,
    /// Bytes that the client had to take when it last took some.
    untaken: usize,
    /// Limits a head that comes in parts, and the stream of that head.
    block: Deadline,
    block_stream: Option<u32>,
    /// Limits a frame that comes in parts.
    partial: Partial,
}

/// How a turn of reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There is nothing more for now.
    Waits,
    /// There may be more; others have a turn first.
    Yields,
    /// There may be more; the client has to take something first.
    Clogged,
    /// The client has closed, or the connection broke.
    Ended,
}

/// What came of a look at what came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A frame was taken in.
    Taken,
    /// None is whole, or the client has to take something first.
    Nothing,
    /// The next can be taken once others had a turn.
    Yields,
}

impl<S: Transport> Driver<'_, S> {
    /// One turn; ready once the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>, draining: Pin<&mut impl Future>) -> Poll<()> {
        if self.closing.stage == Stage::Lingering {
            return self.poll_linger(cx);
        }
        let turn = match self.read_turn(cx) {
            Ok(Turn::Ended) => {
                // A client that has closed its side may still listen: what was said and logged goes out, as far as the socket takes it.
                let _ = self.poll_send(cx);
                return Poll::Ready(());
            }
            Ok(turn) => turn,
            Err(fault) => {
                self.fail(fault);
                return self.poll_linger(cx);
            }
        };
        let in_part = self.intake.as_ref().filter(|_| turn == Turn::Waits).map(Intake::filled);
        if self.partial.is_late(cx, in_part, &self.timeouts) {
            self.fail(Fault::protocol("a frame that did not end in time"));
            return self.poll_linger(cx);
        }
        let sent = self.poll_send(cx);
        if turn == Turn::Yields || (turn == Turn::Clogged && !self.dispatch.session.borrow().outbox.is_clogged()) {
            cx.waker().wake_by_ref();
        }
        if let Poll::Ready(Err(error)) = sent {
            tracing::debug!(%error, "HTTP/2 connection failed");
            return Poll::Ready(());
        }
        self.poll_time(cx, draining, sent.is_ready())
    }

    /// Reads and takes in what is at hand.
    fn read_turn(&mut self, cx: &mut Context<'_>) -> Result<Turn, Fault> {
        let mut intake = self.intake.take().unwrap_or_else(|| self.worker.intakes.take());
        let turn = self.read(cx, &mut intake);
        // An idle connection has no buffer.
        if intake.is_empty() || !matches!(turn, Ok(Turn::Waits | Turn::Yields | Turn::Clogged)) {
            intake.clear();
            self.worker.intakes.give(intake);
        } else {
            self.intake = Some(intake);
        }
        turn
    }

    fn read(&mut self, cx: &mut Context<'_>, intake: &mut Intake) -> Result<Turn, Fault> {
        let taken_before = self.dispatch.taken;
        for _ in 0..READS_PER_TURN_MAX {
            loop {
                match self.take_in(cx, intake)? {
                    Step::Nothing => break,
                    Step::Taken if self.dispatch.taken - taken_before < STREAMS_PER_TURN_MAX => {}
                    Step::Taken | Step::Yields => return Ok(Turn::Yields),
                }
            }
            // A client that does not take what it made us say is not listened to.
            if self.dispatch.session.borrow().outbox.is_clogged() {
                return Ok(Turn::Clogged);
            }
            match intake.poll_fill(cx, &mut self.stream) {
                Poll::Pending => return Ok(Turn::Waits),
                Poll::Ready(Ok(0)) => return Ok(Turn::Ended),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "HTTP/2 connection failed");
                    return Ok(Turn::Ended);
                }
            }
        }
        Ok(Turn::Yields)
    }

    /// Takes one frame in.
    fn take_in(&mut self, cx: &mut Context<'_>, intake: &mut Intake) -> Result<Step, Fault> {
        if !self.has_preface {
            let filled = intake.filled();
            let seen = filled.len().min(PREFACE.len());
            if filled.get(..seen) != PREFACE.get(..seen) {
                return Err(Fault::protocol("no HTTP/2 preface"));
            }
            if seen < PREFACE.len() {
                return Ok(Step::Nothing);
            }
            intake.consume(PREFACE.len());
            self.has_preface = true;
        }
        match intake.next() {
            Next::Nothing => Ok(Step::Nothing),
            Next::TooLarge => Err(Fault::size("a frame above MAX_FRAME_SIZE")),
            Next::Frame(head) => {
                if self.dispatch.session.borrow().outbox.is_clogged() {
                    return Ok(Step::Nothing);
                }
                if self.dispatch.waits_for_room(head) {
                    return Ok(Step::Yields);
                }
                let result = self.dispatch.frame(cx, head, intake.payload(head));
                intake.consume(HEAD_BYTES + head.length);
                self.partial.clear();
                result.map(|()| Step::Taken)
            }
        }
    }

    /// Writes what was said; ready once all of it is written.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut session = self.dispatch.session.borrow_mut();
        loop {
            session.pump();
            if session.outbox.waiting() == 0 {
                return Pin::new(&mut self.stream).poll_flush(cx);
            }
            ready!(session.outbox.poll_write(cx, &mut self.stream))?;
            if session.outbox.waiting() == 0 {
                ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            }
        }
    }

    /// What the time says; ready when it is up.
    fn poll_time(&mut self, cx: &mut Context<'_>, draining: Pin<&mut impl Future>, is_sent: bool) -> Poll<()> {
        if !self.is_draining && draining.poll(cx).is_ready() {
            self.is_draining = true;
            // A client that is waited for already has less time now.
            self.waits_for = Waits::Streams;
            if self.closing.stage == Stage::Open {
                self.closing.ask(&mut self.dispatch);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if self.is_block_late(cx) {
            self.fail(Fault::protocol("a head that did not end within timeouts.header"));
            return self.poll_linger(cx);
        }
        if self.closing.stage == Stage::Asked && self.dispatch.is_heard {
            self.closing.tell(&mut self.dispatch);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let is_busy = !self.dispatch.session.borrow().streams.is_empty();
        if is_busy || std::mem::take(&mut self.dispatch.has_answered) {
            self.closing.note_busy();
            // Whatever comes next begins anew.
            self.waits_for = Waits::Streams;
        }
        if is_busy {
            return Poll::Pending;
        }
        let waits_for = match self.closing.stage {
            _ if !is_sent => Waits::Taken,
            Stage::Open => Waits::Next,
            Stage::Asked | Stage::Told | Stage::Lingering => Waits::Heard,
        };
        if waits_for == Waits::Heard && self.closing.stage == Stage::Told && self.closing.is_heard(&mut self.dispatch) {
            self.linger();
            return self.poll_linger(cx);
        }
        self.wait_for(waits_for);
        if self.dispatch.session.borrow().outbox.waiting() > 0 && is_sent {
            cx.waker().wake_by_ref();
        }
        ready!(self.idle.poll_passed(cx));
        match waits_for {
            Waits::Next => {
                self.closing.ask(&mut self.dispatch);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Waits::Heard => {
                self.closing.tell(&mut self.dispatch);
                self.linger();
                self.poll_linger(cx)
            }
            Waits::Taken | Waits::Streams | Waits::Close => Poll::Ready(()),
        }
    }

    /// A head that comes in parts has `timeouts.header`, whatever other streams do.
    fn is_block_late(&mut self, cx: &mut Context<'_>) -> bool {
        let stream = self.dispatch.block_stream();
        if self.block_stream != stream {
            self.block_stream = stream;
            self.block.set(self.timeouts.header);
        }
        stream.is_some() && self.block.poll_passed(cx).is_ready()
    }

    /// Begins to wait, unless it does already.
    fn wait_for(&mut self, waits_for: Waits) {
        let untaken = self.dispatch.session.borrow().outbox.waiting();
        let takes = waits_for == Waits::Taken && untaken < self.untaken;
        self.untaken = untaken;
        if self.waits_for == waits_for && !takes {
            return;
        }
        // Before the first stream a connection has no more time than a head.
        let is_first = self.waits_for == Waits::Streams && self.dispatch.taken == 0 && waits_for == Waits::Next;
        self.waits_for = waits_for;
        self.idle.set(match waits_for {
            Waits::Next if is_first => self.timeouts.header,
            Waits::Next => self.timeouts.keepalive,
            Waits::Taken | Waits::Streams => self.timeouts.body_idle,
            // Before the next stream a client had `timeouts.keepalive` to take all. At a stop it may be slow, and is waited for; one that is asleep
            // is not.
            Waits::Heard if !self.worker.draining.is_cancelled() => self.timeouts.header,
            Waits::Heard if self.closing.was_busy() => self.timeouts.body_idle,
            Waits::Heard => LINGER_DRAINING_MAX,
            Waits::Close => LINGER_DRAINING_MAX,
        });
    }

    /// Says why the connection ends.
    fn fail(&mut self, fault: Fault) {
        tracing::debug!(cause = fault.cause, code = ?fault.code, "HTTP/2 connection failed");
        let mut session = self.dispatch.session.borrow_mut();
        session.outbox.goaway(self.dispatch.last_told(), fault.code);
        session.die();
        drop(session);
        self.linger();
    }

    fn linger(&mut self) {
        self.closing.stage = Stage::Lingering;
        self.wait_for(Waits::Close);
    }

    /// Says the last, closes our side, and reads away what comes until the client closes too: or our last words would be lost with the connection.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_shut {
            match self.poll_send(cx) {
                Poll::Pending => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => match Pin::new(&mut self.stream).poll_shutdown(cx) {
                    Poll::Pending => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(())) => self.is_shut = true,
                },
            }
        }
        for _ in 0..READS_PER_TURN_MAX {
            let mut scratch = self.worker.scratch.borrow_mut();
            let mut room = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut room) {
                Poll::Pending => return self.idle.poll_passed(cx),
                Poll::Ready(Ok(())) if !room.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        self.idle.poll_passed(cx)
    }
}
