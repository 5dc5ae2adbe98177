//! Paths: the normal form is what the model says, and whoever walks it from a root never leaves that root.

use crate::http::path::{has_extension, is_below, is_hidden, normalize};

/// Whether the promises hold for this raw path.
///
/// # Panics
/// When one is broken.
pub fn check(raw: &[u8]) {
    let normal = normalize(raw);
    assert_eq!(normal.as_deref().ok(), model(raw).as_deref(), "{:?}", raw.escape_ascii().to_string());
    let Ok(normal) = normal else { return };
    assert!(normal.len() <= raw.len(), "a normal form is never longer");
    assert!(is_below(&normal, b"/") && is_below(&normal, &normal));
    assert!(!normal.iter().any(u8::is_ascii_control), "no control byte is left");
    stays_below_its_root(&normal);
    let names: Vec<&[u8]> = normal.split(|&byte| byte == b'/').collect();
    assert!(!names.iter().skip(1).rev().skip(1).any(|name| name.is_empty()), "no slash comes twice");
    let hides = |(index, name): (usize, &&[u8])| name.starts_with(b".") && (index, *name) != (1, b".well-known");
    assert_eq!(is_hidden(&normal), names.iter().enumerate().any(hides));
    let name = names.last().copied().unwrap_or_default();
    let dot = name.iter().skip(1).rev().skip(1).any(|&byte| byte == b'.');
    assert_eq!(has_extension(&normal), dot);
    if !normal.contains(&b'%') {
        assert_eq!(normalize(&normal).as_deref(), Ok(&*normal), "without escapes it is normal after once");
    }
}

/// Walks the path as a file system would, and counts how deep it is.
fn stays_below_its_root(normal: &[u8]) {
    let mut depth = 0_usize;
    for name in normal.split(|&byte| byte == b'/') {
        assert!(name != b".." || depth > 0, "it climbs above its root");
        depth = match name {
            b"" | b"." => depth,
            b".." => depth - 1,
            _ => depth + 1,
        };
    }
}

/// The names of the path, one by one: decoded, then resolved (RFC 3986 §5.2.4).
fn model(raw: &[u8]) -> Option<Vec<u8>> {
    let mut segments = raw.split(|&byte| byte == b'/');
    if segments.next() != Some(b"") || raw.is_empty() {
        return None;
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut ends_with_slash = true;
    for segment in segments {
        let name = decode(segment)?;
        ends_with_slash = matches!(name.as_slice(), b"" | b"." | b"..");
        match name.as_slice() {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            _ => names.push(name),
        }
    }
    let mut path = b"/".to_vec();
    path.extend(names.join(&b'/'));
    if ends_with_slash && !names.is_empty() {
        path.push(b'/');
    }
    Some(path)
}

fn decode(segment: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    let mut bytes = segment.iter().copied();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let decoded = if byte == b'%' { u8::try_from(digit()? * 16 + digit()?).ok()? } else { byte };
        match decoded {
            0..=31 | 127 => return None,
            b'/' => name.extend(b"%2F"),
            b'\\' if byte == b'%' => name.extend(b"%5C"),
            _ => name.push(decoded),
        }
    }
    Some(name)
}
