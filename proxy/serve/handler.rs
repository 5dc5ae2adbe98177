//! What happens to a request, on one screen: [`decide`] gives an answer or says where to forward; [`handle`] carries it out.

use std::borrow::Cow;
use std::rc::Rc;

use http::StatusCode;

use super::client::Client;
use super::error_page;
use super::exchange::{BodyLength, ContentLength, Exchange, RequestBody, Responder, ResponseHead};
use super::finish::{FinishContext, finish};
use super::forward::{self, Tunnel};
use super::live::{Live, LiveAction, LiveRoute};
use super::redirect;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::assets::{self, Body, Found};
use crate::http::path;
use crate::http::request::{Known, Method, RequestHead};

/// A body up to this size is read away so that the connection can go on; a longer one ends it.
pub(crate) const DISCARD_BYTES_MAX: u64 = 256 * 1024;
/// Methods that files answer.
const FILE_METHODS: &str = "GET, HEAD";

/// What is to be done.
pub(crate) enum Decision<'a> {
    /// Answer ourselves.
    Reply(&'a LiveRoute, ResponseHead<'a>, Body),
    /// Say no.
    Refuse(&'a LiveRoute, Refusal),
    /// Send on.
    Forward(&'a LiveRoute, forward::Target<'a>),
}

/// What became of a request.
#[derive(Default)]
pub(crate) struct Handled {
    /// Why it was refused or failed, for the log.
    pub(crate) cause: Option<Cow<'static, str>>,
    /// What the upstream did, for the log.
    pub(crate) upstream: Option<forward::UpstreamReport>,
    /// The connection is another protocol's now.
    pub(crate) tunnel: Option<Tunnel>,
}

/// Decides what happens to a request whose body says to be this long.
pub(crate) fn decide<'a>(live: &'a Live, client: &Client, head: &RequestHead, body: BodyLength) -> Decision<'a> {
    let limit = live.plan().limits.body.0;
    match body {
        BodyLength::Known(length) if limit > 0 && length > limit => {
            let cause = format!("a body of {length} bytes exceeds limits.body ({limit} bytes)");
            Decision::Refuse(live.fallback(), Refusal::closing(StatusCode::PAYLOAD_TOO_LARGE, cause))
        }
        BodyLength::Known(_) | BodyLength::Empty | BodyLength::Unknown => decide_route(live, client, head),
    }
}

fn decide_route<'a>(live: &'a Live, client: &Client, head: &RequestHead) -> Decision<'a> {
    if head.path() == b"*" {
        return Decision::Reply(
            live.fallback(),
            ResponseHead::new(StatusCode::NO_CONTENT, Some(&live.fallback().block), ContentLength::None),
            Body::Empty,
        );
    }
    let raw = if head.path().is_empty() { b"/" } else { head.path() };
    let path = match path::normalize(raw) {
        Ok(path) => path,
        Err(error) => return Decision::Refuse(live.fallback(), Refusal::new(StatusCode::BAD_REQUEST, path_cause(error))),
    };
    if !live.serves(head.authority()) {
        return Decision::Refuse(live.fallback(), Refusal::new(StatusCode::MISDIRECTED_REQUEST, "this host is not in server.names"));
    }
    match redirect::to_https(live, client, head) {
        Some((_, None)) => return Decision::Refuse(live.fallback(), Refusal::new(StatusCode::BAD_REQUEST, "no Host to redirect to")),
        Some((status, Some(location))) => return redirect_reply(live.fallback(), status, &location),
        None => {}
    }
    let matched = live.plan().router.route(&path);
    let route = live.route(matched.route);
    match &route.action {
        LiveAction::Forward { server, strip } => Decision::Forward(route, forward::Target { server: *server, strip }),
        LiveAction::Assets(assets) => decide_file(route, assets, &path, matched.covered_bytes, head),
        LiveAction::Redirect { status, to, keeps_query } => {
            let query = if *keeps_query { head.query() } else { None };
            redirect_reply(route, *status, &redirect::with_query(to.as_bytes(), query))
        }
        LiveAction::Respond { status, block, body } => {
            let length = if *status == StatusCode::NO_CONTENT { ContentLength::None } else { ContentLength::Known(body.len() as u64) };
            Decision::Reply(route, ResponseHead::new(*status, Some(block), length), Body::Memory(body.clone()))
        }
        LiveAction::NotFound => Decision::Refuse(route, Refusal::new(StatusCode::NOT_FOUND, "no route")),
    }
}

fn decide_file<'a>(route: &'a LiveRoute, assets: &'a assets::Assets, path: &[u8], covered: usize, head: &RequestHead) -> Decision<'a> {
    if !matches!(head.method(), Method::Get | Method::Head) {
        return Decision::Refuse(route, Refusal::method_not_allowed(FILE_METHODS));
    }
    let below = path.get(covered..).unwrap_or_default();
    let found = if below.is_empty() { Found::Directory } else { assets.find(below, head) };
    match found {
        Found::Asset(asset) | Found::Fallback(asset) | Found::Listing(asset) => {
            let answer = assets::reply(asset, head);
            let length = if answer.status == StatusCode::NOT_MODIFIED { ContentLength::None } else { ContentLength::Known(answer.length) };
            let mut response = ResponseHead::new(answer.status, Some(answer.fields), length);
            if let Some(range) = &answer.content_range {
                response.push("content-range", range.as_bytes());
            }
            if matches!(found, Found::Listing(_)) {
                response.push("vary", b"Accept");
            }
            Decision::Reply(route, response, answer.body)
        }
        Found::Directory => redirect_reply(route, StatusCode::PERMANENT_REDIRECT, &redirect::with_slash(path, head.query())),
        Found::Missing => Decision::Refuse(route, Refusal::new(StatusCode::NOT_FOUND, "no such file")),
    }
}

fn redirect_reply<'a>(route: &'a LiveRoute, status: StatusCode, location: &[u8]) -> Decision<'a> {
    let mut head = ResponseHead::new(status, Some(&route.block), ContentLength::Known(0));
    head.push("location", location);
    Decision::Reply(route, head, Body::Empty)
}

const fn path_cause(error: path::PathError) -> &'static str {
    match error {
        path::PathError::NotAbsolute => "the path does not begin with a slash",
        path::PathError::BadEscape => "a malformed escape in the path",
        path::PathError::Control => "a control byte in the path",
        path::PathError::AboveRoot => "the path climbs above the root",
    }
}

/// Answers one request. What was sent is the responder's to tell.
pub(crate) async fn handle<B: RequestBody, R: Responder>(exchange: &mut Exchange<'_, B, R>, worker: &Rc<Worker>) -> Handled {
    let live = worker.live();
    match decide(live, exchange.client, exchange.head, exchange.body.length()) {
        Decision::Reply(route, mut head, body) => {
            head.close = ends_connection(exchange.body.length());
            if head.lines.capacity() == 0 {
                head.lines = worker.vectors.take();
                head.lines.clear();
            }
            finish(&mut head, &route.policy, &context(live, exchange, worker));
            let result = exchange.responder.reply(&head, body).await;
            worker.vectors.give(head.lines);
            Handled { cause: result.err().map(|error| Cow::Owned(write_cause(&error))), ..Handled::default() }
        }
        Decision::Refuse(route, refusal) => refuse(exchange, route, refusal, live, worker).await,
        // Boxed, so that an idle connection does not carry the room that forwarding needs.
        Decision::Forward(route, target) => Box::pin(forward::forward(exchange, route, target, live, worker)).await,
    }
}

/// Sends a refusal, unless a response has begun: that one is cut off instead.
pub(crate) async fn refuse<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    route: &LiveRoute,
    refusal: Refusal,
    live: &Live,
    worker: &Worker,
) -> Handled {
    if exchange.responder.has_begun() {
        exchange.responder.abort();
    } else {
        let (mut head, body) = refusal_answer(live, route, &refusal, exchange.head);
        head.close |= ends_connection(exchange.body.length());
        finish(&mut head, &route.policy, &context(live, exchange, worker));
        // A client that does not take its refusal is told nothing more.
        let _ = exchange.responder.reply(&head, body).await;
    }
    Handled { cause: Some(refusal.cause), ..Handled::default() }
}

/// What a refused request gets.
pub(crate) fn refusal_answer<'a>(live: &Live, route: &'a LiveRoute, refusal: &Refusal, request: &RequestHead) -> (ResponseHead<'a>, Body) {
    refusal.answer(&route.refusal_block, request, error_page::find(live, route, refusal.status, request))
}

/// A long body that nobody will read is not waited for.
fn ends_connection(length: BodyLength) -> bool {
    match length {
        BodyLength::Empty => false,
        BodyLength::Known(length) => length > DISCARD_BYTES_MAX,
        BodyLength::Unknown => true,
    }
}

pub(crate) fn context<'a, B, R>(live: &'a Live, exchange: &Exchange<'a, B, R>, worker: &'a Worker) -> FinishContext<'a> {
    FinishContext { live, client: exchange.client, draining: &worker.draining, request: exchange.head, clock: &worker.clock }
}

/// Why a response could not be written, for the log.
pub(crate) fn write_cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::TimedOut => "the client stopped taking the response".to_owned(),
        std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset => "the client left".to_owned(),
        _ => format!("the response could not be sent: {error}"),
    }
}

/// HTTP itself under another name: a client that spoke it to the upstream through a tunnel would pass no route and no check.
fn names_http(upgrade: &[u8]) -> bool {
    crate::http::hop::members(upgrade).any(|member| {
        let name = member.split(|&byte| byte == b'/').next().unwrap_or_default();
        [&b"h2c"[..], b"h2", b"h3", b"http", b"tls"].iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// `true` when a request wants another protocol on its connection (RFC 9110 §7.8).
pub(crate) fn wants_upgrade(head: &RequestHead) -> bool {
    head.joined(Known::Upgrade).is_some_and(|value| !value.is_empty() && !names_http(&value))
        && head
            .joined(Known::Connection)
            .is_some_and(|value| crate::http::hop::members(&value).any(|member| member.eq_ignore_ascii_case(b"upgrade")))
}
