//! Durations as people write them: `100ms`, `2s`, `1m`.
//!
//! It is bounded: nothing in a test backend waits longer than an hour.

use std::time::Duration;

/// The longest duration that is accepted.
pub const DURATION_MAX: Duration = Duration::from_secs(3600);

/// Reads a whole number followed by `us`, `ms`, `s` or `m`; a bare `0` is no time at all.
///
/// # Errors
/// Says what was expected, for the reader of a command line or a JSON error.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let refused = || format!("`{text}` is not a duration such as 100ms, 2s or 1m");
    let number: u64 = number.parse().map_err(|_| refused())?;
    let duration = match unit {
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "" if number == 0 => Duration::ZERO,
        _ => return Err(refused()),
    };
    if duration > DURATION_MAX {
        return Err(format!("`{text}` is longer than an hour"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        assert_eq!(parse("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(parse("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "2", "s", "-1s", "1.5s", "2 s", "61m", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
