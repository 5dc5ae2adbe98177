//! Request paths: the one normal form that routing and file lookup see (RFC 3986 §6.2.2).

use std::borrow::Cow;

/// Why a path cannot be normalised; each is a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// Does not begin with a slash.
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// A NUL or another control byte, raw or escaped.
    Control,
    /// `..` climbs above the root.
    AboveRoot,
}

/// The normal form of a raw path (without query): escapes decoded once, except `%2F` and `%5C` (kept as `%2F`, `%5C`: they separate nothing), `//` made one,
/// `.` and `..` resolved after decoding (so that `%2e%2e` is `..`), a final slash kept. Borrowed when nothing has to change.
/// Bytes above 0x7F pass as they are; a raw backslash stays itself; a lone `%25` becomes `%`.
pub fn normalize(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    let _ = raw;
    todo!()
}

/// `true` when `path` is `prefix` or lies below it by whole segments. `prefix` has no slash at its end, but for `/` itself.
pub fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    let _ = (path, prefix);
    todo!()
}

/// `true` when the last segment has a dot that is neither its first nor its last character: `/a/b.js`, not `/a.b/c`, `/.well-known`.
pub fn has_extension(path: &[u8]) -> bool {
    let _ = path;
    todo!()
}

/// `true` when any segment begins with a dot, except a first segment `.well-known`.
pub fn is_hidden(path: &[u8]) -> bool {
    let _ = path;
    todo!()
}
