//! W3C Trace Context (level 1, §3.2): whether a `traceparent` is one. What it says is for applications.

/// Bytes of a `traceparent` of version 00: `00-` trace id `-` parent id `-` flags.
const LENGTH: usize = 55;

/// `true` for a `traceparent` that a receiver can read.
pub fn is_traceparent(value: &[u8]) -> bool {
    let field =
        |start: usize, end: usize| value.get(start..end).filter(|hex| hex.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let is_set = |start, end| field(start, end).is_some_and(|hex| hex.iter().any(|&byte| byte != b'0'));
    let dashes = [2, 35, 52].iter().all(|&at| value.get(at) == Some(&b'-'));
    let ends = match field(0, 2) {
        // Later versions may have more behind a further dash; ff is none.
        None | Some(b"ff") => false,
        Some(b"00") => value.len() == LENGTH,
        Some(_) => value.len() == LENGTH || value.get(LENGTH) == Some(&b'-'),
    };
    dashes && ends && is_set(3, 35) && is_set(36, 52) && field(53, LENGTH).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_examples_of_the_standard_are_told_apart() {
        for value in [
            VALID,
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future",
        ] {
            assert!(is_traceparent(value.as_bytes()), "{value}");
        }
        for value in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(value.as_bytes()), "{value}");
        }
    }

    proptest! {
        #[test]
        fn one_changed_byte_never_makes_it_panic(at in 0..55_usize, byte: u8) {
            let mut value = VALID.as_bytes().to_vec();
            value[at] = byte;
            let _ = (is_traceparent(&value), is_traceparent(&value[..at]));
        }
    }
}
