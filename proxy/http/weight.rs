//! Quality values (RFC 9110 §12.4.2): how much a client wants one of several things.
//!
//! It only reads the number. Who reads a list decides what a malformed weight means for its member.

/// A weight in thousandths, 0 to 1000; 0 is "not acceptable".
pub(super) type Weight = u16;

/// The weight of a member that names none.
pub(super) const FULL: Weight = 1000;

/// Reads `q=0.5`, the text of a parameter. `None` when its name is not `q`; `Some(None)` when it is but the number is none.
pub(super) fn parameter(text: &[u8]) -> Option<Option<Weight>> {
    match text {
        [b'q' | b'Q', b'=', number @ ..] => Some(parse(number)),
        _ => None,
    }
}

/// Reads a qvalue: `0` or `1`, and at most three decimals, which are zeros after a `1`.
fn parse(number: &[u8]) -> Option<Weight> {
    let (one, decimals) = match number {
        [whole @ (b'0' | b'1')] => (*whole == b'1', &b""[..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (*whole == b'1', decimals),
        _ => return None,
    };
    let mut thousandths = 0;
    let mut place = 100;
    for digit in decimals {
        if !digit.is_ascii_digit() {
            return None;
        }
        thousandths += Weight::from(digit - b'0') * place;
        place /= 10;
    }
    match (one, thousandths) {
        (false, _) => Some(thousandths),
        (true, 0) => Some(FULL),
        (true, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_weight_has_at_most_three_decimals_and_is_at_most_one() {
        let cases: [(&[u8], Option<Weight>); 24] = [
            (b"0", Some(0)),
            (b"1", Some(1000)),
            (b"0.", Some(0)),
            (b"1.", Some(1000)),
            (b"0.5", Some(500)),
            (b"0.05", Some(50)),
            (b"0.001", Some(1)),
            (b"0.999", Some(999)),
            (b"0.000", Some(0)),
            (b"1.000", Some(1000)),
            (b"0.0001", None),
            (b"0.0000", None),
            (b"1.001", None),
            (b"1.0000", None),
            (b"2", None),
            (b"00.5", None),
            (b".5", None),
            (b"-1", None),
            (b"+0.5", None),
            (b"0,5", None),
            (b"0.5 ", None),
            (b"1e0", None),
            (b"\"1\"", None),
            (b"", None),
        ];
        for (number, weight) in cases {
            assert_eq!(parse(number), weight, "{number:?}");
        }
    }

    #[test]
    fn only_a_parameter_named_q_is_a_weight() {
        assert_eq!(parameter(b"q=0.5"), Some(Some(500)));
        assert_eq!(parameter(b"Q=0"), Some(Some(0)));
        assert_eq!(parameter(b"q=x"), Some(None));
        for text in [&b"q"[..], b"qs=1", b"q =1", b"level=1", b"", b"=1"] {
            assert_eq!(parameter(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_weight_up_to_one_or_none(number: Vec<u8>) {
            prop_assert!(parse(&number).is_none_or(|weight| weight <= FULL));
        }

        #[test]
        fn every_weight_written_with_three_decimals_is_read(weight in 0..1000_u16) {
            prop_assert_eq!(parse(format!("0.{weight:03}").as_bytes()), Some(weight));
        }
    }
}
