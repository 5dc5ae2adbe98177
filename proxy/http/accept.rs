//! The `Accept` header (RFC 9110 §12.5.1), as far as the SPA rule needs it.
//!
//! It answers one question and chooses nothing: Transom does not negotiate types.

use super::list;
use super::weight;

/// `true` when the value names `text/html` or `application/xhtml+xml` itself (not by `*/*`) with a weight above zero:
/// a browser that navigates does, a script that fetches does not.
pub fn names_html(value: &[u8]) -> bool {
    list::split_unquoted(value, b',').any(is_wanted_html)
}

/// One member: `text/html;level=1;q=0.5`. A malformed weight makes the member malformed, which names nothing.
fn is_wanted_html(member: &[u8]) -> bool {
    let type_end = memchr::memchr(b';', member).unwrap_or(member.len());
    let (media_type, parameters) = member.split_at_checked(type_end).unwrap_or((member, b""));
    let media_type = list::trim(media_type);
    // Types are case-insensitive (§8.3.1).
    if !media_type.eq_ignore_ascii_case(b"text/html") && !media_type.eq_ignore_ascii_case(b"application/xhtml+xml") {
        return false;
    }
    match list::split_unquoted(parameters, b';').find_map(weight::parameter) {
        Some(weight) => weight.is_some_and(|weight| weight > 0),
        None => true,
    }
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
    fn a_megabyte_of_members_is_read() {
        let value = b"text/html;q=0,".repeat(1 << 16);
        assert!(!names_html(&value));
        assert!(!names_html(&b"\"\\".repeat(1 << 19)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(value: Vec<u8>) {
            names_html(&value);
        }

        #[test]
        fn what_does_not_contain_the_name_does_not_name_it(value in "[a-gi-z/*;=,.0-9\" \\\\]{0,60}") {
            prop_assert!(!names_html(value.as_bytes()));
        }
    }
}
