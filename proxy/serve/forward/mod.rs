//! Sending a request on to an upstream and its answer back: the way of one exchange. The bytes move in `relay`, up in `send` and down from `receive` on;
//! what is written to the upstream is made in `request`, what it answers is read in `response` and compressed in `compressed`. Bodies that are waited for
//! first are `buffered` in a `spool`; upgraded connections live on in `tunnel`.

mod accel;
mod buffered;
mod compressed;
mod course;
mod receive;
mod relay;
pub(crate) mod request;
mod response;
mod send;
mod spool;
mod target;
mod trace;
mod tunnel;
mod waiting;
mod way_back;

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

pub(crate) use buffered::forward_buffered;
pub(crate) use spool::Spool;
pub(crate) use tunnel::{Tunnel, run as run_tunnel};
pub(crate) use waiting::Waiting;

use self::relay::{Failure, Relay, Relayed};
use self::way_back::WayBack;
use super::client::Client;
use super::exchange::{BodyLength, Exchange, RequestBody, Responder};
use super::handler::{Handled, refuse, wants_upgrade, write_cause};
use super::http1::body::BodyError;
use super::live::{Live, LiveRoute};
use super::refusal::Refusal;
use super::template::Facts;
use super::worker::Worker;
use crate::assets::Vault;
use crate::http::proxy_protocol::{self, Version};
use crate::http::request::Method;
use crate::plan::Forwarding;
use crate::upstream::{ConnectError, Connection, Server};

/// Where a route forwards to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Index of the server.
    pub(crate) server: usize,
    /// Prefix to take off the path; empty for none.
    pub(crate) strip: &'a str,
    /// What else is changed on the way.
    pub(crate) forwarding: &'a Forwarding,
    /// Where the files are that the upstream may name.
    pub(crate) vault: Option<&'a Arc<Vault>>,
}

/// The upstream's part in a request, for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpstreamReport {
    /// Index of the server.
    pub(crate) server: usize,
    /// From the request to the end of the response, or to the failure.
    pub(crate) duration: Duration,
}

/// Forwards one request by the route with this index.
pub(crate) async fn forward<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    index: usize,
    live: &Live,
    worker: &Worker,
) -> Handled {
    let started = Instant::now();
    let route = live.route(index);
    let Some((target, server)) = route.target().and_then(|target| Some((target, live.server(target.server)?))) else {
        return refuse(exchange, route, Refusal::new(StatusCode::BAD_GATEWAY, "no such upstream"), live, worker).await;
    };
    let mut handled = match attempt(exchange, route, (target, server), live, worker).await {
        Ok(tunnel) => Handled { tunnel, ..Handled::default() },
        Err(Failed::Refused(refusal)) => refuse(exchange, route, refusal, live, worker).await,
        Err(Failed::ClientGone(cause)) => {
            exchange.responder.abort();
            Handled { cause: Some(cause.into()), ..Handled::default() }
        }
    };
    handled.upstream = Some(UpstreamReport { server: target.server, duration: started.elapsed() });
    handled
}

/// Why there is no whole response.
enum Failed {
    /// The client is told, if it can be.
    Refused(Refusal),
    /// There is nobody to tell.
    ClientGone(String),
}

async fn attempt<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    route: &LiveRoute,
    (target, server): (Target<'_>, &Server),
    live: &Live,
    worker: &Worker,
) -> Result<Option<Tunnel>, Failed> {
    let upgrade = exchange.responder.can_upgrade() && exchange.body.length() == BodyLength::Empty && wants_upgrade(exchange.head);
    let asks_first = exchange.body.is_withheld();
    let mut head = worker.vectors.take();
    let context = request::Context {
        facts: Facts { request: exchange.head, client: exchange.client, id: exchange.id, nonces: &worker.nonces },
        traceparent: live.plan().traceparent,
        strip: target.strip,
        forwarding: target.forwarding,
        rules: &route.request_rules,
        length: exchange.body.length(),
        upgrade,
        asks_first,
    };
    request::encode(&mut head, exchange.head, &context).map_err(Failed::Refused)?;
    let back = WayBack::new(target.strip, target.forwarding, context.facts);
    let announces = live.plan().upstreams.get(target.server).and_then(|upstream| upstream.proxy_protocol);
    if let Some(version) = announces {
        announce(&mut head, version, exchange.client);
    }
    // What was said of a connection holds for the next request on it only if that is the same client's: none is kept.
    let mut reuse = if announces.is_some() { Reuse::Forbidden } else { Reuse::Allowed };
    let mut attempts = 0;
    let attempts_max = attempts_max(exchange.head.method());
    let result = loop {
        let connection = match connect_for(exchange, server, worker, reuse).await {
            Ok(connection) => connection,
            Err(failed) => break Err(failed),
        };
        attempts += 1;
        let relay = Relay { route, live, worker, request: &head, upgrade, asks_first, back, takes_files: target.vault.is_some() };
        match relay.run(exchange, connection).await {
            Ok(Relayed::Done(connection)) => {
                if let Some(connection) = connection.filter(|_| announces.is_none()) {
                    worker.connector.release(connection);
                }
                break Ok(None);
            }
            Ok(Relayed::Upgraded(tunnel)) => break Ok(Some(tunnel)),
            Ok(Relayed::File(named, connection)) => {
                if let Some(connection) = connection.filter(|_| announces.is_none()) {
                    worker.connector.release(connection);
                }
                break match target.vault {
                    Some(vault) => Box::pin(accel::answer(exchange, route, (named, vault), live, worker)).await.map(|()| None),
                    None => Ok(None),
                };
            }
            Err(Failure::NoResponse(_)) if attempts < attempts_max && !exchange.body.is_started() => reuse = Reuse::Forbidden,
            Err(failure) => break Err(refuse_failure(failure, server, live)),
        }
    };
    worker.vectors.give(head);
    result
}

/// Puts a PROXY header before the head of a request, which is the first of its connection.
fn announce(head: &mut Vec<u8>, version: Version, client: &Client) {
    let ends = client.address.map(|source| {
        let nowhere = if source.ip().to_canonical().is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0_u16; 8]) };
        (source, client.local.unwrap_or(SocketAddr::new(nowhere, 0)))
    });
    let mut header = Vec::with_capacity(head.len() + 64);
    proxy_protocol::write(&mut header, version, ends);
    header.append(head);
    *head = header;
}

/// How often a request may be sent while not a byte of a response comes. A kept connection that was closed as we took it and a
/// server that went down with the request in its queue can meet one request in this order, so one that only asks is sent three times at most
/// (held while the server comes back), one that may be repeated but changes something (PUT, DELETE) twice, and any other once.
const fn attempts_max(method: Method) -> u32 {
    match method {
        Method::Get | Method::Head => 3,
        _ if method.is_idempotent() => 2,
        _ => 1,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Allowed,
    Forbidden,
}

/// A connection, unless the client leaves while it is waited for: what it asked for is not to be done when nobody waits any more.
async fn connect_for<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    server: &Server,
    worker: &Worker,
    reuse: Reuse,
) -> Result<Connection, Failed> {
    let Exchange { body, responder, .. } = exchange;
    let connecting = async {
        let mut connecting = pin!(connect(server, worker, reuse));
        if body.length() != BodyLength::Empty {
            return connecting.await.map_err(|error| Failed::Refused(refuse_connect(error)));
        }
        tokio::select! {
            biased;
            result = connecting.as_mut() => result.map_err(|error| Failed::Refused(refuse_connect(error))),
            () = body.client_gone() => Err(Failed::ClientGone("the client left while it waited".to_owned())),
        }
    };
    let gone = || Failed::ClientGone("the client left while it waited".to_owned());
    unless_gone(responder, connecting, gone).await
}

/// Does some work, unless the client resets the request first.
async fn unless_gone<R: Responder, T, E>(
    responder: &mut R,
    work: impl Future<Output = Result<T, E>>,
    gone: impl Fn() -> E,
) -> Result<T, E> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending => responder.poll_gone(cx).map(|()| Err(gone())),
        ready => ready,
    })
    .await
}

async fn connect(server: &Server, worker: &Worker, reuse: Reuse) -> Result<Connection, ConnectError> {
    if reuse == Reuse::Allowed
        && let Some(connection) = worker.connector.reuse(server).await
    {
        return Ok(connection);
    }
    // Boxed: new connections are rare beside kept ones, and connecting has a large state.
    Box::pin(worker.connector.connect(server)).await
}

fn refuse_connect(error: ConnectError) -> Refusal {
    match error {
        ConnectError::Unreachable(cause) => Refusal::new(StatusCode::BAD_GATEWAY, cause),
        ConnectError::NotReady(cause) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, cause),
        ConnectError::TimedOut(cause) => Refusal::new(StatusCode::GATEWAY_TIMEOUT, cause),
    }
}

fn refuse_failure(failure: Failure, server: &Server, live: &Live) -> Failed {
    let name = server.name();
    match failure {
        Failure::NoResponse(cause) => Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: {cause}"))),
        Failure::BadResponse(cause) => Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: {cause}"))),
        Failure::TimedOut(cause) => Failed::Refused(Refusal::new(StatusCode::GATEWAY_TIMEOUT, format!("{name}: {cause}"))),
        Failure::RequestBody(error) => refuse_body(&error, live),
        Failure::Client(error) => Failed::ClientGone(write_cause(&error)),
    }
}

/// The client's own body failed while it was forwarded.
fn refuse_body(error: &BodyError, live: &Live) -> Failed {
    let status = match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
        BodyError::Malformed(_) => StatusCode::BAD_REQUEST,
        BodyError::Truncated | BodyError::Io(_) => return Failed::ClientGone(error.cause()),
    };
    let cause = match error {
        BodyError::TooLarge => format!("{} ({} bytes)", error.cause(), live.plan().limits.body.0),
        BodyError::TimedOut | BodyError::Malformed(_) | BodyError::Truncated | BodyError::Io(_) => error.cause(),
    };
    Failed::Refused(Refusal::closing(status, cause))
}
