//! `Range` (RFC 9110 §14.2) and `Content-Range` (§14.4).
//!
//! Only single ranges: many small parts of one file are an attack more often than a wish.

use super::hop;

/// What a `Range` asks of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range, another unit, a malformed one, or several ranges (which a server may ignore, §14.2).
    Whole,
    /// The bytes `first..=last`.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// 416: well-formed, but nothing of it lies within.
    Unsatisfiable,
}

/// Reads a `Range` value for a representation of `length` bytes.
pub fn select(value: &[u8], length: u64) -> Selection {
    match single(value) {
        None => Selection::Whole,
        // A suffix of a shorter representation is all of it (§14.1.2), also of an empty one, which has no part to name.
        Some(Spec::Suffix { length: 0 }) => Selection::Unsatisfiable,
        Some(Spec::Suffix { length: suffix }) => match length.checked_sub(1) {
            Some(last) => Selection::Part { first: length.saturating_sub(suffix), last },
            None => Selection::Whole,
        },
        Some(Spec::From { first, last }) => {
            if first >= length {
                return Selection::Unsatisfiable;
            }
            Selection::Part { first, last: last.min(length - 1) }
        }
    }
}

/// One range-spec (§14.1.1). A number too large for 64 bits is held at the largest, which lies outside of every representation.
#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `5-9`, `5-`.
    From { first: u64, last: u64 },
    /// `-5`.
    Suffix { length: u64 },
}

/// The only range of a `bytes` value; `None` when it has another unit, is malformed or has several.
fn single(value: &[u8]) -> Option<Spec> {
    // Units are case-insensitive (§14.1).
    let (unit, set) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut specs = hop::members(set);
    let spec = specs.next()?;
    if specs.next().is_some() {
        return None;
    }
    let dash = memchr::memchr(b'-', spec)?;
    match (spec.get(..dash)?, spec.get(dash + 1..)?) {
        (b"", suffix) => Some(Spec::Suffix { length: number(suffix)? }),
        (first, b"") => Some(Spec::From { first: number(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // The wrong way round is malformed (§14.1.1).
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

/// One digit or more, and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::Selection::{Part, Unsatisfiable, Whole};
    use super::*;
    use proptest::prelude::*;

    fn check(length: u64, cases: &[(&str, Selection)]) {
        for (value, selection) in cases {
            assert_eq!(select(value.as_bytes(), length), *selection, "{value:?} of {length}");
        }
    }

    #[test]
    fn the_examples_of_the_rfc_select_their_bytes() {
        // RFC 9110 §14.1.2.
        check(
            10_000,
            &[
                ("bytes=0-499", Part { first: 0, last: 499 }),
                ("bytes=500-999", Part { first: 500, last: 999 }),
                ("bytes=-500", Part { first: 9_500, last: 9_999 }),
                ("bytes=9500-", Part { first: 9_500, last: 9_999 }),
                ("bytes=0-0,-1", Whole),
                ("bytes= 0-999, 4500-5499, -1000", Whole),
            ],
        );
    }

    #[test]
    fn a_range_is_cut_at_the_end() {
        check(
            10,
            &[
                ("bytes=0-", Part { first: 0, last: 9 }),
                ("bytes=9-", Part { first: 9, last: 9 }),
                ("bytes=9-9", Part { first: 9, last: 9 }),
                ("bytes=5-10", Part { first: 5, last: 9 }),
                ("bytes=-10", Part { first: 0, last: 9 }),
                ("bytes=-11", Part { first: 0, last: 9 }),
                ("bytes=0-18446744073709551615", Part { first: 0, last: 9 }),
                ("bytes=0-18446744073709551616", Part { first: 0, last: 9 }),
                ("bytes=-99999999999999999999999", Part { first: 0, last: 9 }),
                ("bytes=0000000000000000000000001-2", Part { first: 1, last: 2 }),
                ("BYTES=1-2", Part { first: 1, last: 2 }),
                ("bytes=, 1-2 ,", Part { first: 1, last: 2 }),
            ],
        );
        check(u64::MAX, &[("bytes=-1", Part { first: u64::MAX - 1, last: u64::MAX - 1 })]);
    }

    #[test]
    fn what_lies_outside_is_unsatisfiable() {
        for value in
            ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=18446744073709551616-", "bytes=99999999999999999999-99999999999999999999"]
        {
            check(10, &[(value, Unsatisfiable)]);
        }
        check(u64::MAX, &[("bytes=18446744073709551616-", Unsatisfiable), ("bytes=184467440737095516160-", Unsatisfiable)]);
    }

    #[test]
    fn of_an_empty_representation_a_suffix_is_the_whole_and_nothing_else_lies_within() {
        check(0, &[("bytes=-5", Whole), ("bytes=0-", Unsatisfiable), ("bytes=0-0", Unsatisfiable), ("bytes=-0", Unsatisfiable)]);
    }

    #[test]
    fn what_is_malformed_or_of_another_unit_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=1",
            "bytes=2-1",
            "bytes=a-b",
            "bytes=0x0-1",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes =1-2",
            " bytes=1-2",
            "bytes:1-2",
            "items=1-2",
            "bytes=1-2;3-4",
            "bytes=1-2,x",
            "bytes=1.0-2",
        ] {
            check(10, &[(value, Whole)]);
        }
    }

    #[test]
    fn a_megabyte_of_ranges_is_read() {
        check(10, &[(&format!("bytes={}", "0-,".repeat(1 << 18)), Whole), (&format!("bytes={}", ",".repeat(1 << 20)), Whole)]);
        check(10, &[(&format!("bytes={}-", "9".repeat(1 << 20)), Unsatisfiable)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(value: Vec<u8>, length: u64) {
            select(&value, length);
        }

        #[test]
        fn a_part_always_lies_within(value in "bytes=[0-9]{0,21}-[0-9]{0,21}", length: u64) {
            if let Part { first, last } = select(value.as_bytes(), length) {
                prop_assert!(first <= last && last < length);
            }
        }

        #[test]
        fn a_part_of_a_small_file_lies_within_and_is_what_was_asked(first in 0..40_u64, size in 0..40_u64, length in 0..40_u64) {
            let last = first + size;
            let expected = if first < length { Part { first, last: last.min(length - 1) } } else { Unsatisfiable };
            prop_assert_eq!(select(format!("bytes={first}-{last}").as_bytes(), length), expected);
        }
    }
}
