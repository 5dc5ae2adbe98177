//! Sending a request on to an upstream and its answer back: the way of one exchange. The bytes move in `relay`, up in `send` and down from `receive` on;
//! what is written to the upstream is made in `request`, what it answers is read in `response` and compressed in `compressed`. What is other with upstreams
//! of HTTP/2 is in `http2`. Bodies that are waited for first are `buffered` in a `spool`; upgraded connections live on in `tunnel`. Which server it is goes
//! by what `choice` finds in the request.

mod accel;
mod buffered;
mod choice;
mod compressed;
mod content;
mod course;
mod http2;
mod link;
mod receive;
mod relay;
pub(crate) mod request;
mod response;
mod retry;
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

use self::http2::Told;
use self::link::Link;
use self::relay::{Failure, Relay, Relayed};
use self::retry::{Tries, pass_by};
use self::way_back::WayBack;
use super::client::Client;
use super::exchange::{BodyLength, Exchange, RequestBody, Responder};
use super::grpc;
use super::handler::{Handled, refuse, wants_upgrade, write_cause};
use super::http1::body::BodyError;
use super::live::{Live, LiveRoute};
use super::refusal::Refusal;
use super::template::Facts;
use super::worker::Worker;
use crate::assets::Vault;
use crate::config::Timeouts;
use crate::http::proxy_protocol::{self, Version};
use crate::http::request::RequestHead;
use crate::plan::Forwarding;
use crate::units::Protocol;
use crate::upstream::{ConnectError, Connection, Group, Key, Outcome, Picked, Server, ServerIndex, Tried};

/// Where a route forwards to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Index of the group of servers.
    pub(crate) group: usize,
    /// Prefix to take off the path; empty for none.
    pub(crate) strip: &'a str,
    /// What else is changed on the way.
    pub(crate) forwarding: &'a Forwarding,
    /// Where the files are that the upstream may name.
    pub(crate) vault: Option<&'a Arc<Vault>>,
}

/// The upstream's part in a request, for the log.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamReport {
    /// Index of the group of servers.
    pub(crate) group: usize,
    /// The server that was asked last, if one was.
    pub(crate) server: Option<ServerIndex>,
    /// All that were asked, in their order, where that is more than one.
    pub(crate) tried: Vec<ServerIndex>,
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
    let Some((target, group)) = route.target().and_then(|target| Some((target, live.group(target.group)?))) else {
        return refuse(exchange, route, Refusal::new(StatusCode::BAD_GATEWAY, "no such upstream"), live, worker).await;
    };
    let (mut server, mut tried) = (None, Tried::default());
    let result = attempt(exchange, route, (target, group, &mut server, &mut tried), live, worker).await;
    let tried = tried.into_trail();
    let mut handled = match result {
        Ok(tunnel) => Handled { tunnel, ..Handled::default() },
        Err(Failed::Refused(mut refusal)) => {
            if !tried.is_empty() {
                let names: Vec<_> = tried.iter().map(|&index| group.name_of(Some(index))).collect();
                refusal.cause = format!("{}; asked in this order: {}", refusal.cause, names.join(", ")).into();
            }
            refuse(exchange, route, refusal, live, worker).await
        }
        Err(Failed::ClientGone(cause)) => {
            exchange.responder.abort();
            Handled { cause: Some(cause.into()), ..Handled::default() }
        }
    };
    handled.upstream = Some(UpstreamReport { group: target.group, server, tried, duration: started.elapsed() });
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
    (target, group, last, tried): (Target<'_>, &Group, &mut Option<ServerIndex>, &mut Tried),
    live: &Live,
    worker: &Worker,
) -> Result<Option<Tunnel>, Failed> {
    let mut head = worker.vectors.take();
    let mut context = context_of(exchange, route, (target, group), live, worker);
    let announces = live.plan().upstreams.get(target.group).and_then(|upstream| upstream.proxy_protocol);
    write_head(&mut head, &context, announces).map_err(Failed::Refused)?;
    let key = choice::key(group.wants(), exchange.head, exchange.client);
    // What was said of a connection holds for the next request on it only if that is the same client's: none is kept.
    let mut reuse = if announces.is_some() { Reuse::Forbidden } else { Reuse::Allowed };
    let response_timeout = response_timeout(route, group, exchange.head);
    let mut tries = Tries::new(group, exchange.head.method());
    let mut told = Told::default();
    let result = loop {
        let (picked, mut link) = match connect_for(exchange, (group, &key, tried), worker, reuse).await {
            Ok(found) => found,
            Err(failed) => break Err(failed),
        };
        if let Some((failure, server)) = tries.take_doubted(tried, link.own()).await {
            break Err(refuse_failure(failure, server, live));
        }
        *last = Some(picked.index());
        tried.note(picked.index());
        if target.forwarding.differs_by_server() && context.server != picked.index() {
            context.server = picked.index();
            write_head(&mut head, &context, announces).map_err(Failed::Refused)?;
        }
        let cookie = choice::cookie(group.new_cookie(&key, picked.index()), exchange.client);
        let relay = Relay {
            route,
            live,
            worker,
            request: &head,
            upgrade: context.upgrade,
            response_limit: tries.begin(response_timeout),
            content_wait: tries.content_wait(),
            discards: tries.discards(),
            asks_first: context.asks_first,
            back: WayBack::new(target.strip, target.forwarding, (context.facts, picked.index())),
            takes_files: target.vault.is_some(),
            cookie: cookie.as_deref(),
        };
        let was_reused = link.is_reused();
        match link.carry(&relay, exchange, &mut told).await {
            Ok(relayed) => {
                note_answer((group, picked.index()), exchange.responder.sent().status, &relayed);
                break settle(relayed, picked, (exchange, route, target), announces, (live, worker)).await;
            }
            Err(failure) => {
                retry::note(group, picked.index(), &failure, was_reused);
                let is_spent = (exchange.body.is_started() && !told.is_kept()) || exchange.responder.has_begun();
                let followed = if is_spent { Err(failure) } else { tries.follow(failure, picked.server()) };
                if let Err(failure) = followed {
                    break Err(refuse_failure(failure, picked.server(), live));
                }
                reuse = Reuse::Forbidden;
                pass_by(tried, picked.index(), group);
            }
        }
    };
    worker.vectors.give(head);
    result
}

/// What the head of the request is made from.
fn context_of<'a, B: RequestBody, R: Responder>(
    exchange: &Exchange<'a, B, R>,
    route: &'a LiveRoute,
    (target, group): (Target<'a>, &Group),
    live: &Live,
    worker: &'a Worker,
) -> request::Context<'a> {
    let may_upgrade = group.protocol() == Protocol::Http1 && exchange.responder.can_upgrade();
    request::Context {
        facts: Facts { request: exchange.head, client: exchange.client, id: exchange.id, nonces: &worker.nonces },
        traceparent: live.plan().traceparent,
        strip: target.strip,
        forwarding: target.forwarding,
        server: ServerIndex::default(),
        rules: &route.request_rules,
        length: exchange.body.length(),
        upgrade: may_upgrade && exchange.body.length() == BodyLength::Empty && wants_upgrade(exchange.head),
        asks_first: exchange.body.is_withheld(),
    }
}

/// What an answer says of its server. It was sent with this status, unless it stands for a file or a tunnel.
fn note_answer((group, server): (&Group, ServerIndex), sent: Option<StatusCode>, relayed: &Relayed) {
    if sent.is_some_and(|status| group.retry().on.has_status(status)) {
        group.note_failure(server, "the response has a status of retry.on");
    } else {
        group.note_success(server);
    }
    let outcome = match relayed {
        Relayed::Done(_) => sent.map_or(Outcome::Failed, Outcome::of),
        Relayed::File(head, _) => Outcome::of(head.status),
        Relayed::Upgraded(..) => Outcome::Informational,
    };
    group.count(server, outcome);
}

/// A call of gRPC may let wait as long as a stream may be silent, where that has a limit: many servers say nothing before they have a message. Without one it has
/// the time of all requests, as with nginx and HAProxy: whoever asks can call it a call, also where nobody serves any. Nor is it the client's `grpc-timeout`
/// that decides: it may name any time, and when it has passed that is no fault of the server.
fn response_timeout(route: &LiveRoute, group: &Group, request: &RequestHead) -> Duration {
    let Timeouts { response, stream, .. } = route.timeouts;
    let is_call = group.protocol() == Protocol::Http2 && grpc::is_call(request);
    if is_call && !response.is_zero() { response.max(stream) } else { response }
}

/// Writes the head of the request, and before it what is told of the connection.
fn write_head(head: &mut Vec<u8>, context: &request::Context<'_>, announces: Option<Version>) -> Result<(), Refusal> {
    head.clear();
    if let Some(version) = announces {
        announce(head, version, context.facts.client);
    }
    request::encode(head, context)
}

/// What follows from a response: the connection is kept, or lives on in a tunnel, or a file is sent in the place of the response.
async fn settle<B: RequestBody, R: Responder>(
    relayed: Relayed,
    picked: Picked<'_>,
    (exchange, route, target): (&mut Exchange<'_, B, R>, &LiveRoute, Target<'_>),
    announces: Option<Version>,
    (live, worker): (&Live, &Worker),
) -> Result<Option<Tunnel>, Failed> {
    let keep = |connection: Option<Connection>| {
        if let Some(connection) = connection.filter(|_| announces.is_none()) {
            worker.connector.release(connection);
        }
    };
    match (relayed, target.vault) {
        (Relayed::Upgraded(connection, first), _) => Ok(Some(Tunnel::new(connection, first, route.timeouts.stream, picked.lasting()))),
        (Relayed::File(named, connection), Some(vault)) => {
            keep(connection);
            // Its server is done, however long the client takes.
            drop(picked);
            Box::pin(accel::answer(exchange, route, (named, vault), live, worker)).await.map(|()| None)
        }
        (Relayed::Done(connection) | Relayed::File(_, connection), _) => {
            keep(connection);
            Ok(None)
        }
    }
}

/// Writes the PROXY header, which stands before the head of the first request of a connection.
fn announce(head: &mut Vec<u8>, version: Version, client: &Client) {
    let ends = client.address.map(|source| {
        let nowhere = if source.ip().to_canonical().is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0_u16; 8]) };
        (source, client.local.as_deref().copied().unwrap_or(SocketAddr::new(nowhere, 0)))
    });
    proxy_protocol::write(head, version, ends);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Allowed,
    Forbidden,
}

/// A connection, unless the client leaves while it is waited for: what it asked for is not to be done when nobody waits any more.
async fn connect_for<'g, B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    (group, key, tried): (&'g Group, &Key<'_>, &mut Tried),
    worker: &Worker,
    reuse: Reuse,
) -> Result<(Picked<'g>, Link), Failed> {
    let Exchange { body, responder, .. } = exchange;
    let connecting = async {
        tokio::select! {
            biased;
            result = connect(group, key, tried, worker, reuse) => result.map_err(|error| Failed::Refused(refuse_connect(error))),
            () = body.client_left() => Err(Failed::ClientGone("the client left while it waited".to_owned())),
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

async fn connect<'g>(
    group: &'g Group,
    key: &Key<'_>,
    tried: &mut Tried,
    worker: &Worker,
    reuse: Reuse,
) -> Result<(Picked<'g>, Link), ConnectError> {
    if group.protocol() == Protocol::Http2 {
        return http2::connect(group, key, tried, worker).await.map(|(picked, slot)| (picked, Link::Http2(slot)));
    }
    let mut picked = group.pick(key, tried.as_slice());
    if let Some(found) = picked.take() {
        if reuse == Reuse::Forbidden {
            found.server().pass_turn();
        } else if let Some(connection) = worker.connector.reuse(found.server()) {
            return Ok((found, Link::Http1(connection)));
        }
        picked = Some(found);
    }
    // Boxed: new connections are rare beside kept ones, and connecting has a large state.
    let (picked, connection) = Box::pin(worker.connector.acquire(group, key, picked, tried)).await?;
    Ok((picked, Link::Http1(connection)))
}

fn refuse_connect(error: ConnectError) -> Refusal {
    match error {
        ConnectError::Unreachable(cause) | ConnectError::Denied(cause) | ConnectError::Untrusted(cause) => {
            Refusal::new(StatusCode::BAD_GATEWAY, cause)
        }
        ConnectError::NotReady(cause) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, cause),
        ConnectError::TimedOut(cause) => Refusal::new(StatusCode::GATEWAY_TIMEOUT, cause),
    }
}

fn refuse_failure(failure: Failure, server: &Server, live: &Live) -> Failed {
    let name = server.name();
    match failure {
        Failure::NoResponse(cause) | Failure::BrokenOff(cause) | Failure::NotTaken(cause) | Failure::BadResponse(cause) => {
            Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: {cause}")))
        }
        Failure::Unsayable(cause) => Failed::Refused(Refusal::new(StatusCode::BAD_REQUEST, cause)),
        Failure::TimedOut(cause) => Failed::Refused(Refusal::new(StatusCode::GATEWAY_TIMEOUT, format!("{name}: {cause}"))),
        Failure::Unwanted(status) => Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: the response was {status}"))),
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
        BodyError::Lost(_) => StatusCode::INTERNAL_SERVER_ERROR,
        BodyError::Truncated | BodyError::Io(_) => return Failed::ClientGone(error.cause()),
    };
    let cause = match error {
        BodyError::TooLarge => format!("{} ({} bytes)", error.cause(), live.plan().limits.body.0),
        BodyError::TimedOut | BodyError::Malformed(_) | BodyError::Lost(_) | BodyError::Truncated | BodyError::Io(_) => error.cause(),
    };
    Failed::Refused(Refusal::closing(status, cause))
}
