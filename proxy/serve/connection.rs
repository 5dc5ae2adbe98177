//! One connection: the handshake if there is one, then the protocol that was agreed on, then perhaps a tunnel.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::client::Client;
use super::forward::{Tunnel, run_tunnel};
use super::http1::connection::{Ended, linger, serve};
use super::http2;
use super::plain::SendFile;
use super::preamble;
use super::worker::{ConnectionGuard, LINGER_DRAINING_MAX, Tally, Worker};
use crate::http::request::RequestHead;
use crate::tls::{Alpn, HandshakeError, HandshakeFailure, PLAIN_HTTP_ANSWER, TlsStream};

/// What a connection can run over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + SendFile + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + SendFile + Unpin + 'static> Transport for S {}

/// Serves an accepted connection in a task of its own.
pub(crate) fn spawn<S: Transport>(stream: S, mut client: Client, worker: &Rc<Worker>) {
    if worker.is_full() {
        return;
    }
    let worker = Rc::clone(worker);
    client.has_trusted_peer = has_trusted_peer(&client, &worker);
    let guard = ConnectionGuard::new(&worker);
    if client.has_trusted_peer && worker.frame().plan().proxy_protocol {
        tokio::task::spawn_local(announced(stream, client, worker, guard));
    } else if client.is_secure() {
        tokio::task::spawn_local(speak_tls(stream, client, worker, guard));
    } else {
        tokio::task::spawn_local(speak_http1(stream, client, worker, guard));
    }
}

/// A connection that begins with the word of a proxy.
async fn announced<S: Transport>(mut stream: S, client: Client, worker: Rc<Worker>, guard: ConnectionGuard) {
    let announced = tokio::select! {
        biased;
        client = preamble::take(&mut stream, client, &worker) => client,
        () = stopped(&worker) => None,
    };
    match announced {
        Some(client) if client.is_secure() => Box::pin(speak_tls(stream, client, worker, guard)).await,
        Some(client) => Box::pin(speak_http1(stream, client, worker, guard)).await,
        None => {}
    }
}

async fn speak_tls<S: Transport>(stream: S, mut client: Client, worker: Rc<Worker>, guard: ConnectionGuard) {
    let Some(stream) = Box::pin(handshake(stream, &client, &worker)).await else { return };
    client.tls_version = Some(stream.protocol_version());
    match stream.alpn() {
        Some(Alpn::H2) => http2::serve(stream, &client, &worker).await,
        Some(Alpn::H1) | None => speak_http1(stream, client, worker, guard).await,
    }
}

/// A stop gives what has no request yet a few round trips more: it may never have one.
async fn stopped(worker: &Worker) {
    worker.draining.cancelled().await;
    tokio::time::sleep(LINGER_DRAINING_MAX).await;
}

fn has_trusted_peer(client: &Client, worker: &Worker) -> bool {
    let frame = worker.frame();
    let trusted = &frame.plan().trusted_proxies;
    !trusted.is_empty() && trusted.includes(client.address.map(|address| address.ip()))
}

async fn speak_http1<S: Transport>(stream: S, client: Client, worker: Rc<Worker>, guard: ConnectionGuard) {
    if let Ended::Tunnel(stream, first, tunnel) = serve(stream, &client, &worker).await {
        spawn_tunnel(stream, first, tunnel, &worker, guard);
    }
}

/// A tunnel gets a task of its own: a small one, instead of the one that had room for HTTP.
fn spawn_tunnel<S: Transport>(stream: S, first: Vec<u8>, tunnel: Tunnel, worker: &Rc<Worker>, guard: ConnectionGuard) {
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let moved = run_tunnel(stream, first, tunnel, worker).await;
        tracing::debug!(to_client = moved.to_client, to_upstream = moved.to_upstream, "tunnel closed");
        drop(guard);
    });
}

/// Runs the handshake within `timeouts.header`. A failure is recorded; the client has its alert.
async fn handshake<S: Transport>(stream: S, client: &Client, worker: &Rc<Worker>) -> Option<TlsStream<S>> {
    let started = Instant::now();
    let acceptor = worker.frame().tls()?.clone();
    let limit = worker.frame().plan().timeouts.header;
    let accept = acceptor.accept(stream);
    let handshake = async { if limit.is_zero() { Ok(accept.await) } else { tokio::time::timeout(limit, accept).await } };
    let result = tokio::select! {
        biased;
        result = handshake => result,
        () = stopped(worker) => return None,
    };
    let record = |cause: &'static str, status| {
        let mut tally = Tally { cause: Some(cause.into()), ..Tally::default() };
        tally.sent.status = status;
        worker.record(client, &RequestHead::default(), &tally, started);
    };
    match result {
        Ok(Ok(stream)) => Some(stream),
        // A port scan, a health check, a browser's spare connection: not worth a line.
        Ok(Err(HandshakeFailure { error: HandshakeError::Silent, .. })) => None,
        Ok(Err(HandshakeFailure { error, mut stream })) => {
            tracing::debug!(%error, "TLS handshake failed");
            let status = if matches!(error, HandshakeError::PlainHttp) {
                let _ = stream.write_all(PLAIN_HTTP_ANSWER).await;
                Some(http::StatusCode::BAD_REQUEST)
            } else {
                None
            };
            record(error.cause(), status);
            linger(&RefCell::new(stream), worker).await;
            None
        }
        Err(_) => {
            record("tls: the handshake did not end within timeouts.header", None);
            None
        }
    }
}
