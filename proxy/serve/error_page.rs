//! The operator's own error pages: which refusals they answer, and for whom.
//!
//! A refusal of a route with `root` gets the page that its `errors` name. Every other refusal (of a route that forwards, of a request that no route was
//! found for) is the site's, and gets the page that the route of `/` names, but only where a person navigates: a program that calls an API gets
//! what it can read. A client that prefers JSON, or that takes no HTML, never gets a page.
//!
//! What an upstream answers is not looked at: its errors are its own. 304, 412 and 416 are no refusals.

use http::{HeaderName, HeaderValue, StatusCode, header};

use super::live::{Live, LiveAction, LiveRoute};
use super::nonce::{Nonce, Nonces};
use crate::assets::{self, Assets, Body};
use crate::http::accept;
use crate::http::fields::FieldBlock;
use crate::http::request::{Known, RequestHead, Version};

/// What a page brings to a response. The status, `Cache-Control` and the policy of the route are the refusal's: a page has no validators and no
/// parts, since it stands for nothing that could be asked for again.
#[derive(Debug)]
pub(crate) struct ErrorPage {
    /// Its type and coding.
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Its content.
    pub(crate) body: Body,
    /// The nonce that it has in it.
    pub(crate) nonce: Option<Nonce>,
    /// The path of the file in its root.
    pub(crate) key: Box<[u8]>,
}

/// The page for a refusal with `status` on `route`, if there is one and the client can read it.
pub(crate) fn find(live: &Live, route: &LiveRoute, status: StatusCode, (request, nonces): (&RequestHead, &Nonces)) -> Option<ErrorPage> {
    if status == StatusCode::MISDIRECTED_REQUEST {
        // Who asks for another site sees nothing of this one.
        return None;
    }
    let accepted = request.joined(Known::Accept);
    let accepted = accepted.as_deref();
    let is_readable = accepted.is_none_or(|value| accept::takes_html(value) && !accept::prefers_json(value));
    if let Some(own) = own_assets(route).and_then(|assets| assets.error_page(status)) {
        return if is_readable { page(own, request, nonces) } else { None };
    }
    let navigates = accepted.is_some_and(accept::names_html);
    let site = live.site().and_then(own_assets).filter(|_| navigates && is_readable)?;
    site.error_page(status).and_then(|found| page(found, request, nonces))
}

fn own_assets(route: &LiveRoute) -> Option<&Assets> {
    match &route.action {
        LiveAction::Assets(assets) => Some(assets),
        LiveAction::Forward { .. }
        | LiveAction::Redirect { .. }
        | LiveAction::Respond { .. }
        | LiveAction::Operations(_)
        | LiveAction::NotFound => None,
    }
}

/// What a GET for the file would get that brings no condition and no range, in a coding that the client takes.
/// `None` when it takes a nonce and the system gives no randomness.
fn page((asset, media_type): (&assets::Asset, &HeaderValue), request: &RequestHead, nonces: &Nonces) -> Option<ErrorPage> {
    if let Some(page) = asset.nonced() {
        let nonce = nonces.fresh()?;
        let body = page.with(nonce.as_bytes());
        return Some(ErrorPage {
            fields: of_content(page.fields(), media_type),
            length: body.len() as u64,
            body: Body::Memory(body),
            nonce: Some(nonce),
            key: asset.key().into(),
        });
    }
    let mut plain = RequestHead::default();
    plain.start(Version::Http11, b"GET", b"/");
    if let Some(accepted) = request.joined(Known::AcceptEncoding) {
        plain.push(b"accept-encoding", &accepted);
    }
    let answer = assets::reply(asset, &plain);
    Some(ErrorPage {
        fields: of_content(answer.fields, media_type),
        length: answer.length,
        body: answer.body,
        nonce: None,
        key: asset.key().into(),
    })
}

/// Those of the fields of a 200 that say what the content is; but its media type, which a route may have set for its files.
fn of_content(block: &FieldBlock, media_type: &HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![(header::CONTENT_TYPE, media_type.clone())];
    let coding = block.get("content-encoding").and_then(|coding| HeaderValue::from_bytes(coding).ok());
    fields.extend(coding.map(|coding| (header::CONTENT_ENCODING, coding)));
    if block.get_all("vary").any(names_accept_encoding) {
        fields.push((header::VARY, HeaderValue::from_static("Accept-Encoding")));
    }
    fields
}

fn names_accept_encoding(vary: &[u8]) -> bool {
    crate::http::hop::members(vary).any(|member| member.eq_ignore_ascii_case(b"accept-encoding"))
}
