//! Patterns for the files of a root, as `immutable` has them.
//!
//! A pattern that begins with a slash stands for whole paths from the root on, any other for names of files in whatever folder.
//! `*` is any number of bytes but no slash, `**` any number of bytes, slashes among them, and `[hash]` is eight or more of
//! `0-9 A-Z a-z _ -` with a digit among them. Everything else stands for itself. Pure, and used while loading, never by a request.

use std::ops::RangeInclusive;

use crate::units::UnitError;

/// The fewest bytes that `[hash]` stands for.
const HASH_BYTES_MIN: usize = 8;

/// A pattern for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    /// It is about the path from the root on, not about the name alone.
    whole_path: bool,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    /// `*`
    WithinSegment,
    /// `**`
    AcrossSegments,
    /// `[hash]`
    Hash,
}

impl FilePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is empty, has a bracket that is not `[hash]`, or can match no file.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let error = |message: String, help: &str| Err(UnitError { message, help: help.into() });
        let whole_path = text.starts_with('/');
        if text.is_empty() || text.ends_with('/') {
            return error(format!("\"{text}\" names no file"), "write a pattern such as \"/assets/*\" or \"*.[hash].*\"");
        }
        if !whole_path && text.contains('/') {
            return error(
                format!("\"{text}\" has a slash and does not begin with one, so it is neither a path nor a name"),
                &format!("write it from the root on: \"/{text}\", or \"/**/{text}\" for any folder"),
            );
        }
        if text.bytes().any(|byte| byte.is_ascii_control()) || text.split('/').any(|segment| matches!(segment, "." | "..")) {
            return error(format!("no file has a name that \"{text}\" matches"), "write a pattern such as \"/assets/*\"");
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (part, after) = if let Some(after) = rest.strip_prefix("**") {
                (Part::AcrossSegments, after)
            } else if let Some(after) = rest.strip_prefix('*') {
                (Part::WithinSegment, after)
            } else if let Some(after) = rest.strip_prefix("[hash]") {
                (Part::Hash, after)
            } else if matches!(first, '[' | ']' | '{' | '}' | '?') {
                return error(
                    format!("\"{text}\" has `{first}`, and patterns have `*`, `**` and `[hash]` only"),
                    "write a pattern such as \"*.[hash].*\"",
                );
            } else {
                let end = rest.find(['*', '[', ']', '{', '}', '?']).unwrap_or(rest.len());
                let (literal, after) = rest.split_at(end);
                (Part::Literal(literal.into()), after)
            };
            parts.push(part);
            rest = after;
        }
        Ok(Self { whole_path, parts })
    }

    /// `true` when it matches the file at `key`, its path from the root on, which begins with a slash.
    pub fn matches(&self, key: &[u8]) -> bool {
        let name_start = memchr::memrchr(b'/', key).map_or(0, |slash| slash + 1);
        let text = if self.whole_path { key } else { key.get(name_start..).unwrap_or_default() };
        // Which places in the text the parts so far can end at, so that no pattern tries the same twice.
        let mut ends = vec![false; text.len() + 1];
        if let Some(start) = ends.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            ends = part.advance(text, &ends);
        }
        ends.last() == Some(&true)
    }
}

impl Part {
    /// Where this part can end when it begins at one of `starts`.
    fn advance(&self, text: &[u8], starts: &[bool]) -> Vec<bool> {
        let mut ends = vec![false; starts.len()];
        let mut reached = false;
        for (from, &is_start) in starts.iter().enumerate() {
            let rest = text.get(from..).unwrap_or_default();
            let marked = match self {
                Self::Literal(literal) if is_start && rest.starts_with(literal) => from + literal.len()..=from + literal.len(),
                Self::Hash if is_start => hash_ends(rest, from),
                Self::Literal(_) | Self::Hash => continue,
                Self::WithinSegment | Self::AcrossSegments => {
                    let stops = *self == Self::WithinSegment && from > 0 && text.get(from - 1) == Some(&b'/');
                    reached = is_start || (reached && !stops);
                    if !reached {
                        continue;
                    }
                    from..=from
                }
            };
            ends.get_mut(marked).into_iter().flatten().for_each(|end| *end = true);
        }
        ends
    }
}

/// Where a hash that begins at `from`, with this behind it, can end.
fn hash_ends(rest: &[u8], from: usize) -> RangeInclusive<usize> {
    let run = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
    let digit = rest.iter().take(run).position(u8::is_ascii_digit);
    let shortest = digit.map_or(run + 1, |digit| HASH_BYTES_MIN.max(digit + 1));
    from + shortest..=from + run
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, key: &str) -> bool {
        FilePattern::parse(pattern).unwrap().matches(key.as_bytes())
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
        for (pattern, key, expected) in [
            ("/assets/*", "/assets/a.js", true),
            ("/assets/*", "/assets/sub/a.js", false),
            ("/assets/**", "/assets/sub/a.js", true),
            ("/assets/*", "/assetsx/a.js", false),
            ("/assets/*", "/sub/assets/a.js", false),
            ("/**/assets/*", "/sub/er/assets/a.js", true),
            ("/assets/*", "/assets", false),
            ("/a.js", "/a.js", true),
            ("/a.js", "/b/a.js", false),
            ("a.js", "/b/a.js", true),
            ("a.js", "/b/aa.js", false),
            ("*.woff2", "/deep/font/x.woff2", true),
            ("*.woff2", "/x.woff2/y", false),
            ("*", "/a/b", true),
            ("/*", "/a/b", false),
            ("*a*b*", "/xaxbx", true),
            ("*a*b*", "/xbxax", false),
            ("*.JS", "/a.js", false),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn a_hash_is_eight_or_more_with_a_digit() {
        for (name, expected) in [
            ("main.1a2b3c4d.js", true),
            ("main.1a2b3c4.js", false),
            ("main.settings.js", false),
            ("main.BgA0-x9_.js", true),
            ("main.abcdefgh1.js", true),
            ("main.abcdefghijklmnop1.js", true),
            ("main.abcdefghijklmnop.js", false),
            ("main.1a2b3c4d.chunk.js", true),
            ("main.1a2b.3c4d.js", false),
            ("main.1a2b3c4d", false),
            ("main.20240101.js", true),
            ("main.1a2b\u{e4}3c4d.js", false),
        ] {
            assert_eq!(matches("*.[hash].*", &format!("/assets/{name}")), expected, "{name}");
        }
        assert!(matches("*-[hash].js", "/index--gA0x9qZ.js"));
        assert!(matches("/_app/[hash]/[hash]", "/_app/12345678/abcdefg8"));
        assert!(matches("[hash][hash]", "/1234567812345678"));
        assert!(!matches("[hash][hash]", "/123456781234567"));
    }

    #[test]
    fn what_can_match_no_file_is_no_pattern() {
        for text in ["", "/", "/assets/", "assets/*", "/a/../b", "*.[name].js", "*.[hash", "a]", "*.{js,css}", "?.js", "a\nb"] {
            let error = FilePattern::parse(text).expect_err(text);
            assert!(!error.message.is_empty() && !error.help.is_empty());
        }
    }

    #[test]
    fn many_stars_on_a_long_name_take_no_time() {
        let key = format!("/{}", "a".repeat(4000));
        assert!(!matches(&format!("{}b", "*a".repeat(20)), &key));
    }

    proptest! {
        #[test]
        fn a_pattern_without_wildcards_matches_its_own_text_alone(text in "/[a-c.]{1,4}(/[a-c]{1,3}){0,2}", other in "/[a-c.]{1,4}(/[a-c]{1,3}){0,2}") {
            let Ok(pattern) = FilePattern::parse(&text) else { return Ok(()) };
            prop_assert!(pattern.matches(text.as_bytes()));
            prop_assert_eq!(pattern.matches(other.as_bytes()), text == other);
        }

        #[test]
        fn any_pattern_and_any_key_are_answered(text in "[/a*\\[\\]hs.]{0,12}|\\PC{0,8}", key: Vec<u8>) {
            if let Ok(pattern) = FilePattern::parse(&text) {
                pattern.matches(&key);
            }
        }
    }
}
