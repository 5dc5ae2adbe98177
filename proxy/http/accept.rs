//! The `Accept` header (RFC 9110 §12.5.1), as far as pages need it.
//!
//! It answers questions about one value and chooses nothing: who has a page and JSON to give asks which of them is wanted.

use super::list;
use super::weight::{self, Weight};

/// `true` when the value names `text/html` or `application/xhtml+xml` itself (not by `*/*`) with a weight above zero:
/// a browser that navigates does, a script that fetches does not.
pub fn names_html(value: &[u8]) -> bool {
    members(value).any(|(media_type, weight)| is_html(media_type) && weight > 0)
}

/// `true` when a page may be sent: HTML is named, or a range (`text/*`, `*/*`) stands for it, with a weight above zero. The more specific member
/// counts. A value without a member says nothing, and takes everything.
pub fn takes_html(value: &[u8]) -> bool {
    let (mut named, mut text, mut any) = (None, None, None);
    let mut is_empty = true;
    for (media_type, weight) in members(value) {
        is_empty = false;
        let best = if is_html(media_type) {
            &mut named
        } else if media_type.eq_ignore_ascii_case(b"text/*") {
            &mut text
        } else if media_type == b"*/*" {
            &mut any
        } else {
            continue;
        };
        *best = (*best).max(Some(weight));
    }
    is_empty || named.or(text).or(any).is_some_and(|weight| weight > 0)
}

/// `true` when JSON is named (`application/json`, `application/problem+json`) and wanted more than HTML is by its name. Ranges say nothing here:
/// a script that asks for `application/json, */*` wants JSON, a browser that asks for `*/*` does not.
pub fn prefers_json(value: &[u8]) -> bool {
    let (mut json, mut html) = (0, 0);
    for (media_type, weight) in members(value) {
        if is_html(media_type) {
            html = html.max(weight);
        } else if is_json(media_type) {
            json = json.max(weight);
        }
    }
    json > html
}

/// Types and their weights. A malformed weight makes the member malformed, which names nothing.
fn members(value: &[u8]) -> impl Iterator<Item = (&[u8], Weight)> {
    list::split_unquoted(value, b',').filter_map(|member| {
        // `text/html;level=1;q=0.5`
        let type_end = memchr::memchr(b';', member).unwrap_or(member.len());
        let (media_type, parameters) = member.split_at_checked(type_end).unwrap_or((member, b""));
        let weight = list::split_unquoted(parameters, b';').find_map(weight::parameter).unwrap_or(Some(weight::FULL))?;
        Some((list::trim(media_type), weight))
    })
}

/// Types are case-insensitive (§8.3.1).
fn is_html(media_type: &[u8]) -> bool {
    media_type.eq_ignore_ascii_case(b"text/html") || media_type.eq_ignore_ascii_case(b"application/xhtml+xml")
}

fn is_json(media_type: &[u8]) -> bool {
    [&b"/json"[..], b"+json"].iter().any(|end| {
        let at = media_type.len().checked_sub(end.len());
        at.and_then(|at| media_type.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_navigating_browser_names_html() {
        let values: [&[u8]; 9] = [
            b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            b"text/html, application/xhtml+xml, image/jxr, */*",
            b"TEXT/HTML",
            b"application/json, application/xhtml+xml;q=0.001",
            b"text/*;q=0.3, text/html;q=0.7, text/html;level=1, text/html;level=2;q=0.4, */*;q=0.5",
            b"text/html ; level=1 ; q=1.000",
            b"text/html;level=\"1,2;q=0\"",
            b"text/html;q=0, application/xhtml+xml",
            b",, text/html",
        ];
        for value in values {
            assert!(names_html(value), "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_script_a_refusal_and_a_malformed_member_name_no_html() {
        let values: [&[u8]; 15] = [
            b"",
            b"*/*",
            b"text/*",
            b"application/json, text/plain, */*",
            b"image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
            b"text/html;q=0",
            b"text/html;q=0.000, application/xhtml+xml;Q=0",
            b"text/html;q=0.0001",
            b"text/html;q=1.001",
            b"text/html;q=",
            b"text/htmlx",
            b"text / html",
            b"text/html/x",
            b"text/plain;x=\",text/html,\"",
            b"text/plain;x=\",text/html",
        ];
        for value in values {
            assert!(!names_html(value), "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_page_may_be_sent_unless_the_value_excludes_it() {
        for value in ["", " , ", "*/*", "text/*", "text/html;q=0.1", "application/json, */*;q=0.1", "image/avif,image/*,*/*;q=0.8"] {
            assert!(takes_html(value.as_bytes()), "{value:?}");
        }
        for value in ["application/json", "image/*", "text/html;q=0, */*", "text/*;q=0, */*", "*/*;q=0", "text/plain, text/css"] {
            assert!(!takes_html(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn json_is_preferred_where_it_is_named_and_html_is_not_named_as_highly() {
        for value in
            ["application/json", "application/json, text/plain, */*", "application/problem+JSON", "text/html;q=0.5, application/json"]
        {
            assert!(prefers_json(value.as_bytes()), "{value:?}");
        }
        for value in ["", "*/*", "application/*", "text/html, application/json", "application/json;q=0", "application/jsonp", "json"] {
            assert!(!prefers_json(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn a_megabyte_of_members_is_read() {
        let value = b"text/html;q=0,".repeat(1 << 16);
        assert!(!names_html(&value));
        assert!(!names_html(&b"\"\\".repeat(1 << 19)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(value: Vec<u8>) {
            names_html(&value);
            takes_html(&value);
            prop_assert!(!prefers_json(&value) || memchr::memmem::find(&value.to_ascii_lowercase(), b"json").is_some());
        }

        #[test]
        fn what_does_not_contain_the_name_does_not_name_it(value in "[a-gi-z/*;=,.0-9\" \\\\]{0,60}") {
            prop_assert!(!names_html(value.as_bytes()));
        }
    }
}
