//! What lists in field values are made of (RFC 9110 §5.6.1): optional white space, separators and quoted strings.
//!
//! It knows no field. `hop` has the list of plain tokens, `conditional` the list of entity tags, whose quotes have other rules.

/// The value without the optional white space (§5.6.3: spaces and tabs, nothing else) at both ends.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The trimmed, non-empty pieces between separators that stand outside quoted strings (§5.6.4). A string
/// that is not closed runs to the end.
pub(super) fn split_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let piece = rest?;
        let end = unquoted_offset(piece, separator);
        rest = end.and_then(|end| piece.get(end + 1..));
        Some(end.and_then(|end| piece.get(..end)).unwrap_or(piece))
    })
    .map(trim)
    .filter(|piece| !piece.is_empty())
}

/// Where the first separator outside quoted strings is.
fn unquoted_offset(value: &[u8], separator: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(separator, b'"', value.get(from..)?)?;
        if value.get(at) == Some(&separator) {
            return Some(at);
        }
        from = closing_quote(value, at + 1)? + 1;
    }
}

/// Where the quoted string ends whose content begins at `from`; a backslash takes the next byte with it.
fn closing_quote(value: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', value.get(from..)?)?;
        if value.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(value: &[u8]) -> Vec<&[u8]> {
        split_unquoted(value, b',').collect()
    }

    #[test]
    fn white_space_is_spaces_and_tabs_only() {
        let cases: [(&[u8], &[u8]); 6] =
            [(b"", b""), (b" \t ", b""), (b" a b\t", b"a b"), (b"\na", b"\na"), (b"a\x0c", b"a\x0c"), (b"\xa0a", b"\xa0a")];
        for (value, trimmed) in cases {
            assert_eq!(trim(value), trimmed, "{value:?}");
        }
    }

    #[test]
    fn a_separator_inside_quotes_separates_nothing() {
        assert_eq!(pieces(b"a;x=\"1,2\" , b"), [&b"a;x=\"1,2\""[..], b"b"]);
        assert_eq!(pieces(b"a;x=\"\\\",b\",c"), [&b"a;x=\"\\\",b\""[..], b"c"]);
        assert_eq!(pieces(b"\"\\\\\",c"), [&b"\"\\\\\""[..], b"c"]);
    }

    #[test]
    fn empty_pieces_are_left_out() {
        assert_eq!(pieces(b", a ,, b,"), [b"a", b"b"]);
        assert!(pieces(b",, ,").is_empty());
        assert!(pieces(b"").is_empty());
    }

    #[test]
    fn a_string_that_is_not_closed_runs_to_the_end() {
        for value in [&b"a;x=\",b"[..], b"\"", b"\"\\", b"\"\\\",b"] {
            assert_eq!(pieces(value), [value], "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_split_into_pieces_that_fit(value: Vec<u8>) {
            prop_assert!(pieces(&value).iter().map(|piece| piece.len()).sum::<usize>() <= value.len());
        }

        #[test]
        fn without_quotes_it_is_a_plain_split(value in "[a-c, \t;]{0,40}") {
            let plain: Vec<&[u8]> = value.as_bytes().split(|&byte| byte == b',').map(trim).filter(|piece| !piece.is_empty()).collect();
            prop_assert_eq!(pieces(value.as_bytes()), plain);
        }
    }
}
