//! Ranges: what is sent of a representation is what was asked of it, each byte once, in few parts.

use crate::http::range::{ByteRange, RANGES_MAX, Selection, select};

/// Up to this length every byte is looked at.
const SMALL_BYTES: u64 = 64;

/// Whether the promises hold for this value and a representation of `length` bytes.
///
/// # Panics
/// When one is broken.
pub fn check(value: &[u8], length: u64) {
    let selection = select(value, length);
    assert_eq!(selection, model(value, length), "{:?} of {length}", value.escape_ascii().to_string());
    let parts = match &selection {
        Selection::Whole | Selection::Unsatisfiable => return,
        Selection::Part(range) => std::slice::from_ref(range),
        Selection::Parts(parts) => {
            assert!((2..=RANGES_MAX).contains(&parts.len()));
            parts
        }
    };
    assert!(parts.iter().all(|part| part.first <= part.last && part.last < length), "every part lies within");
    let sent = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.length()));
    assert!(sent.is_some_and(|sent| sent <= length), "no more is sent than there is");
    for (index, part) in parts.iter().enumerate() {
        assert!(parts.iter().skip(index + 1).all(|other| !touch(*part, *other)), "no two parts could have been one");
    }
    if length <= SMALL_BYTES {
        let asked = ranges(value, length).unwrap_or_default();
        for offset in 0..length {
            let holds = |parts: &[ByteRange]| parts.iter().any(|part| (part.first..=part.last).contains(&offset));
            assert_eq!(holds(parts), holds(&asked), "byte {offset}");
        }
    }
}

/// The ranges as they were asked, then joined two by two until no two touch.
fn model(value: &[u8], length: u64) -> Selection {
    let Some(mut ranges) = ranges(value, length) else { return Selection::Whole };
    while let Some((one, other)) = pair_that_touches(&ranges) {
        let second = ranges.remove(other);
        if let Some(first) = ranges.get_mut(one) {
            *first = ByteRange { first: first.first.min(second.first), last: first.last.max(second.last) };
        }
    }
    match ranges.as_slice() {
        [] => Selection::Unsatisfiable,
        [range] => Selection::Part(*range),
        _ => Selection::Parts(ranges),
    }
}

fn pair_that_touches(ranges: &[ByteRange]) -> Option<(usize, usize)> {
    let pairs = (0..ranges.len()).flat_map(|one| (one + 1..ranges.len()).map(move |other| (one, other)));
    let mut pairs = pairs.filter(|&(one, other)| ranges.get(one).zip(ranges.get(other)).is_some_and(|(one, other)| touch(*one, *other)));
    pairs.next()
}

fn touch(one: ByteRange, other: ByteRange) -> bool {
    u128::from(one.first) <= u128::from(other.last) + 1 && u128::from(other.first) <= u128::from(one.last) + 1
}

/// The satisfiable ones of the ranges that are asked for; `None` when the field is to be ignored.
fn ranges(value: &[u8], length: u64) -> Option<Vec<ByteRange>> {
    // Latin-1: no byte is lost, and none above 0x7F is a digit.
    let text: String = value.iter().map(|&byte| char::from(byte)).collect();
    let (unit, set) = text.split_once('=')?;
    let specs: Vec<&str> = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()).collect();
    if !unit.eq_ignore_ascii_case("bytes") || specs.is_empty() || specs.len() > RANGES_MAX {
        return None;
    }
    let mut ranges = Vec::new();
    let mut asks_for_the_end_of_nothing = false;
    for spec in specs {
        let (from, to) = spec.split_once('-')?;
        let (first, last) = match (number(from)?, number(to)?) {
            (None, None) => return None,
            (Some(first), Some(last)) if first > last => return None,
            (Some(first), last) => (first, last.unwrap_or(u64::MAX)),
            (None, Some(0)) => continue,
            (None, Some(suffix)) => {
                asks_for_the_end_of_nothing |= length == 0;
                (length.saturating_sub(suffix), u64::MAX)
            }
        };
        if first < length {
            ranges.push(ByteRange { first, last: last.min(length - 1) });
        }
    }
    (!ranges.is_empty() || !asks_for_the_end_of_nothing).then_some(ranges)
}

/// `Some(None)` for no digits at all, `None` for what is no number. What is too large is the largest.
fn number(digits: &str) -> Option<Option<u64>> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX)))
}
