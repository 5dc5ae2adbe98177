//! gRPC calls, as far as a proxy must know them: a refusal is told in a status of theirs, for clients of gRPC make nothing of one of HTTP.
//! (gRPC over HTTP/2, "Responses", and "HTTP to gRPC Status Code Mapping".)

use http::StatusCode;

use super::exchange::{ContentLength, ResponseHead};
use crate::http::fields::FieldBlock;
use crate::http::request::RequestHead;

/// What the content type of a call begins with.
const CONTENT_TYPE: &[u8] = b"application/grpc";

/// `true` for a call. (`application/grpc-web` is another protocol.)
pub(crate) fn is_call(request: &RequestHead) -> bool {
    let mut fields = request.fields().filter(|field| field.name.eq_ignore_ascii_case(b"content-type"));
    fields.next().is_some_and(|field| {
        field.value.get(..CONTENT_TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(CONTENT_TYPE))
            && matches!(field.value.get(CONTENT_TYPE.len()), None | Some(b'+' | b';' | b' '))
    })
}

/// The head of a refusal, which is all there is of it.
pub(crate) fn refusal<'a>(status: StatusCode, block: &'a FieldBlock) -> ResponseHead<'a> {
    let mut head = ResponseHead::new(StatusCode::OK, Some(block), ContentLength::Known(0));
    head.push("content-type", CONTENT_TYPE);
    head.push("grpc-status", code(status).to_string().as_bytes());
    // Percent-encoded where it has other than printable ASCII: the names of statuses have not.
    head.push("grpc-message", status.canonical_reason().unwrap_or("Error").as_bytes());
    head
}

/// The status of gRPC.
const fn code(status: StatusCode) -> u8 {
    match status.as_u16() {
        // INTERNAL
        400 => 13,
        // UNAUTHENTICATED
        401 => 16,
        // PERMISSION_DENIED
        403 => 7,
        // UNIMPLEMENTED
        404 | 405 => 12,
        // DEADLINE_EXCEEDED
        408 | 504 => 4,
        // RESOURCE_EXHAUSTED
        413 | 431 => 8,
        // UNAVAILABLE: what may be tried again
        429 | 502 | 503 => 14,
        // UNKNOWN
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Version;

    #[test]
    fn calls_are_known_by_their_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; a=b", true),
            ("application/grpc-web+proto", false),
            ("application/json", false),
            ("application/gr", false),
        ] {
            let mut head = RequestHead::default();
            head.start(Version::Http2, b"POST", b"/");
            head.push(b"Content-Type", value.as_bytes());
            assert_eq!(is_call(&head), expected, "{value}");
        }
    }
}
