//! Sizes in bytes: `"16MiB"`, `"64KiB"`, `"0"`.

use std::fmt;

use super::UnitError;

/// The units, largest first, so that a size is shown in the largest one that divides it.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// What others write, and what they mean here: the nginx letters and the decimal units, which are too near to the binary ones to be told apart.
const NEAR_UNITS: [(&str, &str); 10] = [
    ("k", "KiB"),
    ("kb", "KiB"),
    ("kib", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("mib", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
    ("gib", "GiB"),
    ("b", "B"),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Reads `"0"`, `"512B"`, `"64KiB"`, `"16MiB"`, `"1GiB"`.
    ///
    /// # Errors
    /// Anything else, with what to write in its place.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        if text == "0" {
            return Ok(Self(0));
        }
        if digits.is_empty() {
            return Err(not_a_size(text, "write a whole number and B, KiB, MiB or GiB, such as \"16MiB\""));
        }
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unit_unknown(text, digits, unit));
        };
        digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)).map(Self).ok_or_else(|| UnitError {
            message: format!("\"{text}\" is too large a size"),
            help: "the largest size is \"17179869183GiB\"".into(),
        })
    }
}

impl fmt::Display for ByteSize {
    /// As it would be written in a config: `16MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        for (name, factor) in UNITS {
            if self.0.is_multiple_of(factor) {
                return write!(f, "{}{name}", self.0 / factor);
            }
        }
        Ok(())
    }
}

fn unit_unknown(text: &str, digits: &str, unit: &str) -> UnitError {
    let wanted = unit.trim().to_ascii_lowercase();
    if let Some((_, right)) = NEAR_UNITS.iter().find(|(near, _)| *near == wanted) {
        return not_a_size(text, &format!("write \"{digits}{right}\""));
    }
    if unit.is_empty() {
        return not_a_size(text, &format!("add the unit: \"{digits}B\", \"{digits}KiB\" or \"{digits}MiB\""));
    }
    not_a_size(text, &format!("the units are B, KiB, MiB and GiB: \"{digits}MiB\""))
}

fn not_a_size(text: &str, help: &str) -> UnitError {
    UnitError { message: format!("\"{text}\" is not a size"), help: help.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, bytes) in [("0", 0), ("0B", 0), ("512B", 512), ("64KiB", 65536), ("16MiB", 16 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn a_near_miss_is_told_the_text_to_paste() {
        for (text, help) in [
            ("16m", "write \"16MiB\""),
            ("16MB", "write \"16MiB\""),
            ("16 MiB", "write \"16MiB\""),
            ("8k", "write \"8KiB\""),
            ("1048576", "add the unit: \"1048576B\", \"1048576KiB\" or \"1048576MiB\""),
            ("16parsec", "the units are B, KiB, MiB and GiB: \"16MiB\""),
        ] {
            assert_eq!(ByteSize::parse(text).unwrap_err().help, help, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1KiB", "1.5MiB", "+1B", "١KiB", "99999999999999999999B", "99999999999999GiB"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = ByteSize::parse(&text);
        }

        #[test]
        fn what_is_shown_is_read_back(bytes in any::<u64>()) {
            prop_assert_eq!(ByteSize::parse(&ByteSize(bytes).to_string()), Ok(ByteSize(bytes)));
        }
    }
}
