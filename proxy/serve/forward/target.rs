//! The target that an upstream gets: the client's own, byte for byte, unless the route takes a prefix off it or rewrites its path.

use http::StatusCode;

use crate::config::{PathRewrite, Rewritten};
use crate::http::path;
use crate::http::request::RequestHead;
use crate::serve::refusal::Refusal;

/// Appends the target.
///
/// # Errors
/// When what becomes of it cannot be told from the bytes that were sent.
pub(super) fn write(out: &mut Vec<u8>, head: &RequestHead, (strip, rewrite): (&str, Option<&PathRewrite>)) -> Result<(), Refusal> {
    match rewrite {
        Some(rewrite) => rewritten(out, head, rewrite),
        None => stripped(out, head, strip),
    }
}

/// The target, byte for byte; `strip` is taken off the bytes that were sent and nothing is encoded anew.
fn stripped(out: &mut Vec<u8>, head: &RequestHead, strip: &str) -> Result<(), Refusal> {
    let target = head.path_and_query();
    let rest = if strip.is_empty() {
        target
    } else {
        target.strip_prefix(strip.as_bytes()).filter(|rest| matches!(rest.first(), None | Some(b'/' | b'?'))).ok_or_else(|| {
            // The normal form begins with the prefix, the bytes do not: whatever was taken off would be a guess.
            Refusal::new(StatusCode::BAD_REQUEST, "the path is escaped where `strip` must be taken off")
        })?
    };
    let path = rest.split(|&byte| byte == b'?').next().unwrap_or_default();
    if !strip.is_empty() && !path.is_empty() && path::normalize(path).is_err() {
        // What climbed no higher than the prefix climbs above the root without it.
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the path climbs above what `strip` leaves of it"));
    }
    if !rest.starts_with(b"/") && !rest.starts_with(b"*") {
        out.push(b'/');
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The target that `rewrite` makes of the path, and the client's own query behind it.
fn rewritten(out: &mut Vec<u8>, head: &RequestHead, rewrite: &PathRewrite) -> Result<(), Refusal> {
    match rewrite.apply(if head.path().is_empty() { b"/" } else { head.path() }) {
        Rewritten::Untouched => stripped(out, head, ""),
        Rewritten::Invalid(cause) => Err(Refusal::new(StatusCode::BAD_REQUEST, cause)),
        Rewritten::To(target) => {
            let has_query = target.contains(&b'?');
            out.extend_from_slice(&target);
            if let Some(query) = head.query() {
                out.push(if has_query { b'&' } else { b'?' });
                out.extend_from_slice(query);
            }
            Ok(())
        }
    }
}
