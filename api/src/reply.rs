//! Responses: the body type all endpoints share, and the few shapes they answer with.
//!
//! An error is a [`Problem`]: a status and a sentence, sent as `{"error":"…"}`. Framing is left to
//! hyper: a body that knows its size gets a Content-Length, one that does not is chunked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, SizeHint};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// A response of this backend.
pub type Reply = Response<Body>;

/// The media type of JSON answers.
pub const JSON: &str = "application/json";
/// The media type of opaque bytes.
pub const OCTETS: &str = "application/octet-stream";

/// A response body: all at once, or as it comes.
pub enum Body {
    /// Known in full, the quick case.
    Whole(Full<Bytes>),
    /// Produced while it is sent.
    Flowing(UnsyncBoxBody<Bytes, CutOff>),
}

/// A body ends here although more was promised. The connection is closed, or the stream reset.
#[derive(Clone, Copy, Debug)]
pub struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is cut off on purpose")
    }
}

impl Error for CutOff {}

impl Body {
    /// A body that is known in full.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }

    /// A body that is produced while it is sent.
    #[must_use]
    pub fn flowing(body: impl hyper::body::Body<Data = Bytes, Error = CutOff> + Send + 'static) -> Self {
        Self::Flowing(body.boxed_unsync())
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Flowing(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Flowing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Flowing(body) => body.size_hint(),
        }
    }
}

/// A 200 with `body` of type `media_type`.
#[must_use]
pub fn ok(media_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// `value` as JSON.
#[must_use]
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Reply {
    match serde_json::to_vec(value) {
        Ok(text) => {
            let mut reply = ok(JSON, Body::whole(text));
            *reply.status_mut() = status;
            reply
        }
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_reply(),
    }
}

/// A status without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// Why a request is not answered as it hoped.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    message: Cow<'static, str>,
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    /// A problem with this status and this sentence for the caller.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// 400.
    #[must_use]
    pub fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found")
    }

    /// 405 with `Allow` (RFC 9110, 15.5.6 requires it).
    #[must_use]
    pub fn method(allow: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed").with(ALLOW, allow)
    }

    /// The same problem with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The status it will be answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        let text = serde_json::json!({ "error": self.message }).to_string();
        let mut reply = ok(JSON, Body::whole(text));
        *reply.status_mut() = self.status;
        if let Some((name, value)) = self.header {
            reply.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        reply
    }
}
