//! Durations: `"10s"`, `"500ms"`, `"2m"`, `"1h"`, `"365d"`, `"0s"`.

use std::time::Duration;

use super::UnitError;

/// The units and their milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A hundred years. Timers add durations to the present; this keeps every such sum far from the end of what a clock can hold.
const MILLISECONDS_MAX: u64 = 36_500 * 86_400_000;

/// Reads a whole number and one of `ms`, `s`, `m`, `h`, `d`. A `"0"` needs no unit. At most 36500 days.
///
/// # Errors
/// Anything else, with what to write in its place.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if digits.is_empty() {
        return Err(not_a_duration(text, "write a whole number and ms, s, m, h or d, such as \"10s\""));
    }
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(not_a_duration(text, &unit_help(digits, unit)));
    };
    let milliseconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    match milliseconds {
        Some(milliseconds) if milliseconds <= MILLISECONDS_MAX => Ok(Duration::from_millis(milliseconds)),
        _ => Err(UnitError {
            message: format!("\"{text}\" is too long"),
            help: "the longest duration is \"36500d\", a hundred years".into(),
        }),
    }
}

fn unit_help(digits: &str, unit: &str) -> String {
    let right = match unit.trim().to_ascii_lowercase().as_str() {
        "" => return format!("add the unit: \"{digits}s\" for seconds, \"{digits}ms\" for milliseconds"),
        "ms" | "msec" | "millis" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return format!("the units are ms, s, m, h and d: \"{digits}s\""),
    };
    format!("write \"{digits}{right}\"")
}

fn not_a_duration(text: &str, help: &str) -> UnitError {
    UnitError { message: format!("\"{text}\" is not a duration"), help: help.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("10s", 10), ("2m", 120), ("1h", 3600), ("365d", 31_536_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    }

    #[test]
    fn a_near_miss_is_told_the_text_to_paste() {
        for (text, help) in [
            ("10", "add the unit: \"10s\" for seconds, \"10ms\" for milliseconds"),
            ("10 s", "write \"10s\""),
            ("10sec", "write \"10s\""),
            ("5min", "write \"5m\""),
            ("3w", "the units are ms, s, m, h and d: \"3s\""),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().help, help, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "s", "-1s", "1.5s", "1h30m", "36501d", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn any_number_with_a_unit_is_answered_without_a_panic(number in any::<u128>(), unit in "ms|s|m|h|d") {
            if let Ok(duration) = parse_duration(&format!("{number}{unit}")) {
                prop_assert!(duration.as_millis() <= u128::from(MILLISECONDS_MAX));
            }
        }
    }
}
