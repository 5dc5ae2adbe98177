//! One stream from its head to its line in the access log.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use http::StatusCode;
use tokio::time::Instant;

use super::body::Http2Body;
use super::handle::Handle;
use super::head::Purpose;
use super::respond::Http2Responder;
use super::tunnel::StreamIo;
use crate::http::request::{Known, Method, RequestHead};
use crate::serve::client::Client;
use crate::serve::exchange::{BodyLength, Exchange, Responder};
use crate::serve::forward::run_tunnel;
use crate::serve::handler::{Handled, handle, refuse};
use crate::serve::origin;
use crate::serve::refusal::Refusal;
use crate::serve::request_id::RequestId;
use crate::serve::worker::{Entry, LINGER_MAX, OpenGuard, Tally, Worker};

/// A head that is larger is not kept for the next request.
const HEAD_BYTES_KEPT_MAX: u64 = 4 * 1024;

/// A request that was taken in.
pub(super) struct Taken {
    pub(super) head: RequestHead,
    pub(super) length: BodyLength,
    pub(super) refusal: Option<Refusal>,
    pub(super) purpose: Purpose,
}

/// Answers one stream.
pub(super) async fn answer(taken: Taken, stream: Handle, client: Rc<Client>, worker: Rc<Worker>) {
    let Taken { head, length, refusal, purpose } = taken;
    let started = Instant::now();
    // A stream may outlive its connection for a moment, and a stop waits for it too.
    let _open = OpenGuard::new(&worker);
    let live = worker.frame();
    let plan = live.plan();
    let idle = plan.timeouts.body_idle;
    let stream = Rc::new(stream);
    let body = Http2Body::new(Rc::clone(&stream), length, plan.limits.body.0, idle);
    let mut responder = Http2Responder::new(Rc::clone(&stream), head.method() == Method::Head, (idle, worker.disk.clone()));
    if purpose == Purpose::Tunnel {
        responder.wants_tunnel();
    }
    // One that is too long is not asked for.
    let is_taken = match length {
        BodyLength::Empty => false,
        BodyLength::Known(bytes) => plan.limits.body.0 == 0 || bytes <= plan.limits.body.0,
        BodyLength::Unknown => true,
    };
    if refusal.is_none() && is_taken && head.value(Known::Expect).is_some() {
        // The only expectation that is let in is the wait for this (RFC 9110 §10.1.1). A client that has left is noticed soon enough.
        let _ = responder.interim(StatusCode::CONTINUE, &[]).await;
    }
    let (id, told) = (RequestId::default(), origin::of(&client, &head, &live));
    let client = told.as_ref().unwrap_or(&client);
    let entry = Entry::new(&worker, client, &head, started);
    let mut exchange = Exchange { head: &head, client, id: &id, body, responder };
    let handled = match refusal {
        None => handle(&mut exchange, &worker).await,
        Some(refusal) => refuse(&mut exchange, live.fallback(), refusal, &live, &worker).await,
    };
    let sent = exchange.responder.sent();
    let Handled { cause, upstream, tunnel } = handled;
    let request_bytes = head.byte_count() + exchange.body.received_bytes();
    entry.write(&Tally { sent, cause, upstream, request_bytes, request_id: id.known() });
    if let Some(tunnel) = tunnel {
        drop(exchange);
        // Boxed: most streams are none.
        let mut running = Box::pin(run_tunnel(StreamIo::new(Rc::clone(&stream)), Vec::new(), tunnel, Rc::clone(&worker)));
        // A tunnel whose upstream takes nothing reads nothing, and would not see that its client is gone.
        let moved = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(moved) => Poll::Ready(Some(moved)),
            Poll::Pending => stream.session().poll_gone(cx, stream.id).map(|()| None),
        });
        match moved.await {
            Some(moved) => tracing::debug!(to_client = moved.to_client, to_upstream = moved.to_upstream, "tunnel closed"),
            None => tracing::debug!("tunnel closed: its client is gone"),
        }
        return;
    }
    drop(stream);
    if sent.is_complete {
        tokio::select! {
            biased;
            () = exchange.body.linger(LINGER_MAX) => {}
            () = worker.draining.cancelled() => {}
        }
    }
    drop(exchange);
    give_back(head, &worker);
}

/// Memory of a head, for the next.
pub(super) fn give_back(head: RequestHead, worker: &Worker) {
    if head.byte_count() <= HEAD_BYTES_KEPT_MAX {
        worker.heads.give(head);
    }
}
