//! `/api/echo`: what arrived here, as JSON, so that a test sees what a proxy made of a request.
//!
//! It must not tidy anything: the path and the query are the bytes of the request target, headers
//! keep their order within a name, and a body is counted to its last byte even where only its
//! beginning is shown.

use std::borrow::Cow;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, StatusCode};
use serde::Serialize;

use crate::reply::{self, Problem, Reply};

/// How much of a body is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

#[derive(Serialize)]
struct Echo<'r> {
    method: &'r str,
    path: &'r str,
    query: Option<&'r str>,
    /// The authority of the target: in absolute form, or the `:authority` of HTTP/2.
    authority: Option<&'r str>,
    version: String,
    headers: Fields<'r>,
    body: Cow<'r, str>,
    body_bytes: u64,
    trailers: Fields<'r>,
}

type Fields<'r> = Vec<(&'r str, Cow<'r, str>)>;

/// Answers with the request.
///
/// # Errors
/// 400 when the body breaks off; mostly nobody is left to read it.
pub async fn echo(request: Request<Incoming>) -> Result<Reply, Problem> {
    let (head, mut body) = request.into_parts();
    let mut shown = Vec::new();
    let mut body_bytes = 0_u64;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad(format!("the body broke off: {error}")))?;
        match frame.into_data() {
            Ok(data) => {
                body_bytes += data.len() as u64;
                let room = SHOWN_BYTES_MAX.saturating_sub(shown.len());
                shown.extend(data.iter().take(room));
            }
            Err(frame) => {
                if let Ok(fields) = frame.into_trailers() {
                    trailers.extend(fields);
                }
            }
        }
    }
    let echo = Echo {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query(),
        authority: head.uri.authority().map(|authority| authority.as_str()),
        version: format!("{:?}", head.version),
        headers: fields(&head.headers),
        body: String::from_utf8_lossy(&shown),
        body_bytes,
        trailers: fields(&trailers),
    };
    Ok(reply::json(StatusCode::OK, &echo))
}

fn fields(map: &HeaderMap) -> Fields<'_> {
    map.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect()
}
