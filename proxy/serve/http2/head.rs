//! The head of an HTTP/2 request (RFC 9113 §8.3) in the form that all protocols share.

use http::{Request, StatusCode, header};

use crate::config::Limits;
use crate::http::host;
use crate::http::request::{Known, RequestHead, Version};
use crate::serve::refusal::Refusal;

/// Takes the head in and checks it. What is there is there even when it is refused, for the log.
///
/// # Errors
/// The refusal; other streams of the connection go on.
pub(super) fn read<B>(request: &Request<B>, head: &mut RequestHead, limits: &Limits) -> Result<(), Refusal> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    head.start(Version::Http2, request.method().as_str().as_bytes(), target.as_bytes());
    if let Some(authority) = uri.authority() {
        head.set_authority(authority.as_str().as_bytes());
    }
    let mut header_bytes = target.len();
    for (name, value) in request.headers() {
        header_bytes += name.as_str().len() + value.len();
        if *name != header::COOKIE {
            head.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    push_cookies(request, head);
    if target.len() as u64 > limits.uri.0 {
        let cause = format!("the target is longer than limits.uri ({} bytes)", limits.uri.0);
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, cause));
    }
    if head.field_count() > limits.header_count {
        let cause = format!("more fields than limits.header_count ({})", limits.header_count);
        return Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause));
    }
    if header_bytes as u64 > limits.header.0 {
        let cause = format!("the head exceeds limits.header ({} bytes)", limits.header.0);
        return Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause));
    }
    check_authority(head)?;
    if head.method_token() == b"CONNECT" {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "CONNECT: not a forward proxy"));
    }
    match head.value(Known::Expect) {
        Some(value) if !value.eq_ignore_ascii_case(b"100-continue") => {
            Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "unknown expectation"))
        }
        _ => Ok(()),
    }
}

/// Cookies come in crumbs, which are joined for whoever speaks another protocol (RFC 9113 §8.2.3).
fn push_cookies<B>(request: &Request<B>, head: &mut RequestHead) {
    let crumbs: Vec<&[u8]> = request.headers().get_all(header::COOKIE).iter().map(|value| value.as_bytes()).collect();
    if !crumbs.is_empty() {
        head.push(b"cookie", &crumbs.join(&b"; "[..]));
    }
}

/// `:authority`, or `Host`; both must agree (RFC 9113 §8.3.1).
fn check_authority(head: &RequestHead) -> Result<(), Refusal> {
    let bad = |cause: &'static str| Refusal::new(StatusCode::BAD_REQUEST, cause);
    if head.is_repeated(Known::Host) {
        return Err(bad("more than one Host"));
    }
    let authority = head.authority().ok_or_else(|| bad("no :authority and no Host"))?;
    if host::parse(authority).is_none() {
        return Err(bad("malformed :authority"));
    }
    match head.value(Known::Host) {
        Some(field) if !field.eq_ignore_ascii_case(authority) => Err(bad("Host and :authority name different hosts")),
        _ => Ok(()),
    }
}
