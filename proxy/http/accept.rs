//! The `Accept` header (RFC 9110 §12.5.1), as far as the SPA rule needs it.

/// `true` when the value names `text/html` or `application/xhtml+xml` itself (not by `*/*`) with a weight above zero:
/// a browser that navigates does, a script that fetches does not.
pub fn names_html(value: &[u8]) -> bool {
    let _ = value;
    todo!()
}
