//! `Range` (RFC 9110 §14.2) and what it selects.
//!
//! Ranges that overlap or touch are one, so that what is sent is never longer than the representation, whatever was asked. How parts are
//! put into one body is for `assets` to say.

use super::hop;

/// The most ranges of one request that are read; what asks for more gets the whole (RFC 9110 §17.15: many small parts of one file are an
/// attack more often than a wish). Players and viewers ask for a handful.
pub const RANGES_MAX: usize = 16;

/// What a `Range` asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range, another unit, a malformed one, or too many (a server may ignore the field, §14.2).
    Whole,
    /// One part.
    Part(ByteRange),
    /// Two parts or more, in the order in which they were asked (§15.3.7.2), and bytes between any two of them.
    Parts(Vec<ByteRange>),
    /// 416: well-formed, but nothing of it lies within.
    Unsatisfiable,
}

/// The bytes `first..=last` of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes it has.
    pub const fn length(self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// `true` when no byte lies between the two.
    const fn touches(self, other: Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }

    fn joined(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// Reads a `Range` value for a representation of `length` bytes.
pub fn select(value: &[u8], length: u64) -> Selection {
    let Some(set) = byte_set(value) else { return Selection::Whole };
    let mut specs = hop::members(set);
    match (specs.next(), specs.next()) {
        (None, _) => Selection::Whole,
        (Some(spec), None) => match Spec::parse(spec).map(|spec| spec.within(length)) {
            None | Some(Within::Whole) => Selection::Whole,
            Some(Within::Part(range)) => Selection::Part(range),
            Some(Within::Nothing) => Selection::Unsatisfiable,
        },
        (Some(_), Some(_)) => select_several(set, length),
    }
}

/// What follows `bytes=`; units are case-insensitive (§14.1).
fn byte_set(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

fn select_several(set: &[u8], length: u64) -> Selection {
    let mut parts = Vec::new();
    let mut is_whole = false;
    for (index, spec) in hop::members(set).enumerate() {
        // One that is malformed makes the whole field invalid (§14.2).
        let (Some(spec), true) = (Spec::parse(spec), index < RANGES_MAX) else { return Selection::Whole };
        match spec.within(length) {
            Within::Part(range) => add(&mut parts, range),
            Within::Whole => is_whole = true,
            Within::Nothing => {}
        }
    }
    match parts.as_slice() {
        [] if is_whole => Selection::Whole,
        [] => Selection::Unsatisfiable,
        // What has become one part is answered as one (§15.3.7.2 lets a server choose).
        &[range] => Selection::Part(range),
        _ => Selection::Parts(parts),
    }
}

/// Adds a range to those that do not touch. What it joins takes the place of the first of them.
fn add(parts: &mut Vec<ByteRange>, mut range: ByteRange) {
    let place = parts.iter().position(|part| part.touches(range));
    while let Some(at) = parts.iter().position(|part| part.touches(range)) {
        range = range.joined(parts.remove(at));
    }
    parts.insert(place.unwrap_or(parts.len()), range);
}

/// One range-spec (§14.1.1). A number too large for 64 bits is held at the largest, which lies outside of every representation.
#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `5-9`, `5-`.
    From { first: u64, last: u64 },
    /// `-5`.
    Suffix { length: u64 },
}

/// What a range-spec names of a representation.
enum Within {
    /// All of an empty one, which has no part to name.
    Whole,
    /// These bytes.
    Part(ByteRange),
    /// Nothing.
    Nothing,
}

impl Spec {
    /// `None` when it is malformed.
    fn parse(spec: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', spec)?;
        match (spec.get(..dash)?, spec.get(dash + 1..)?) {
            (b"", suffix) => Some(Self::Suffix { length: number(suffix)? }),
            (first, b"") => Some(Self::From { first: number(first)?, last: u64::MAX }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                // The wrong way round is malformed (§14.1.1).
                (first <= last).then_some(Self::From { first, last })
            }
        }
    }

    fn within(self, length: u64) -> Within {
        match (self, length.checked_sub(1)) {
            (Self::Suffix { length: 0 }, _) => Within::Nothing,
            // A suffix of a shorter representation is all of it (§14.1.2), also of an empty one.
            (Self::Suffix { .. }, None) => Within::Whole,
            (Self::Suffix { length: suffix }, Some(last)) => Within::Part(ByteRange { first: length.saturating_sub(suffix), last }),
            (Self::From { first, last }, Some(end)) if first <= end => Within::Part(ByteRange { first, last: last.min(end) }),
            (Self::From { .. }, _) => Within::Nothing,
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
    use super::Selection::{Parts, Unsatisfiable, Whole};
    use super::*;
    use crate::http::promises;
    use proptest::prelude::*;

    fn part(first: u64, last: u64) -> Selection {
        Selection::Part(ByteRange { first, last })
    }

    fn parts(ranges: &[(u64, u64)]) -> Selection {
        Parts(ranges.iter().map(|&(first, last)| ByteRange { first, last }).collect())
    }

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
                ("bytes=0-499", part(0, 499)),
                ("bytes=500-999", part(500, 999)),
                ("bytes=-500", part(9_500, 9_999)),
                ("bytes=9500-", part(9_500, 9_999)),
                ("bytes=0-0,-1", parts(&[(0, 0), (9_999, 9_999)])),
                ("bytes= 0-999, 4500-5499, -1000", parts(&[(0, 999), (4_500, 5_499), (9_000, 9_999)])),
                // The second half of the first thousand, said in two overlapping ways.
                ("bytes=500-600,601-999", part(500, 999)),
                ("bytes=500-700,601-999", part(500, 999)),
            ],
        );
    }

    #[test]
    fn a_range_is_cut_at_the_end() {
        check(
            10,
            &[
                ("bytes=0-", part(0, 9)),
                ("bytes=9-", part(9, 9)),
                ("bytes=9-9", part(9, 9)),
                ("bytes=5-10", part(5, 9)),
                ("bytes=-10", part(0, 9)),
                ("bytes=-11", part(0, 9)),
                ("bytes=0-18446744073709551615", part(0, 9)),
                ("bytes=0-18446744073709551616", part(0, 9)),
                ("bytes=-99999999999999999999999", part(0, 9)),
                ("bytes=0000000000000000000000001-2", part(1, 2)),
                ("BYTES=1-2", part(1, 2)),
                ("bytes=, 1-2 ,", part(1, 2)),
            ],
        );
        check(u64::MAX, &[("bytes=-1", part(u64::MAX - 1, u64::MAX - 1))]);
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
    fn ranges_that_overlap_or_touch_are_one_and_the_others_keep_their_order() {
        check(
            100,
            &[
                ("bytes=0-9,20-29", parts(&[(0, 9), (20, 29)])),
                ("bytes=20-29,0-9", parts(&[(20, 29), (0, 9)])),
                ("bytes=0-9,10-19", part(0, 19)),
                ("bytes=10-19,0-9", part(0, 19)),
                ("bytes=0-9,11-19", parts(&[(0, 9), (11, 19)])),
                ("bytes=50-59,0-9,55-64,5-14", parts(&[(50, 64), (0, 14)])),
                ("bytes=0-9,20-29,40-49,5-44", part(0, 49)),
                ("bytes=80-89,0-9,20-29,10-19", parts(&[(80, 89), (0, 29)])),
                ("bytes=0-,-1,5-5", part(0, 99)),
                ("bytes=-100,-1", part(0, 99)),
                ("bytes=1-1,1-1,1-1", part(1, 1)),
            ],
        );
        check(u64::MAX, &[("bytes=0-0,18446744073709551614-", parts(&[(0, 0), (u64::MAX - 1, u64::MAX - 1)]))]);
    }

    #[test]
    fn of_several_ranges_those_outside_are_left_out() {
        check(
            10,
            &[
                ("bytes=0-1,10-", part(0, 1)),
                ("bytes=99-,4-5,-0,8-99", parts(&[(4, 5), (8, 9)])),
                ("bytes=10-,11-", Unsatisfiable),
                ("bytes=-0,-0", Unsatisfiable),
            ],
        );
        check(0, &[("bytes=0-,-5", Whole), ("bytes=0-,5-", Unsatisfiable)]);
    }

    #[test]
    fn more_ranges_than_the_limit_are_ignored() {
        let value = |count: usize| format!("bytes={}", (0..count).map(|at| format!("{0}-{0}", 2 * at)).collect::<Vec<_>>().join(","));
        let Parts(ranges) = select(value(RANGES_MAX).as_bytes(), 1 << 20) else { panic!("as many as the limit are answered") };
        assert_eq!(ranges.len(), RANGES_MAX);
        for count in [RANGES_MAX + 1, 10_000] {
            check(1 << 20, &[(&value(count), Whole)]);
        }
    }

    #[test]
    fn a_megabyte_of_ranges_is_read() {
        check(10, &[(&format!("bytes={}", "0-,".repeat(1 << 18)), Whole), (&format!("bytes={}", ",".repeat(1 << 20)), Whole)]);
        check(10, &[(&format!("bytes={}-", "9".repeat(1 << 20)), Unsatisfiable)]);
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_promises(value: Vec<u8>, length: u64) {
            promises::range::check(&value, length);
        }

        #[test]
        fn one_range_keeps_the_promises(value in "bytes=[0-9]{0,21}-[0-9]{0,21}", length: u64) {
            promises::range::check(value.as_bytes(), length);
        }

        #[test]
        fn ranges_of_a_small_file_keep_the_promises(
            specs in prop::collection::vec("[1-5]?[0-9]-[1-5]?[0-9]|[1-5]?[0-9]-|-[0-9]|", 0..20),
            separator in " ?,[ \t]?",
            length in 0..60_u64,
        ) {
            promises::range::check(format!("bytes={}", specs.join(&separator)).as_bytes(), length);
        }
    }
}
