//! What happens to a request, on one screen: [`decide`] gives an answer or says where to forward; [`handle`] carries it out.

use std::borrow::Cow;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;

use super::changed_file;
use super::client::Client;
use super::compress::Form;
use super::early_hints;
use super::error_page::{self, ErrorPage};
use super::exchange::{BodyLength, ContentLength, Exchange, RequestBody, Responder, ResponseHead};
use super::file;
use super::finish::{FinishContext, finish};
use super::forward::{self, Tunnel};
use super::live::{Live, LiveAction, LiveRoute};
use super::nonce::Nonce;
use super::redirect;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::worker::Worker;
use crate::assets::{self, Asset, Body, Found, NoncedPage};
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
    /// Answer with a page that takes a nonce.
    Page(&'a LiveRoute, &'a Asset, &'a NoncedPage),
    /// Say no.
    Refuse(&'a LiveRoute, Refusal),
    /// Send on, by the route with this index.
    Forward(usize),
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
        LiveAction::Forward { .. } => Decision::Forward(matched.route),
        LiveAction::Assets(assets) => decide_file(route, assets, &path, matched.covered_bytes, head),
        LiveAction::Redirect { status, to, keeps_query } => {
            let query = if *keeps_query { head.query() } else { None };
            redirect_reply(route, *status, &redirect::with_query(to.as_bytes(), query))
        }
        LiveAction::Respond { status, content } => {
            let Form { block, body } = content.form(head);
            let length = if *status == StatusCode::NO_CONTENT { ContentLength::None } else { ContentLength::Known(body.len() as u64) };
            Decision::Reply(route, ResponseHead::new(*status, Some(block), length), Body::Memory(body.clone()))
        }
        LiveAction::Operations(operations) => operations.decide(route, &path, (client, head)),
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
        Found::Asset(asset) | Found::Fallback(asset) => file_reply(route, asset, head),
        Found::Listing(asset) => {
            let mut decision = file_reply(route, asset, head);
            if let Decision::Reply(_, response, _) = &mut decision {
                response.push("vary", b"Accept");
            }
            decision
        }
        Found::Directory => {
            // As a refusal: a lifetime that the route sets is meant for its files.
            let mut response = ResponseHead::new(StatusCode::PERMANENT_REDIRECT, Some(&route.refusal_block), ContentLength::Known(0));
            response.push("location", &redirect::with_slash(path, head.query()));
            Decision::Reply(route, response, Body::Empty)
        }
        Found::Missing => match route.kept.find(below) {
            Some(asset) => file_reply(route, asset, head),
            None => Decision::Refuse(route, Refusal::new(StatusCode::NOT_FOUND, "no such file")),
        },
    }
}

fn file_reply<'a>(route: &'a LiveRoute, asset: &'a Asset, head: &RequestHead) -> Decision<'a> {
    if let Some(page) = asset.nonced() {
        return Decision::Page(route, asset, page);
    }
    let answer = assets::reply(asset, head);
    let length = if answer.status == StatusCode::NOT_MODIFIED { ContentLength::None } else { ContentLength::Known(answer.length) };
    let mut response = match &answer.parts_type {
        Some(parts_type) => ResponseHead::with_content_type(answer.status, answer.fields, parts_type.as_bytes(), length),
        None => ResponseHead::new(answer.status, Some(answer.fields), length),
    };
    response.hints = asset.hints().filter(|_| answer.status == StatusCode::OK && early_hints::reach(head));
    if let Some(range) = &answer.content_range {
        response.push("content-range", range.as_bytes());
    }
    Decision::Reply(route, response, answer.body)
}

/// Why a page that takes a nonce is not sent.
pub(crate) fn no_randomness() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the system gives no randomness for a nonce")
}

/// A page with the nonce of this response. Its preconditions are not looked at: it has no validators, and is another one each time.
pub(crate) fn nonced<'a>(asset: &'a Asset, page: &'a NoncedPage, nonce: Nonce, head: &RequestHead) -> (ResponseHead<'a>, Body) {
    let body = page.with(nonce.as_bytes());
    let mut response = ResponseHead::new(StatusCode::OK, Some(page.fields()), ContentLength::Known(body.len() as u64));
    response.nonce = Some(nonce);
    response.hints = asset.hints().filter(|_| early_hints::reach(head));
    (response, Body::Memory(body))
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
    let (live, frame) = worker.serving();
    let (route, mut head, body) = match decide(&live, exchange.client, exchange.head, exchange.body.length()) {
        Decision::Reply(route, head, body) => (route, head, body),
        Decision::Page(route, asset, page) => match worker.nonces.fresh() {
            Some(nonce) => {
                let (head, body) = nonced(asset, page, nonce, exchange.head);
                (route, head, body)
            }
            None => {
                return refuse(exchange, route, no_randomness(), &live, worker).await;
            }
        },
        Decision::Refuse(route, refusal) => return refuse(exchange, route, refusal, &live, worker).await,
        // Boxed, so that an idle connection does not carry the room that forwarding needs.
        Decision::Forward(index) => {
            // A stream may last for days: no build is kept in memory for it.
            drop(live);
            let method = exchange.head.method();
            return match frame.route(index).waiting.as_ref().filter(|waiting| waiting.includes(method, &exchange.body)) {
                Some(waiting) => Box::pin(forward::forward_buffered(exchange, (index, waiting), &frame, worker)).await,
                None => Box::pin(forward::forward(exchange, index, &frame, worker)).await,
            };
        }
    };
    let on_disk = changed_file::of(&head, &body, exchange.head);
    let mut cause = None;
    let body = match file::opened(body, &worker.disk).await {
        Ok(body) => body,
        // A new load will put it right, and is on its way where one was asked for.
        Err(error) => {
            cause = Some(Cow::Owned(format!("the file on disk is not what was loaded: {error}")));
            let changed = match on_disk.filter(|_| error.kind() == io::ErrorKind::InvalidData) {
                Some(file) => changed_file::answer(&head, file, &worker.disk).await,
                None => Err(error),
            };
            match changed {
                Ok((changed, body)) => {
                    head = changed;
                    body
                }
                Err(error) => {
                    let cause = format!("the file on disk cannot be sent: {error}");
                    return refuse(exchange, route, Refusal::new(StatusCode::SERVICE_UNAVAILABLE, cause), &live, worker).await;
                }
            }
        }
    };
    head.close = ends_connection(exchange.body.length());
    if head.lines.capacity() == 0 {
        head.lines = worker.vectors.take();
        head.lines.clear();
    }
    finish(&mut head, &route.policy, &context(&live, exchange, worker));
    let (result, lines) = if outlives(&body) {
        // A large file may take hours: it holds its own file, and no build is kept in memory for it.
        let block = head.block.cloned();
        let head = head.with_block(block.as_ref());
        drop(live);
        (exchange.responder.reply(&head, body).await, head.lines)
    } else {
        (reply(&mut exchange.responder, &head, body).await, head.lines)
    };
    worker.vectors.give(lines);
    Handled { cause: result.err().map(|error| Cow::Owned(write_cause(&error))).or(cause), ..Handled::default() }
}

/// An answer of ours that nothing has to be waited for, dressed as all are; `None` where there is none, and [`handle`] is to be asked. For protocols that
/// have many requests at a time and can do without a task for most of them.
pub(crate) fn at_hand<'a>(
    live: &'a Live,
    (client, id): (&'a Client, &'a RequestId),
    head: &'a RequestHead,
    worker: &'a Worker,
) -> Option<(ResponseHead<'a>, Bytes)> {
    let Decision::Reply(route, mut response, body) = decide(live, client, head, BodyLength::Empty) else { return None };
    let content = match body {
        _ if response.hints.is_some() => return None,
        Body::Empty => Bytes::new(),
        Body::Memory(bytes) if bytes.len() <= AT_HAND_BYTES_MAX => bytes,
        Body::Memory(_) | Body::Stored { .. } | Body::Parts(_) => return None,
    };
    if response.lines.capacity() == 0 {
        response.lines = worker.vectors.take();
        response.lines.clear();
    }
    let context =
        FinishContext { live, client, draining: &worker.draining, request: head, clock: &worker.clock, nonces: &worker.nonces, id };
    finish(&mut response, &route.policy, &context);
    Some((response, content))
}

/// Content up to this size is sent at once; a larger one may have to wait for its client.
const AT_HAND_BYTES_MAX: usize = 16 * 1024;

/// Sends an answer of our own, behind its hints.
async fn reply<R: Responder>(responder: &mut R, head: &ResponseHead<'_>, body: Body) -> io::Result<()> {
    if let Some(hints) = head.hints {
        responder.interim(StatusCode::EARLY_HINTS, hints).await?;
    }
    responder.reply(head, body).await
}

/// A memory content above this may keep its whole build in memory if its client takes it slowly.
const OUTLIVING_BYTES_MIN: usize = 256 * 1024;

/// Whether sending this can take so long that no build is to be kept for it. What lies on a shelf keeps that in any case.
fn outlives(body: &Body) -> bool {
    match body {
        Body::Empty => false,
        Body::Memory(bytes) => bytes.len() >= OUTLIVING_BYTES_MIN,
        Body::Stored { file, .. } => file.is_on_disk(),
        Body::Parts(_) => true,
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
        let page = opened_page(route, refusal.status, exchange.head, worker).await;
        // What went wrong with us or behind us is looked for in logs.
        let is_ours = matches!(refusal.status.as_u16(), 500 | 502..=504);
        let id = is_ours.then(|| exchange.id.get(exchange.head, exchange.client, &worker.nonces));
        let (mut head, body) = refusal.answer(&route.refusal_block, exchange.head, (page, id));
        head.close |= ends_connection(exchange.body.length());
        finish(&mut head, &route.policy, &context(live, exchange, worker));
        // A client that does not take its refusal is told nothing more.
        let _ = exchange.responder.reply(&head, body).await;
    }
    Handled { cause: Some(refusal.cause), ..Handled::default() }
}

/// The operator's page for a refusal, ready to be sent. Where what serves is known without its files, it is looked for in what serves now.
async fn opened_page(route: &LiveRoute, status: StatusCode, request: &RequestHead, worker: &Worker) -> Option<ErrorPage> {
    let page = {
        let (serving, _) = worker.serving();
        error_page::find(&serving, route, status, (request, &worker.nonces))
    }?;
    // A page that cannot be read now is as good as none.
    let body = file::opened(page.body, &worker.disk).await.ok()?;
    Some(ErrorPage { body, ..page })
}

/// A long body that nobody will read is not waited for.
pub(crate) fn ends_connection(length: BodyLength) -> bool {
    match length {
        BodyLength::Empty => false,
        BodyLength::Known(length) => length > DISCARD_BYTES_MAX,
        BodyLength::Unknown => true,
    }
}

pub(crate) fn context<'a, B, R>(live: &'a Live, exchange: &Exchange<'a, B, R>, worker: &'a Worker) -> FinishContext<'a> {
    FinishContext {
        live,
        client: exchange.client,
        draining: &worker.draining,
        request: exchange.head,
        clock: &worker.clock,
        nonces: &worker.nonces,
        id: exchange.id,
    }
}

/// Why a response could not be written, for the log.
pub(crate) fn write_cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "the client stopped taking the response".to_owned(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => "the client left".to_owned(),
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
