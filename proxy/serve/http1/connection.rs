//! An HTTP/1 connection from its first byte to its last: requests one after another, each answered before the next is read.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFuture;

use super::body::BodyReader;
use super::buffers::Buffers;
use super::framing::Framing;
use super::head::{self, HeadScanner, RequestMeta};
use super::inbound::{FillError, Room};
use super::request_body::Http1Body;
use super::respond::{Expectation, Http1Responder, KeepAlive, Outgoing};
use crate::serve::client::Client;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{Exchange, RequestBody, Responder};
use crate::serve::forward::Tunnel;
use crate::serve::handler::{DISCARD_BYTES_MAX, Handled, handle, refuse};
use crate::serve::origin;
use crate::serve::plain::SendFile;
use crate::serve::refusal::Refusal;
use crate::serve::request_id::RequestId;
use crate::serve::worker::{Entry, LINGER_DRAINING_MAX, LINGER_MAX, Tally, Worker};

/// How a connection left HTTP.
pub(crate) enum Ended<S> {
    /// It is closed.
    Closed,
    /// Another protocol has it. The bytes came from the client behind its request.
    Tunnel(S, Vec<u8>, Tunnel),
}

/// How one request left its connection.
enum Next {
    /// It can carry another.
    Continue,
    /// It cannot.
    Close,
    /// It cannot, and the client may still be sending.
    Linger,
    /// It is another protocol's.
    Tunnel(Tunnel),
}

/// Serves requests until the connection ends.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + SendFile + Unpin>(stream: S, client: &Client, worker: &Rc<Worker>) -> Ended<S> {
    let stream = RefCell::new(stream);
    let mut deadline = Deadline::default();
    let mut buffers: Option<Box<Buffers>> = None;
    let mut idle = worker.frame().plan().timeouts.header;
    let mut draining = pin!(worker.draining.cancelled());
    loop {
        let mut current = match buffers.take() {
            // Requests that came together are answered one by one.
            Some(buffers) if !buffers.inbound.is_empty() => buffers,
            kept => {
                if let Some(kept) = kept {
                    worker.buffers.give(kept);
                }
                match wait_for_request(&stream, (&mut deadline, idle), draining.as_mut(), worker).await {
                    Some(buffers) => buffers,
                    None => break,
                }
            }
        };
        // Boxed: a connection is idle most of its life, and then has no use for the room that a request needs.
        let next = Box::pin(serve_request(&stream, &mut current, &mut deadline, client, worker)).await;
        match next {
            Next::Continue if !worker.draining.is_cancelled() || !current.inbound.is_empty() => {
                idle = worker.frame().plan().timeouts.keepalive;
                buffers = Some(current);
            }
            Next::Continue => {
                recycle(current, worker);
                break;
            }
            // Without a goodbye: a response that was cut must not look whole, and a client that takes nothing would not take that either.
            Next::Close => {
                recycle(current, worker);
                return Ended::Closed;
            }
            Next::Linger => {
                recycle(current, worker);
                Box::pin(linger(&stream, worker)).await;
                return Ended::Closed;
            }
            Next::Tunnel(tunnel) => {
                let first = current.inbound.filled().to_vec();
                recycle(current, worker);
                return Ended::Tunnel(stream.into_inner(), first, tunnel);
            }
        }
    }
    Box::pin(close(&stream, worker, &[Closing::Send])).await;
    Ended::Closed
}

fn recycle(mut buffers: Box<Buffers>, worker: &Worker) {
    buffers.inbound.clear();
    worker.buffers.give(buffers);
}

/// Waits without holding a buffer. `None` when the client has gone, the idle time has passed, or the server stops.
async fn wait_for_request<S: AsyncRead + Unpin>(
    stream: &RefCell<S>,
    (deadline, idle): (&mut Deadline, Duration),
    mut draining: Pin<&mut WaitForCancellationFuture<'_>>,
    worker: &Worker,
) -> Option<Box<Buffers>> {
    deadline.set(idle);
    poll_fn(|cx| {
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        match Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let mut buffers = worker.buffers.take();
                buffers.inbound.append(buffer.filled());
                Poll::Ready(Some(buffers))
            }
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending if draining.as_mut().poll(cx).is_ready() => Poll::Ready(None),
            Poll::Pending => deadline.poll_passed(cx).map(|()| None),
        }
    })
    .await
}

/// Reads one request, answers and records it.
async fn serve_request<S: AsyncRead + AsyncWrite + SendFile + Unpin>(
    stream: &RefCell<S>,
    buffers: &mut Buffers,
    deadline: &mut Deadline,
    client: &Client,
    worker: &Rc<Worker>,
) -> Next {
    let started = Instant::now();
    let live = worker.frame();
    let timeouts = &live.plan().timeouts;
    let head = read_head(stream, buffers, deadline, worker).await;
    let Buffers { inbound, head: request, out } = buffers;
    let (meta, refusal) = match head {
        Ok(meta) => (meta, None),
        Err(HeadError::Gone) => return Next::Close,
        Err(HeadError::Refused(refusal)) => (
            RequestMeta { framing: Framing::Empty, keep_alive: false, expects_continue: false, head_bytes: inbound.len() as u64 },
            Some(refusal),
        ),
    };
    let mut write_deadline = Deadline::default();
    let expectation =
        Cell::new(if meta.expects_continue && meta.framing != Framing::Empty { Expectation::Waiting } else { Expectation::Met });
    let keep_alive = if meta.keep_alive && !worker.draining.is_cancelled() { KeepAlive::Yes } else { KeepAlive::No };
    let reader = BodyReader::new(stream, inbound, deadline, meta.framing, timeouts.body_idle);
    let reader = reader.limit(live.plan().limits.body.0).sharing(&worker.inbounds);
    let body = Http1Body::new(reader, stream, &expectation, meta.framing, timeouts.body_idle);
    let (idle, disk, siphons) = (timeouts.body_idle, &worker.disk, &worker.siphons);
    let outgoing = Outgoing { stream, out, deadline: &mut write_deadline, expectation: &expectation, idle, disk, siphons };
    let responder = Http1Responder::new(outgoing, request, keep_alive);
    let (id, told) = (RequestId::default(), origin::of(client, request, &live));
    let client = told.as_ref().unwrap_or(client);
    let entry = Entry::new(worker, client, request, started);
    let mut exchange = Exchange { head: request, client, id: &id, body, responder };
    let handled = match refusal {
        None => handle(&mut exchange, worker).await,
        Some(refusal) => refuse(&mut exchange, live.fallback(), refusal, &live, worker).await,
    };
    let sent = exchange.responder.sent();
    let Handled { cause, upstream, tunnel } = handled;
    // Before the rest of the body is read away, which may take as long as the client likes and is none of the request's time.
    let request_bytes = meta.head_bytes + exchange.body.received_bytes();
    entry.write(&Tally { sent, cause, upstream, request_bytes, request_id: id.known() });
    let next = next(&mut exchange, tunnel.is_some(), worker).await;
    match (next, tunnel) {
        (_, Some(tunnel)) => Next::Tunnel(tunnel),
        (next, None) => next,
    }
}

/// Whether the connection can go on, once the response is out.
async fn next<S: AsyncRead + AsyncWrite + SendFile + Unpin>(
    exchange: &mut Exchange<'_, Http1Body<'_, S>, Http1Responder<'_, S>>,
    tunnel: bool,
    worker: &Worker,
) -> Next {
    if tunnel {
        return Next::Continue;
    }
    if !exchange.responder.sent().is_complete {
        return Next::Close;
    }
    if exchange.responder.keep_alive() {
        if exchange.body.is_done() {
            return Next::Continue;
        }
        tokio::select! {
            biased;
            is_done = exchange.body.discard(DISCARD_BYTES_MAX) => if is_done { Next::Continue } else { Next::Linger },
            // What is read away here is for the next request alone, and there will be none.
            () = worker.draining.cancelled() => Next::Linger,
        }
    } else {
        Next::Linger
    }
}

/// Why there is no head.
enum HeadError {
    /// The client closed, or said nothing: there is nobody to tell.
    Gone,
    /// It is to be refused.
    Refused(Refusal),
}

async fn read_head<S: AsyncRead + Unpin>(
    stream: &RefCell<S>,
    buffers: &mut Buffers,
    deadline: &mut Deadline,
    worker: &Worker,
) -> Result<RequestMeta, HeadError> {
    let live = worker.frame();
    let plan = live.plan();
    let mut scanner = HeadScanner::default();
    let mut is_waiting = false;
    loop {
        let refused = |buffers: &mut Buffers, refusal| {
            // For the log: what of the request line has come.
            head::parse_line(buffers.inbound.filled(), &mut buffers.head);
            HeadError::Refused(refusal)
        };
        match scanner.scan(buffers.inbound.filled(), &plan.limits) {
            Ok(Some(end)) => {
                let bytes = buffers.inbound.filled().get(..end).unwrap_or_default();
                let meta = head::parse(bytes, &mut buffers.head, &plan.limits);
                buffers.inbound.consume(end);
                return meta.map_err(HeadError::Refused);
            }
            Ok(None) => {}
            Err(refusal) => return Err(refused(buffers, refusal)),
        }
        // Most heads come in one piece, and then there is nothing to limit.
        if !is_waiting {
            deadline.set(plan.timeouts.header);
            is_waiting = true;
        }
        match buffers.inbound.fill((stream, None), Room::Head, deadline).await {
            Ok(0) if buffers.inbound.filled().iter().all(|byte| matches!(byte, b'\r' | b'\n')) => return Err(HeadError::Gone),
            Ok(0) => return Err(refused(buffers, Refusal::closing(StatusCode::BAD_REQUEST, "the client closed inside the head"))),
            Ok(_) => {}
            Err(FillError::TimedOut) => {
                let cause = "the head did not come within timeouts.header";
                return Err(refused(buffers, Refusal::closing(StatusCode::REQUEST_TIMEOUT, cause)));
            }
            Err(FillError::Io(_)) => return Err(HeadError::Gone),
        }
    }
}

/// Closes so that the client can read our last words even while it is still sending (RFC 9112 §9.6): half first, and all once it has ended too,
/// or has had its time.
pub(crate) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &RefCell<S>, worker: &Worker) {
    close(stream, worker, &[Closing::Send, Closing::Receive]).await;
}

/// The two halves of a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// Sends what is still unsent, and that nothing follows.
    Send,
    /// Throws away what still comes, until the client closes too.
    Receive,
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &RefCell<S>, worker: &Worker, halves: &[Closing]) {
    let mut deadline = Deadline::default();
    deadline.set(LINGER_MAX);
    let mut draining = pin!(worker.draining.cancelled());
    let mut is_draining = false;
    for half in halves {
        poll_fn(|cx| {
            // A stop does not wait for a client that only fails to close.
            if !is_draining && draining.as_mut().poll(cx).is_ready() {
                is_draining = true;
                deadline.set(LINGER_DRAINING_MAX);
            }
            let closed = match half {
                Closing::Send => Pin::new(&mut *stream.borrow_mut()).poll_shutdown(cx).map(drop),
                Closing::Receive => poll_discard(cx, stream, worker),
            };
            if closed.is_ready() { closed } else { deadline.poll_passed(cx) }
        })
        .await;
    }
}

fn poll_discard<S: AsyncRead + Unpin>(cx: &mut Context<'_>, stream: &RefCell<S>, worker: &Worker) -> Poll<()> {
    let mut scratch = worker.scratch.borrow_mut();
    loop {
        let mut buffer = ReadBuf::new(&mut scratch);
        match Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}
