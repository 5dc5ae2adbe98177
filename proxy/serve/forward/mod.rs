//! Sending a request on to an upstream and its answer back: the way of one exchange. The bytes move in `relay`, what is written to the upstream is
//! made in `request`, what it answers is read in `response`, upgraded connections live on in `tunnel`.

mod relay;
mod request;
mod response;
mod tunnel;

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

pub(crate) use tunnel::{Tunnel, run as run_tunnel};

use self::relay::{Failure, Relay, Relayed};
use super::exchange::{Exchange, RequestBody, Responder};
use super::handler::{Handled, refuse, wants_upgrade, write_cause};
use super::live::{Live, LiveRoute};
use super::refusal::Refusal;
use super::worker::Worker;
use crate::upstream::{ConnectError, Connection, Server};

/// Where a route forwards to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Index of the server.
    pub(crate) server: usize,
    /// Prefix to take off the path; empty for none.
    pub(crate) strip: &'a str,
}

/// The upstream's part in a request, for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpstreamReport {
    /// Index of the server.
    pub(crate) server: usize,
    /// From the request to the end of the response, or to the failure.
    pub(crate) duration: Duration,
}

/// Forwards one request.
pub(crate) async fn forward<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    route: &LiveRoute,
    target: Target<'_>,
    live: &Live,
    worker: &Worker,
) -> Handled {
    let started = Instant::now();
    let Some(server) = live.server(target.server) else {
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
    let upgrade = exchange.responder.can_upgrade() && wants_upgrade(exchange.head);
    let mut head = worker.vectors.take();
    let context = request::Context {
        client: exchange.client,
        strip: target.strip,
        rules: &route.request_rules,
        length: exchange.body.length(),
        upgrade,
    };
    request::encode(&mut head, exchange.head, &context).map_err(Failed::Refused)?;
    let mut reuse = Reuse::Allowed;
    let mut lost_new = false;
    let result = loop {
        let connection = match connect(server, worker, reuse).await {
            Ok(connection) => connection,
            Err(error) => break Err(Failed::Refused(refuse_connect(error))),
        };
        // A kept connection that was closed as we took it (`product.md`, trap 10) says nothing of the server. A new one that was closed says
        // that the server went down with the request in its queue: once more, and the request is held while it comes back (trap 3).
        let may_retry = (connection.is_reused() || !lost_new) && exchange.head.method().is_idempotent() && !exchange.body.is_started();
        let is_new = !connection.is_reused();
        let relay = Relay { route, live, worker, request: &head, upgrade };
        match relay.run(exchange, connection).await {
            Ok(Relayed::Done(connection)) => {
                if let Some(connection) = connection {
                    worker.connector.release(connection);
                }
                break Ok(None);
            }
            Ok(Relayed::Upgraded(tunnel)) => break Ok(Some(tunnel)),
            Err(Failure::NoResponse(_)) if may_retry && !exchange.body.is_started() => {
                reuse = Reuse::Forbidden;
                lost_new |= is_new;
            }
            Err(failure) => break Err(refuse_failure(failure, server)),
        }
    };
    worker.vectors.give(head);
    result
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Allowed,
    Forbidden,
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

fn refuse_failure(failure: Failure, server: &Server) -> Failed {
    let name = server.name();
    match failure {
        Failure::NoResponse(cause) => Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: {cause}"))),
        Failure::BadResponse(cause) => Failed::Refused(Refusal::new(StatusCode::BAD_GATEWAY, format!("{name}: {cause}"))),
        Failure::TimedOut(cause) => Failed::Refused(Refusal::new(StatusCode::GATEWAY_TIMEOUT, format!("{name}: {cause}"))),
        Failure::RequestBody(error) => refuse_body(&error),
        Failure::Client(error) => Failed::ClientGone(write_cause(&error)),
    }
}

/// The client's own body failed while it was forwarded.
fn refuse_body(error: &super::http1::body::BodyError) -> Failed {
    use super::http1::body::BodyError;
    let status = match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
        BodyError::Malformed(_) => StatusCode::BAD_REQUEST,
        BodyError::Truncated | BodyError::Io(_) => return Failed::ClientGone(error.cause()),
    };
    Failed::Refused(Refusal::closing(status, error.cause()))
}
