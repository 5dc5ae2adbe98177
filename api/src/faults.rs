//! Answers that a proxy has to handle with care: early ones, odd statuses, floods of headers,
//! hop-by-hop fields, and the end of the process.
//!
//! Everything here is still valid HTTP; what is not valid is in [`crate::canned`].

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, PROXY_AUTHENTICATE, SET_COOKIE};
use hyper::{Response, StatusCode};

use crate::backend::{Backend, Crash};
use crate::query::{self, Query};
use crate::reply::{self, Body, Problem, Reply};

/// The most headers of a flood.
const FLOOD_HEADERS_MAX: u64 = 10_000;
/// The longest header value of a flood, in bytes.
const FLOOD_VALUE_BYTES_MAX: u64 = 1 << 20;
/// The most bytes of a flood in all.
const FLOOD_BYTES_MAX: u64 = 16 << 20;

/// `POST /api/early?status=413`: an answer at once, with the body left unread. hyper closes an
/// HTTP/1.1 connection whose body it has not seen the end of.
///
/// # Errors
/// 400 for a status that cannot be sent.
pub fn early(query: Query<'_>) -> Result<Reply, Problem> {
    let wanted = query.value("status");
    status(wanted.as_deref().unwrap_or("413"))
}

/// `GET /api/status/CODE`: that status with its number as the body, where a body is allowed.
///
/// # Errors
/// 400 for anything but 200 to 999: 1xx is no final answer, see `/raw/early-100`.
pub fn status(code: &str) -> Result<Reply, Problem> {
    let status = query::number(code, 999)
        .filter(|code| *code >= 200)
        .and_then(|code| u16::try_from(code).ok())
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| Problem::bad("the status must be a number from 200 to 999"))?;
    // RFC 9110, 15.3.5, 15.3.6 and 15.4.5: no content in 204, 205 and 304.
    if matches!(status.as_u16(), 204 | 205 | 304) {
        return Ok(reply::empty(status));
    }
    let mut reply = Response::new(Body::whole(format!("{}\n", status.as_u16())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(reply)
}

/// `GET /api/headers?count=N&size=M`: N headers with values of M bytes.
///
/// # Errors
/// 400 for numbers that do not parse, or more than 16 MiB in all.
pub fn headers(query: Query<'_>) -> Result<Reply, Problem> {
    let count = query.number("count", 10, FLOOD_HEADERS_MAX)?;
    let size = query.number("size", 100, FLOOD_VALUE_BYTES_MAX)?;
    if count * size > FLOOD_BYTES_MAX {
        return Err(Problem::bad("more than 16 MiB of headers"));
    }
    let size = usize::try_from(size).unwrap_or(0);
    // Clones share the bytes.
    let value = HeaderValue::try_from("x".repeat(size)).map_err(|error| Problem::bad(error.to_string()))?;
    let mut reply = reply::json(StatusCode::OK, &serde_json::json!({ "headers": count }));
    for number in 1..=count {
        let name = HeaderName::try_from(format!("x-flood-{number}")).map_err(|error| Problem::bad(error.to_string()))?;
        reply.headers_mut().try_insert(name, value.clone()).map_err(|error| Problem::bad(error.to_string()))?;
    }
    Ok(reply)
}

/// `GET /api/redirect?to=…&status=302`.
///
/// # Errors
/// 400 for a target that is no header value, or a status that is no redirect.
pub fn redirect(query: Query<'_>) -> Result<Reply, Problem> {
    let to = query.value("to").unwrap_or("/".into());
    let location = HeaderValue::try_from(to.as_ref()).map_err(|_| Problem::bad("`to` cannot be a header value"))?;
    let status = match query.number("status", 302, 399)? {
        301 => StatusCode::MOVED_PERMANENTLY,
        302 => StatusCode::FOUND,
        303 => StatusCode::SEE_OTHER,
        307 => StatusCode::TEMPORARY_REDIRECT,
        308 => StatusCode::PERMANENT_REDIRECT,
        _ => return Err(Problem::bad("`status` must be 301, 302, 303, 307 or 308")),
    };
    let mut reply = reply::empty(status);
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// `GET /api/cookies`: two `Set-Cookie` fields, which must never be folded into one.
#[must_use]
pub fn cookies() -> Reply {
    let mut reply = reply::json(StatusCode::OK, &serde_json::json!({ "cookies": 2 }));
    for cookie in ["session=abc123; Path=/; HttpOnly; SameSite=Lax", "theme=dark; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT"] {
        reply.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    reply
}

/// `GET /api/hop`: fields that end at the next hop (RFC 9110, 7.6.1), beside one that does not.
#[must_use]
pub fn hop() -> Reply {
    let mut reply = reply::json(StatusCode::OK, &serde_json::json!({ "hop": true }));
    for (name, value) in [
        (CONNECTION, "x-private"),
        (HeaderName::from_static("x-private"), "1"),
        (HeaderName::from_static("x-public"), "1"),
        (HeaderName::from_static("keep-alive"), "timeout=5, max=100"),
        (PROXY_AUTHENTICATE, "Basic realm=\"backend\""),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// `GET /api/exit?code=3`: the process ends at once, without an answer.
///
/// # Errors
/// 400 for a code that is none, 501 when the process belongs to somebody else.
pub fn exit(query: Query<'_>, backend: &Backend) -> Result<Reply, Problem> {
    let code = query.number("code", 1, 255)?;
    crash(Crash::Exit(i32::try_from(code).unwrap_or(1)), backend)
}

/// `GET /api/abort`: the process dies of SIGABRT, without an answer.
///
/// # Errors
/// 501 when the process belongs to somebody else.
pub fn abort(backend: &Backend) -> Result<Reply, Problem> {
    crash(Crash::Abort, backend)
}

fn crash(crash: Crash, backend: &Backend) -> Result<Reply, Problem> {
    backend.crash(crash);
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "this backend does not own its process"))
}

/// `GET /api/pid`: which process answers, since when, and how often it has.
#[must_use]
pub fn pid(backend: &Backend) -> Reply {
    reply::json(
        StatusCode::OK,
        &serde_json::json!({
            "pid": std::process::id(),
            "started": backend.started_unix_ms(),
            "requests": backend.requests(),
        }),
    )
}
