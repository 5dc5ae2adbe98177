//! Request paths: the one normal form that routing and file lookup see (RFC 3986 §6.2.2).
//!
//! It is for deciding, not for forwarding: an upstream gets the raw path unless its route rewrites it. It must not be normalised
//! twice: `%252e` is decoded once, to the file name `%2e`.

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

/// The normal form of a raw path (without query): escapes decoded once, except `%2F` and `%5C` (kept as `%2F`, `%5C`: they separate
/// nothing), `//` made one, `.` and `..` resolved after decoding (so that `%2e%2e` is `..`), a final slash kept.
/// Borrowed when nothing has to change. Bytes above 0x7F pass as they are; a raw backslash stays itself; a lone `%25` becomes `%`.
///
/// # Errors
/// The path is not absolute, holds a control byte or a broken escape, or climbs above the root.
pub fn normalize(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    if raw.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    // Without a branch in the loop the compiler looks at many bytes at once; paths are short, so that leaving early would save nothing.
    if raw.iter().fold(false, |seen, byte| seen | byte.is_ascii_control()) {
        return Err(PathError::Control);
    }
    if memchr::memchr(b'%', raw).is_none() && !has_after_slash(raw, |next| next == b'/' || next == b'.') {
        return Ok(Cow::Borrowed(raw));
    }
    let normal = resolve(raw)?;
    // `/.well-known/x` and `/a%2Fb` looked as if they might change.
    Ok(if normal == raw { Cow::Borrowed(raw) } else { Cow::Owned(normal) })
}

/// `true` when a byte of this kind comes right after a slash.
fn has_after_slash(path: &[u8], is_sought: impl Fn(u8) -> bool) -> bool {
    let next = path.get(1..).unwrap_or_default();
    path.iter().zip(next).fold(false, |seen, (&byte, &next)| seen | ((byte == b'/') & is_sought(next)))
}

/// The normal form, segment by segment. It is never longer than the raw path.
fn resolve(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut normal = Vec::with_capacity(raw.len());
    normal.push(b'/');
    let mut segments = raw.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Here `normal` ends with a slash, and what is dropped leaves that slash: `/a/.` and `/a/b/..` are `/a/` (RFC 3986 §5.2.4).
        let start = normal.len();
        decode_onto(&mut normal, segment)?;
        match normal.get(start..) {
            None | Some(b"" | b".") => normal.truncate(start),
            Some(b"..") => {
                normal.truncate(start - 1);
                let parent = memchr::memrchr(b'/', &normal).ok_or(PathError::AboveRoot)?;
                normal.truncate(parent + 1);
            }
            Some(_) if segments.peek().is_some() => normal.push(b'/'),
            Some(_) => {}
        }
    }
    Ok(normal)
}

/// Appends a segment with its escapes decoded, but for those that would look like separators.
fn decode_onto(normal: &mut Vec<u8>, segment: &[u8]) -> Result<(), PathError> {
    let mut rest = segment;
    while let Some((literal, escape)) = memchr::memchr(b'%', rest).and_then(|at| rest.split_at_checked(at)) {
        normal.extend_from_slice(literal);
        let [_, high, low, after @ ..] = escape else { return Err(PathError::BadEscape) };
        let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else { return Err(PathError::BadEscape) };
        match high << 4 | low {
            b'/' => normal.extend_from_slice(b"%2F"),
            b'\\' => normal.extend_from_slice(b"%5C"),
            byte if byte.is_ascii_control() => return Err(PathError::Control),
            byte => normal.push(byte),
        }
        rest = after;
    }
    normal.extend_from_slice(rest);
    Ok(())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `true` when `path` is `prefix` or lies below it by whole segments. `prefix` has no slash at its end, but for `/` itself.
pub fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    if prefix == b"/" {
        return path.first() == Some(&b'/');
    }
    matches!(path.strip_prefix(prefix), Some([] | [b'/', ..]))
}

/// `true` when the last segment has a dot that is neither its first nor its last character: `/a/b.js`, not `/a.b/c`, `/.well-known`.
pub fn has_extension(path: &[u8]) -> bool {
    let segment = memchr::memrchr(b'/', path).and_then(|slash| path.get(slash + 1..)).unwrap_or(path);
    match segment {
        [_, middle @ .., _] => memchr::memchr(b'.', middle).is_some(),
        _ => false,
    }
}

/// `true` when any segment begins with a dot, except a first segment `.well-known`.
pub fn is_hidden(path: &[u8]) -> bool {
    // RFC 8615 §3: the one dotted name that is meant for everyone.
    let rest = match path.strip_prefix(b"/.well-known") {
        Some(rest @ ([] | [b'/', ..])) => rest,
        _ => path,
    };
    rest.first() == Some(&b'.') || has_after_slash(rest, |next| next == b'.')
}

#[cfg(test)]
mod tests {
    use super::PathError::{AboveRoot, BadEscape, Control, NotAbsolute};
    use super::*;
    use crate::http::promises;
    use proptest::prelude::*;

    /// A raw path and what becomes of it.
    type Case<'a> = (&'a [u8], Result<&'a [u8], PathError>);

    fn check(cases: &[Case<'_>]) {
        for (raw, normal) in cases {
            assert_eq!(normalize(raw).as_deref(), normal.as_deref(), "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn a_path_in_normal_form_is_borrowed() {
        for raw in [
            &b"/"[..],
            b"/a",
            b"/a/",
            b"/assets/index-abc123.js",
            b"/.well-known/acme-challenge/x",
            b"/a/..b/...",
            b"/a.b/c..",
            b"/a%2Fb%5C",
            b"/a\\b",
            b"/\xc3\xbc",
            b"/a b~!$&'()*+,;=:@",
        ] {
            assert!(matches!(normalize(raw), Ok(Cow::Borrowed(normal)) if normal == raw), "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn dots_and_slashes_are_resolved_and_a_final_slash_kept() {
        check(&[
            (b"//", Ok(b"/")),
            (b"//a///b//", Ok(b"/a/b/")),
            (b"/.", Ok(b"/")),
            (b"/./a/./", Ok(b"/a/")),
            (b"/a/..", Ok(b"/")),
            (b"/a/b/..", Ok(b"/a/")),
            (b"/a/b/../c", Ok(b"/a/c")),
            (b"/a//../b", Ok(b"/b")),
            (b"/a/b/../..", Ok(b"/")),
            // RFC 3986 §5.2.4, and §6.2.2 as far as it is a path.
            (b"/a/b/c/./../../g", Ok(b"/a/g")),
            (b"/./b/../b/%63/%7bfoo%7d", Ok(b"/b/c/{foo}")),
        ]);
    }

    #[test]
    fn escapes_are_decoded_once() {
        check(&[
            (b"/%61", Ok(b"/a")),
            (b"/a%20b", Ok(b"/a b")),
            (b"/%25", Ok(b"/%")),
            (b"/100%25", Ok(b"/100%")),
            (b"/%252e%252e/x", Ok(b"/%2e%2e/x")),
            (b"/%252f", Ok(b"/%2f")),
            (b"/%2525", Ok(b"/%25")),
            (b"/%3F%23", Ok(b"/?#")),
            (b"/%C3%BC", Ok(b"/\xc3\xbc")),
            (b"/%25%32%65", Ok(b"/%2e")),
        ]);
    }

    #[test]
    fn an_escaped_slash_or_backslash_separates_nothing() {
        check(&[
            (b"/a%2fb", Ok(b"/a%2Fb")),
            (b"/a%5cb", Ok(b"/a%5Cb")),
            (b"/a/..%2f..%2fetc", Ok(b"/a/..%2F..%2Fetc")),
            (b"/a/%2e%2e%2f", Ok(b"/a/..%2F")),
            (b"/%2f/..", Ok(b"/")),
            (b"/a/..%5c..%5c", Ok(b"/a/..%5C..%5C")),
            (b"/\\..\\", Ok(b"/\\..\\")),
            (b"/a/..\\..\\x", Ok(b"/a/..\\..\\x")),
        ]);
    }

    #[test]
    fn no_spelling_of_dots_climbs_above_the_root() {
        for raw in [
            &b"/.."[..],
            b"/../",
            b"/../etc/passwd",
            b"/%2e%2e/",
            b"/.%2e",
            b"/%2E.",
            b"/a/../..",
            b"/a/%2e%2e/%2e%2e/x",
            b"//evil.com/../..",
            b"/a//../../x",
            b"/./../x",
            b"/a/b/../../../x",
        ] {
            assert_eq!(normalize(raw), Err(AboveRoot), "{:?}", String::from_utf8_lossy(raw));
        }
        check(&[
            (b"//evil.com/..", Ok(b"/")),
            (b"//evil.com", Ok(b"/evil.com")),
            // Overlong UTF-8 for a dot and a slash are four bytes of a name, nothing else.
            (b"/%c0%ae%c0%ae/x", Ok(b"/\xc0\xae\xc0\xae/x")),
            (b"/..%c0%af", Ok(b"/..\xc0\xaf")),
            (b"/%u002e%u002e/", Err(BadEscape)),
            (b"/...", Ok(b"/...")),
            (b"/..;/x", Ok(b"/..;/x")),
            (b"/.. /x", Ok(b"/.. /x")),
        ]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        check(&[
            (b"", Err(NotAbsolute)),
            (b"a", Err(NotAbsolute)),
            (b"*", Err(NotAbsolute)),
            (b"%2f", Err(NotAbsolute)),
            (b"\\a", Err(NotAbsolute)),
            (b"\\..\\", Err(NotAbsolute)),
            (b"http://a/", Err(NotAbsolute)),
            (b"/%", Err(BadEscape)),
            (b"/%2", Err(BadEscape)),
            (b"/%2/e", Err(BadEscape)),
            (b"/%zz", Err(BadEscape)),
            (b"/%+1", Err(BadEscape)),
            (b"/a\0", Err(Control)),
            (b"/a\x1f", Err(Control)),
            (b"/a\x7f", Err(Control)),
            (b"/a\r\n", Err(Control)),
            (b"/a%00.png", Err(Control)),
            (b"/a%0d%0aX:y", Err(Control)),
            (b"/a%7F", Err(Control)),
        ]);
    }

    #[test]
    fn a_megabyte_of_path_is_read() {
        let down_and_up = [b"/a".repeat(1 << 18), b"/..".repeat(1 << 18)].concat();
        check(&[(&down_and_up, Ok(b"/")), (&b"/".repeat(1 << 20), Ok(b"/")), (&b"/a/%2e%2e".repeat(1 << 17), Ok(b"/"))]);
    }

    #[test]
    fn below_is_by_whole_segments() {
        for (path, prefix, expected) in [
            ("/api", "/api", true),
            ("/api/", "/api", true),
            ("/api/x", "/api", true),
            ("/apis", "/api", false),
            ("/ap", "/api", false),
            ("/API", "/api", false),
            ("/", "/", true),
            ("/x", "/", true),
            ("", "/", false),
            ("x", "/", false),
            ("/x/api", "/api", false),
            ("/a/b/c", "/a/b", true),
        ] {
            assert_eq!(is_below(path.as_bytes(), prefix.as_bytes()), expected, "{path} {prefix}");
        }
    }

    #[test]
    fn an_extension_is_a_dot_within_the_last_segment() {
        for path in ["/a/b.js", "/b.min.js", "/.a.js", "/a..b", "/a.b"] {
            assert!(has_extension(path.as_bytes()), "{path}");
        }
        for path in ["", "/", "/a", "/a.b/c", "/a.b/", "/.well-known", "/a.", "/.", "/..", "/.a.", "/a/.", "."] {
            assert!(!has_extension(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn a_dotted_segment_is_hidden_but_for_well_known() {
        for path in [
            "/.git/config",
            "/a/.env",
            "/.env",
            "/.well-known/.x",
            "/.well-knownx",
            "/.well-known.bak",
            "/a/.well-known",
            "/.Well-Known",
            ".git",
            "/.x/.well-known",
            "/a/.",
        ] {
            assert!(is_hidden(path.as_bytes()), "{path}");
        }
        for path in ["", "/", "/a", "/a.b", "/a/b.c/", "/.well-known", "/.well-known/", "/.well-known/security.txt", "/a%2F.env"] {
            assert!(!is_hidden(path.as_bytes()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_promises(raw: Vec<u8>) {
            let _ = (is_below(&raw, &raw), has_extension(&raw), is_hidden(&raw));
            promises::path::check(&raw);
        }

        #[test]
        fn every_spelling_of_dots_and_separators_keeps_the_promises(
            raw in "/([./%\\\\a\u{fc}]|%2[eEfF5]|%5c|%00|%c0%ae|\\.\\.|/|\\.well-known){0,24}",
        ) {
            promises::path::check(raw.as_bytes());
        }

        #[test]
        fn an_escaped_spelling_of_a_path_has_the_same_normal_form(raw in "/([.a-c]|\\.\\.|/){0,20}", which: u32) {
            let escaped: String = raw
                .char_indices()
                .map(|(at, c)| if c != '/' && which >> (at % 32) & 1 == 1 { format!("%{:02x}", u32::from(c)) } else { c.to_string() })
                .collect();
            prop_assert_eq!(normalize(raw.as_bytes()), normalize(escaped.as_bytes()));
        }
    }
}
