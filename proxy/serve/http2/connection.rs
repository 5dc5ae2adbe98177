//! An HTTP/2 connection: takes streams in and gives each a task; ends when it has been idle, or when the server stops and its streams are done.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use tokio::time::Instant;

use super::body::Http2Body;
use super::coalesce::{Coalesce, Flusher};
use super::head;
use super::respond::Http2Responder;
use crate::config::Timeouts;
use crate::http::request::{Known, Method};
use crate::serve::client::Client;
use crate::serve::connection::Transport;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{Exchange, Responder};
use crate::serve::handler::{Handled, handle, refuse};
use crate::serve::origin;
use crate::serve::request_id::RequestId;
use crate::serve::worker::{Entry, LINGER_DRAINING_MAX, LINGER_MAX, OpenGuard, Tally, Worker};
use crate::tls::TlsStream;

/// Streams that a client may have open at once: what browsers use, and what bounds the work that one connection can ask for.
const STREAMS_MAX: u32 = 128;
/// Window of a stream: an upload over a path of 50 ms gets 40 Mbit/s of it.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// Window of a connection: what all its uploads together may have in flight.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Data that waits in one stream for the client's window.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A head that is larger is not kept for the next request.
const HEAD_BYTES_KEPT_MAX: u64 = 4 * 1024;
/// Streams of one connection that are taken in before other connections have a turn.
const STREAMS_PER_TURN_MAX: usize = 64;

/// Serves a connection until it ends.
pub(crate) async fn serve<S: Transport>(stream: TlsStream<S>, client: &Client, worker: &Rc<Worker>) {
    let timeouts = worker.frame().plan().timeouts;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_header_list_size(header_list_bytes(worker));
    let (stream, flusher) = Coalesce::new(stream);
    let handshake = builder.handshake::<_, Bytes>(stream);
    let result = if timeouts.header.is_zero() { Ok(handshake.await) } else { tokio::time::timeout(timeouts.header, handshake).await };
    match result {
        Ok(Ok(connection)) => take_streams(connection, &flusher, &Rc::new(client.clone()), worker).await,
        Ok(Err(error)) => tracing::debug!(%error, "HTTP/2 preface failed"),
        Err(_) => tracing::debug!("no HTTP/2 preface within timeouts.header"),
    }
}

/// A list that is longer than we answer with 431 is refused by the connection itself; between the two is room to say so.
fn header_list_bytes(worker: &Worker) -> u32 {
    u32::try_from(worker.frame().plan().limits.header.0.saturating_mul(2)).unwrap_or(u32::MAX)
}

/// Drives the connection until it ends. Everything that its streams send goes out here.
async fn take_streams<S: Transport>(
    connection: Connection<Coalesce<TlsStream<S>>, Bytes>,
    flusher: &Flusher<TlsStream<S>>,
    client: &Rc<Client>,
    worker: &Rc<Worker>,
) {
    let timeouts = worker.frame().plan().timeouts;
    let mut idle = Deadline::default();
    idle.set(timeouts.header);
    let open = Rc::new(Cell::new(0_usize));
    let mut driver = Driver { connection, client, worker, timeouts, open, idle, closing: Closing::No, was_busy: false, behind: Behind::No };
    let mut draining = pin!(worker.draining.cancelled());
    poll_fn(|cx| {
        let ended = driver.poll(cx, draining.as_mut());
        // What all streams had to say goes out at once. A client that does not take it is not waited for here: it is woken when it does.
        match flusher.poll_flush(cx) {
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "HTTP/2 connection failed");
                Poll::Ready(())
            }
            Poll::Pending => {
                driver.behind = driver.behind.max(Behind::Noticed);
                ended
            }
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut driver.behind) != Behind::No {
                    cx.waker().wake_by_ref();
                }
                ended
            }
        }
    })
    .await;
}

/// What drives a connection.
struct Driver<'a, S> {
    connection: Connection<Coalesce<TlsStream<S>>, Bytes>,
    client: &'a Rc<Client>,
    worker: &'a Rc<Worker>,
    timeouts: Timeouts,
    /// Streams that are open.
    open: Rc<Cell<usize>>,
    idle: Deadline,
    closing: Closing,
    was_busy: bool,
    behind: Behind,
}

/// Whether the client still has to take what was said: then something is under way, though no stream is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    /// It has taken all.
    #[default]
    No,
    /// It has not.
    Noticed,
    /// It has not, and is given a time to do so.
    Limited,
}

impl<S: Transport> Driver<'_, S> {
    /// Takes streams in, and ends the connection when it is time; ready once it has ended.
    fn poll(&mut self, cx: &mut Context<'_>, mut draining: Pin<&mut impl Future>) -> Poll<()> {
        let mut taken = 0;
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.take(request, respond, cx);
                    taken += 1;
                    if taken < STREAMS_PER_TURN_MAX {
                        continue;
                    }
                    // Other connections have a turn too.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "HTTP/2 connection failed");
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if self.closing == Closing::No && draining.as_mut().poll(cx).is_ready() {
                self.closing = Closing::Gracefully;
                self.was_busy = true;
                self.connection.graceful_shutdown();
                continue;
            }
            if self.open.get() > 0 {
                self.was_busy = true;
                self.behind = self.behind.min(Behind::Noticed);
                return Poll::Pending;
            }
            if self.behind != Behind::No {
                self.was_busy = true;
                if self.behind == Behind::Noticed {
                    self.behind = Behind::Limited;
                    self.idle.set(self.timeouts.body_idle);
                }
                return self.idle.poll_passed(cx);
            }
            if self.was_busy {
                self.was_busy = false;
                // A client that is asleep does not answer the PING of a graceful end: nothing is under way, so it is not waited for long.
                self.idle.set(if self.closing == Closing::No { self.timeouts.keepalive } else { LINGER_DRAINING_MAX });
            }
            if self.idle.poll_passed(cx).is_pending() {
                return Poll::Pending;
            }
            match self.closing {
                // GOAWAY, and a while for the client to take it (RFC 9113 §6.8).
                Closing::No => {
                    self.closing = Closing::Gracefully;
                    self.idle.set(self.timeouts.header);
                    self.connection.graceful_shutdown();
                }
                Closing::Gracefully => {
                    self.closing = Closing::AtOnce;
                    self.idle.set(LINGER_DRAINING_MAX);
                    self.connection.abrupt_shutdown(Reason::NO_ERROR);
                }
                Closing::AtOnce => return Poll::Ready(()),
            }
        }
    }

    /// Takes in one stream.
    fn take(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>, cx: &mut Context<'_>) {
        // Streams that were reset still cost a task until it notices: those count too, or a client could open and reset without end.
        if self.open.get() >= STREAMS_MAX as usize {
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        self.was_busy = true;
        let stream = StreamGuard::new(&self.open);
        let mut answer = Box::pin(answer(request, respond, Rc::clone(self.client), Rc::clone(self.worker), stream));
        // Most answers are at hand: they are given here, and only those that have to wait for something get a task.
        if answer.as_mut().poll(cx).is_pending() {
            tokio::task::spawn_local(answer);
        }
    }
}

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It is open.
    No,
    /// The client was asked to open no more streams, and to say that it has heard.
    Gracefully,
    /// It did not say so: it is told the end, and given a moment to take that.
    AtOnce,
}

/// Counts a stream while it is open.
struct StreamGuard(Rc<Cell<usize>>);

impl StreamGuard {
    fn new(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Answers one stream.
async fn answer(request: Request<RecvStream>, respond: SendResponse<Bytes>, client: Rc<Client>, worker: Rc<Worker>, _guard: StreamGuard) {
    let started = Instant::now();
    // A stream may outlive its connection for a moment, and a stop waits for it too.
    let _open = OpenGuard::new(&worker);
    let live = worker.frame();
    let plan = live.plan();
    let mut head = worker.heads.take();
    let refusal = head::read(&request, &mut head, &plan.limits).err();
    let content_length =
        head.value(Known::ContentLength).and_then(|value| std::str::from_utf8(value).ok()).and_then(|value| value.parse().ok());
    let idle = plan.timeouts.body_idle;
    let body = Http2Body::new(request.into_body(), content_length, plan.limits.body.0, idle);
    let mut responder = Http2Responder::new(respond, head.method() == Method::Head, (idle, worker.disk.clone()));
    if refusal.is_none() && head.value(Known::Expect).is_some() {
        // The only expectation that is let in is the wait for this (RFC 9110 §10.1.1). A client that has left is noticed soon enough.
        let _ = responder.interim(StatusCode::CONTINUE, &[]).await;
    }
    let (id, told) = (RequestId::default(), origin::of(&client, &head, &plan.trusted_proxies));
    let client = told.as_ref().unwrap_or(&client);
    let entry = Entry::new(&worker, client, &head, started);
    let mut exchange = Exchange { head: &head, client, id: &id, body, responder };
    let handled = match refusal {
        None => handle(&mut exchange, &worker).await,
        Some(refusal) => refuse(&mut exchange, live.fallback(), refusal, &live, &worker).await,
    };
    let sent = exchange.responder.sent();
    let Handled { cause, upstream, tunnel: _ } = handled;
    let request_bytes = head.byte_count() + exchange.body.received_bytes();
    entry.write(&Tally { sent, cause, upstream, request_bytes, request_id: id.known() });
    if sent.is_complete {
        tokio::select! {
            biased;
            () = exchange.body.linger(LINGER_MAX) => {}
            () = worker.draining.cancelled() => {}
        }
    }
    drop(exchange);
    if head.byte_count() <= HEAD_BYTES_KEPT_MAX {
        worker.heads.give(head);
    }
}
