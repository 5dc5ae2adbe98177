//! `path` and `exact`: the paths that a route matches, in the normal form that requests are brought to before they are compared.

#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use crate::config::PathPattern;
use crate::units::UnitError;

/// Reads `path`; a slash at the end says nothing new and is taken off.
pub(super) fn prefix(text: &str) -> Result<PathPattern, UnitError> {
    let path = checked(text, "path")?;
    let trimmed = path.trim_end_matches('/');
    Ok(PathPattern::Prefix(if trimmed.is_empty() { "/" } else { trimmed }.into()))
}

/// Reads `exact`; a slash at the end is a part of it.
pub(super) fn exact(text: &str) -> Result<PathPattern, UnitError> {
    checked(text, "exact").map(|path| PathPattern::Exact(path.into()))
}

/// Reads `strip`: a prefix such as `path`; `None` for `""`, which strips nothing.
pub(super) fn strip(text: &str) -> Result<Option<String>, UnitError> {
    if text.is_empty() {
        return Ok(None);
    }
    match checked(text, "strip")?.trim_end_matches('/') {
        "" => Err(UnitError {
            message: "strip = \"/\" takes nothing off".into(),
            help: "take it out, or name the prefix: strip = \"/api\"".into(),
        }),
        trimmed => Ok(Some(trimmed.into())),
    }
}

/// The text, when a normal path can be equal to it.
fn checked<'t>(text: &'t str, key: &str) -> Result<&'t str, UnitError> {
    let error = |message: String, right: &str, why: &str| Err(UnitError { message, help: format!("write {key} = \"{right}\"{why}") });
    if !text.starts_with('/') {
        let right = format!("/{}", text.trim_start_matches(['^', '~', ' ', '*']).trim_start_matches('/'));
        return error(format!("\"{text}\" does not begin with a slash"), &right, "");
    }
    if let Some(at) = text.find(['?', '#']) {
        return error(format!("\"{text}\" has a query or a fragment, and routes match paths alone"), &text[..at], "");
    }
    if let Some(at) = text.find('*') {
        let right = text[..at].trim_end_matches('/');
        let right = if right.is_empty() { "/" } else { right };
        return error(
            format!("\"{text}\" has a star, and this version has no wildcards yet"),
            right,
            ": `path` matches everything below it",
        );
    }
    if text.contains("//") {
        return error(format!("\"{text}\" has an empty segment"), &single_slashes(text), ": requests are compared without doubled slashes");
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return error(format!("\"{text}\" has a `.` or `..` segment"), "/api", ": such segments are resolved before routes are compared");
    }
    if text.contains('%') {
        return error(
            format!("\"{text}\" has an escape"),
            &decoded(text),
            ": write the characters themselves; requests are compared decoded",
        );
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return error(format!("\"{text}\" has a character that no path has"), "/api", "");
    }
    Ok(text)
}

/// For the help only: what does not decode to visible text becomes an example.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escape =
            after.get(..2).filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escape.unwrap_or(*byte));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(['%', '"', '\\']) && !text.chars().any(char::is_control))
        .unwrap_or("/a b".into())
}

fn single_slashes(text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !matches!(c, '\r' | '\n')) {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    single
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_loses_the_slash_at_its_end_and_an_exact_path_keeps_it() {
        for (text, path) in [("/", "/"), ("/api", "/api"), ("/api/", "/api"), ("/ä b", "/ä b")] {
            assert_eq!(prefix(text), Ok(PathPattern::Prefix(path.into())));
        }
        assert_eq!(exact("/old/"), Ok(PathPattern::Exact("/old/".into())));
    }

    #[test]
    fn a_near_miss_is_told_the_text_to_paste() {
        for (text, right) in [
            ("api", "\"/api\""),
            ("^~ /api", "\"/api\""),
            ("/api?x=1", "\"/api\""),
            ("/api/*", "\"/api\""),
            ("/*", "\"/\""),
            ("*", "\"/\""),
            ("/a//b", "\"/a/b\""),
            ("", "\"/\""),
        ] {
            let help = prefix(text).expect_err(text).help;
            assert!(help.contains(right), "{text}: {help}");
        }
    }

    #[test]
    fn what_no_normal_path_is_equal_to_is_refused() {
        for text in ["/a/../b", "/..", "/./a", "/%41", "/a\nb", "/a\\b", "/a#b"] {
            assert!(prefix(text).is_err() && exact(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_strip_strips_nothing_and_a_lone_slash_is_refused() {
        assert_eq!(strip(""), Ok(None));
        assert_eq!(strip("/api/"), Ok(Some("/api".into())));
        assert!(strip("/").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in "[/.*%?#a-cé\\\\]{0,12}") {
            let _ = (prefix(&text), exact(&text), strip(&text));
        }
    }
}
