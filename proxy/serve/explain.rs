//! What a request would get, told and not sent.
//!
//! It asks the same functions as a request does: `decide` for the decision, `error_page`, `Refusal::answer` and `finish` for the response, `forward` for the head
//! that goes to an upstream. So it cannot tell another story than the server; what is added here are only the reasons. What it cannot know is what
//! an upstream answers; and what the protocol
//! refuses before there is a request (a head that is malformed or over a limit) is not asked here.

use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::clock::Clock;
use super::error_page;
use super::exchange::{BodyLength, ContentLength, ResponseHead, split_lines};
use super::finish::{FinishContext, finish};
use super::forward::{self, request};
use super::handler::{Decision, decide, no_randomness, nonced};
use super::live::{Live, LiveAction, LiveRoute};
use super::nonce::Nonces;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::template::Facts;
use crate::assets::{Assets, Found};
use crate::http::path;
use crate::http::request::{Known, RequestHead};
use crate::units::Scheme;
use crate::upstream::ServerIndex;

/// Who asks in an explanation.
const CLIENT: ([u8; 4], u16) = ([127, 0, 0, 1], 50_000);

/// What a request would get.
#[derive(Debug)]
pub struct Explanation {
    /// Index of its route in the plan; that of the last one also for what is answered before it is routed.
    pub route: usize,
    /// Its path in the normal form that is routed; `None` when it has none.
    pub path: Option<Vec<u8>>,
    /// What happens.
    pub outcome: Outcome,
}

/// What happens to a request.
#[derive(Debug)]
pub enum Outcome {
    /// It is answered.
    Answered {
        /// The response.
        response: Response,
        /// The file that it is made from.
        file: Option<File>,
    },
    /// It is refused.
    Refused {
        /// The response.
        response: Response,
        /// Why, as in the access log.
        cause: String,
        /// Why the page of the application does not answer, where a file was looked for.
        no_fallback: Option<&'static str>,
        /// The path of the error page in its root.
        page: Option<String>,
    },
    /// It is forwarded.
    Forwarded {
        /// Index of the upstream in the plan.
        upstream: usize,
        /// The head that the upstream gets.
        request: Vec<String>,
    },
}

/// The head of a response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// Bytes of its content, when there can be any.
    pub length: Option<u64>,
    /// Its fields, but for what frames it on the connection.
    pub fields: Vec<(String, String)>,
}

/// A file that answers.
#[derive(Debug)]
pub struct File {
    /// Its path in its root, beginning with a slash.
    pub key: String,
    /// Why this one.
    pub reason: String,
    /// The codings that it has beside the plain one.
    pub codings: Vec<&'static str>,
    /// `true` when further ones may be made while it is served.
    pub awaits_codings: bool,
}

/// Says what a request that comes over `scheme` would get.
pub fn explain(live: &Live, head: &RequestHead, scheme: Scheme) -> Explanation {
    let client = Client::new(Some(CLIENT.into()), scheme);
    let path = path::normalize(if head.path().is_empty() { b"/" } else { head.path() }).ok().map(std::borrow::Cow::into_owned);
    if let Some((assets, below)) = path.as_deref().and_then(|path| below_root(live, live.route(live.plan().router.route(path).route), path))
    {
        // What is served gets its coded forms in the background: told is what is answered once it has.
        assets.code_now(below, head);
    }
    if let Some(LiveAction::Assets(assets)) = live.site().map(|site| &site.action) {
        // Its error pages are other routes' too.
        assets.code_now(b"", head);
    }
    let (route, outcome) = match decide(live, &client, head, body_length(head)) {
        Decision::Reply(route, response, _) => {
            let file = path.as_deref().and_then(|path| file(live, route, path, head));
            (route, Outcome::Answered { response: finished(response, live, route, (&client, head)), file })
        }
        Decision::Page(route, asset, page) => match Nonces::default().fresh() {
            Some(nonce) => {
                let file = path.as_deref().and_then(|path| file(live, route, path, head));
                let (response, _) = nonced(asset, page, nonce, head);
                (route, Outcome::Answered { response: finished(response, live, route, (&client, head)), file })
            }
            None => (route, refused(live, route, no_randomness(), None, (&client, head))),
        },
        Decision::Refuse(route, refusal) => (route, refused(live, route, refusal, path.as_deref(), (&client, head))),
        Decision::Forward(index) => {
            let route = live.route(index);
            let outcome = match route.target() {
                Some(target) => forwarded(live, route, target, (&client, head)),
                None => refused(live, route, Refusal::new(StatusCode::BAD_GATEWAY, "no such upstream"), None, (&client, head)),
            };
            (route, outcome)
        }
    };
    Explanation { route: live.index_of(route).unwrap_or_default(), path, outcome }
}

/// What the head says of its body, which is not there.
fn body_length(head: &RequestHead) -> BodyLength {
    let length = head.value(Known::ContentLength).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    match length {
        Some(0) => BodyLength::Empty,
        Some(length) => BodyLength::Known(length),
        None if head.value(Known::TransferEncoding).is_some() => BodyLength::Unknown,
        None => BodyLength::Empty,
    }
}

fn finished(mut response: ResponseHead<'_>, live: &Live, route: &LiveRoute, (client, request): (&Client, &RequestHead)) -> Response {
    let (draining, clock, nonces, id) = (CancellationToken::new(), Clock::new(), Nonces::default(), RequestId::default());
    let context = FinishContext { live, client, draining: &draining, request, clock: &clock, nonces: &nonces, id: &id };
    finish(&mut response, &route.policy, &context);
    let block = response.block.map(|block| block.lines()).unwrap_or_default();
    Response {
        status: response.status,
        length: match response.length {
            ContentLength::Known(length) => Some(length),
            ContentLength::None | ContentLength::Unknown => None,
        },
        fields: split_lines(block).chain(split_lines(&response.lines)).map(|(name, value)| (text(name), text(value))).collect(),
    }
}

fn refused(live: &Live, route: &LiveRoute, refusal: Refusal, path: Option<&[u8]>, asked: (&Client, &RequestHead)) -> Outcome {
    let page = error_page::find(live, route, refusal.status, (asked.1, &Nonces::default()));
    let key = page.as_ref().map(|page| text(&page.key));
    let (response, _) = refusal.answer(&route.refusal_block, asked.1, (page, None));
    let no_fallback = path.filter(|_| refusal.status == StatusCode::NOT_FOUND).and_then(|path| {
        let (assets, below) = below_root(live, route, path)?;
        assets.no_fallback(below, asked.1)
    });
    Outcome::Refused { response: finished(response, live, route, asked), cause: refusal.cause.into_owned(), no_fallback, page: key }
}

fn forwarded(live: &Live, route: &LiveRoute, target: forward::Target<'_>, asked: (&Client, &RequestHead)) -> Outcome {
    let context = request::Context {
        facts: Facts { request: asked.1, client: asked.0, id: &RequestId::default(), nonces: &Nonces::default() },
        traceparent: live.plan().traceparent,
        strip: target.strip,
        forwarding: target.forwarding,
        server: ServerIndex::default(),
        rules: &route.request_rules,
        length: body_length(asked.1),
        upgrade: super::handler::wants_upgrade(asked.1),
        asks_first: false,
    };
    let mut head = Vec::new();
    match request::encode(&mut head, &context) {
        Ok(()) => Outcome::Forwarded { upstream: target.group, request: text(&head).lines().map(str::to_owned).collect() },
        Err(refusal) => refused(live, route, refusal, None, asked),
    }
}

/// The file that answers, found as `decide` has found it.
fn file(live: &Live, route: &LiveRoute, path: &[u8], head: &RequestHead) -> Option<File> {
    let (assets, below) = below_root(live, route, path)?;
    let (asset, reason) = match assets.find(below, head) {
        Found::Asset(asset) if asset.key() == below => (asset, "the file that was asked for".to_owned()),
        Found::Asset(asset) if below.ends_with(b"/") && asset.key().starts_with(below) => {
            (asset, "the index file of the folder".to_owned())
        }
        Found::Asset(asset) => (asset, format!("stands for {}", text(below))),
        Found::Fallback(asset) => {
            (asset, format!("the page of the application (`spa`): there is no {}, and a person navigates", text(below)))
        }
        Found::Listing(asset) => (asset, "a list of the folder (`listing`), which has no index file".to_owned()),
        Found::Directory | Found::Missing => return None,
    };
    Some(File {
        key: text(asset.key()),
        reason,
        codings: asset.codings().map(|coding| coding.name()).collect(),
        awaits_codings: asset.awaits_codings(),
    })
}

/// The folder of a route, and the path in it; `None` when the route has none or when the path itself is the route's, without a slash.
fn below_root<'a, 'p>(live: &Live, route: &'a LiveRoute, path: &'p [u8]) -> Option<(&'a Assets, &'p [u8])> {
    let LiveAction::Assets(assets) = &route.action else { return None };
    let below = path.get(live.plan().router.route(path).covered_bytes..).filter(|below| !below.is_empty())?;
    Some((assets, below))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
