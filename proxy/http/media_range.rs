//! Media types and ranges of them: `text/html`, `image/*` (RFC 9110 §8.3.1, §12.5.1).
//!
//! It compares names; which types mean what is for whoever has a list of them.

/// A media type, or all types of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    /// In lower case.
    kind: Box<str>,
    /// In lower case; `None` is every one.
    subtype: Option<Box<str>>,
}

impl MediaRange {
    /// Reads `text/html` or `image/*`; parameters and `*/*` are none.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        if !is_token(kind) || kind.contains('*') {
            return None;
        }
        let subtype = match subtype {
            "*" => None,
            name if is_token(name) && !name.contains('*') => Some(name.to_ascii_lowercase().into()),
            _ => return None,
        };
        Some(Self { kind: kind.to_ascii_lowercase().into(), subtype })
    }

    /// `true` for a media type (without parameters, in any case) of this range.
    pub fn includes(&self, media_type: &[u8]) -> bool {
        let Some(slash) = memchr::memchr(b'/', media_type) else { return false };
        let (kind, subtype) = media_type.split_at_checked(slash).unwrap_or_default();
        kind.eq_ignore_ascii_case(self.kind.as_bytes())
            && self.subtype.as_ref().is_none_or(|known| subtype.get(1..).unwrap_or_default().eq_ignore_ascii_case(known.as_bytes()))
    }
}

/// The media type of a `Content-Type` value, without its parameters.
pub fn essence(content_type: &[u8]) -> &[u8] {
    super::list::trim(content_type.split(|&byte| byte == b';').next().unwrap_or_default())
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn includes(range: &str, media_type: &str) -> bool {
        MediaRange::parse(range).unwrap().includes(media_type.as_bytes())
    }

    #[test]
    fn a_range_includes_its_type_in_any_case_and_no_other() {
        assert!(includes("text/html", "text/html") && includes("Text/HTML", "TEXT/html"));
        assert!(includes("image/*", "image/png") && includes("image/*", "IMAGE/svg+xml"));
        for (range, other) in [("text/html", "text/htm"), ("text/html", "text/htmlx"), ("image/*", "images/png"), ("image/*", "image")] {
            assert!(!includes(range, other), "{range} {other}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_no_range() {
        for text in ["", "text", "text/", "/html", "*/*", "*", "text/ht ml", "text/html; charset=utf-8", "text/h*", "te*t/html", "a/b/c"] {
            assert_eq!(MediaRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_are_no_part_of_the_type() {
        for (value, expected) in [("text/html", "text/html"), (" text/html ; charset=utf-8", "text/html"), (";", ""), ("", "")] {
            assert_eq!(essence(value.as_bytes()), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_compared_without_a_panic(media_type: Vec<u8>) {
            let _ = includes("image/*", "image/png");
            let _ = MediaRange::parse("text/html").is_some_and(|range| range.includes(essence(&media_type)));
        }
    }
}
