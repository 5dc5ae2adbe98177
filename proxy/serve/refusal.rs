//! A request that is not served as asked: its status, a few words for the client, and the cause for the log.
//!
//! Refusals are data. They are told once, in the access log; the client never sees the cause, which may name files and addresses.

use std::borrow::Cow;

use http::StatusCode;

use super::error_page::ErrorPage;
use super::exchange::{ContentLength, ResponseHead};
use super::grpc;
use super::request_id;
use crate::assets::Body;
use crate::http::accept;
use crate::http::fields::FieldBlock;
use crate::http::request::{Known, Method, RequestHead};

/// Seconds after which a client may try again when an upstream is not ready.
const RETRY_AFTER: &str = "2";

/// Why a request was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: StatusCode,
    /// For the log.
    pub(crate) cause: Cow<'static, str>,
    /// `true` when the connection cannot be used further.
    pub(crate) close: bool,
    /// `Allow` of a 405.
    pub(crate) allow: Option<&'static str>,
}

impl Refusal {
    /// A refusal after which the connection goes on.
    pub(crate) fn new(status: StatusCode, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { status, cause: cause.into(), close: false, allow: None }
    }

    /// A refusal after which nothing that follows on the connection can be trusted.
    pub(crate) fn closing(status: StatusCode, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { close: true, ..Self::new(status, cause) }
    }

    /// 405 with the methods that would do.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed here") }
    }

    /// The answer: the operator's page where there is one, else a small page for a person who navigates, JSON for a program that asks for it, a line
    /// of text for the rest. It tells the name of the request, if that is given.
    pub(crate) fn answer<'a>(
        &self,
        block: &'a FieldBlock,
        request: &RequestHead,
        (page, id): (Option<ErrorPage>, Option<&[u8]>),
    ) -> (ResponseHead<'a>, Body) {
        let (mut head, body) = match page {
            _ if grpc::is_call(request) => (grpc::refusal(self.status, block), Body::Empty),
            Some(ErrorPage { fields, length, body, nonce, .. }) => {
                let mut head = ResponseHead::new(self.status, Some(block), ContentLength::Known(length));
                fields.iter().for_each(|(name, value)| head.push(name.as_str(), value.as_bytes()));
                head.nonce = nonce;
                (head, body)
            }
            None => {
                let form = Form::for_request(request);
                let body = form.body(self.status, (request.method(), id));
                let mut head = ResponseHead::new(self.status, Some(block), ContentLength::Known(body.len() as u64));
                head.push("content-type", form.content_type().as_bytes());
                (head, Body::Memory(body.into()))
            }
        };
        // An error must not outlive its cause in any cache.
        head.push("cache-control", b"no-store");
        if let Some(id) = id.filter(|_| block.get(request_id::FIELD).is_none()) {
            head.push(request_id::FIELD, id);
        }
        if let Some(allow) = self.allow {
            head.push("allow", allow.as_bytes());
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            head.push("retry-after", RETRY_AFTER.as_bytes());
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            head.push("upgrade", b"HTTP/1.1");
        }
        head.close = self.close;
        (head, body)
    }
}

/// What the body of a refusal is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Page,
}

impl Form {
    fn for_request(request: &RequestHead) -> Self {
        // A browser says what it wants the answer for. What a script fetches is not shown to anybody, whatever it accepts.
        let navigates = request.value(Known::SecFetchMode).map(|mode| mode.eq_ignore_ascii_case(b"navigate"));
        let Some(accepted) = request.value(Known::Accept) else { return if navigates == Some(true) { Self::Page } else { Self::Text } };
        if navigates.unwrap_or_else(|| accept::names_html(accepted)) {
            Self::Page
        } else if memchr::memmem::find(accepted, b"json").is_some() {
            Self::Json
        } else {
            Self::Text
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Page => "text/html; charset=utf-8",
        }
    }

    /// An id has letters, digits and a few signs that mean nothing in any of these languages.
    fn body(self, status: StatusCode, (method, id): (Method, Option<&[u8]>)) -> String {
        // To ask again by itself is right for what only asks: a form would be lost.
        let asks_only = matches!(method, Method::Get | Method::Head);
        let id = id.map(String::from_utf8_lossy);
        let code = status.as_u16();
        let reason = status.canonical_reason().unwrap_or("Error");
        match self {
            Self::Text => format!("{code} {reason}\n"),
            Self::Json => {
                let id = id.map(|id| format!(",\"request_id\":\"{id}\"")).unwrap_or_default();
                format!("{{\"status\":{code},\"error\":\"{reason}\"{id}}}\n")
            }
            Self::Page => {
                let waiting = status == StatusCode::SERVICE_UNAVAILABLE;
                let refresh =
                    if waiting && asks_only { format!("<meta http-equiv=\"refresh\" content=\"{RETRY_AFTER}\">") } else { String::new() };
                let words = match status {
                    StatusCode::SERVICE_UNAVAILABLE if !asks_only => "The application is starting. Go back and send it again in a moment.",
                    StatusCode::SERVICE_UNAVAILABLE => "The application is starting. This page tries again by itself.",
                    StatusCode::BAD_GATEWAY => "The application did not answer.",
                    StatusCode::GATEWAY_TIMEOUT => "The application took too long to answer.",
                    StatusCode::NOT_FOUND => "There is nothing here.",
                    _ => "This request cannot be served.",
                };
                let id = id.map(|id| format!("<p><small>Request {id}</small></p>")).unwrap_or_default();
                format!(
                    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{refresh}\
                     <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
                     <title>{code} {reason}</title></head><body><h1>{code} {reason}</h1><p>{words}</p>{id}</body></html>\n"
                )
            }
        }
    }
}
