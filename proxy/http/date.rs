//! IMF-fixdate and its two obsolete forms (RFC 9110 §5.6.7).
//!
//! No clock is read here: a two-digit year is 1970 to 2069 whatever the year is now.

#![allow(clippy::indexing_slicing, reason = "remainders by the length of the table")]

const DAY_SECONDS: u64 = 86_400;

/// `Fri, 31 Dec 9999 23:59:59 GMT`, the last second that four digits of a year can say.
const SECONDS_MAX: u64 = 253_402_300_799;

const WEEKDAYS: [[u8; 3]; 7] = [*b"Thu", *b"Fri", *b"Sat", *b"Sun", *b"Mon", *b"Tue", *b"Wed"];

const MONTHS: [[u8; 3]; 12] = [*b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct", *b"Nov", *b"Dec"];

/// A day of the Gregorian calendar, 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    year: u64,
    /// 1 is January.
    month: u64,
    /// 1 is the first.
    day: u64,
}

impl Day {
    /// The day this many days after 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
    fn from_epoch(days: u64) -> Self {
        let days = days + 719_468; // since 0000-03-01
        let era = days / 146_097; // of 400 years
        let day_of_era = days % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self { year: era * 400 + year_of_era + u64::from(month <= 2), month, day }
    }

    /// Days since 1970-01-01; `None` when there is no such day, or it is before that one.
    fn days_since_epoch(self) -> Option<u64> {
        let year = if self.month <= 2 { self.year.checked_sub(1)? } else { self.year };
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day.checked_sub(1)?;
        let days = (365 * year + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)?;
        // The 31st of February comes back as a day of March.
        (Self::from_epoch(days) == self).then_some(days)
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` for these seconds since the epoch. Years after 9999 are held at 9999.
pub fn format(seconds: u64) -> [u8; 29] {
    let seconds = seconds.min(SECONDS_MAX);
    let days = seconds / DAY_SECONDS;
    let second_of_day = seconds % DAY_SECONDS;
    let Day { year, month, day } = Day::from_epoch(days);

    let [w1, w2, w3] = weekday(days);
    let [d1, d2] = two_digits(day);
    let [m1, m2, m3] = MONTHS[((month - 1) % 12) as usize];
    let [y1, y2] = two_digits(year / 100);
    let [y3, y4] = two_digits(year % 100);
    let [h1, h2] = two_digits(second_of_day / 3_600);
    let [i1, i2] = two_digits(second_of_day / 60 % 60);
    let [s1, s2] = two_digits(second_of_day % 60);
    [
        w1, w2, w3, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', h1, h2, b':', i1, i2, b':', s1, s2, b' ', b'G', b'M',
        b'T',
    ]
}

fn weekday(days: u64) -> [u8; 3] {
    WEEKDAYS[(days % 7) as usize]
}

fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// Seconds since the epoch of a date in any of the three forms; `None` when it is none or before 1970.
pub fn parse(value: &[u8]) -> Option<u64> {
    parse_fixdate(value).or_else(|| parse_obsolete(value))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, case-sensitive; a weekday that is not that day's makes it no date.
fn parse_fixdate(value: &[u8]) -> Option<u64> {
    let &[
        w1,
        w2,
        w3,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = value
    else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == [m1, m2, m3])? as u64 + 1;
    let year = number(y1, y2)? * 100 + number(y3, y4)?;
    let days = Day { year, month, day: number(d1, d2)? }.days_since_epoch()?;
    if weekday(days) != [w1, w2, w3] {
        return None;
    }
    let second = match (number(h1, h2)?, number(i1, i2)?, number(s1, s2)?) {
        // A leap second is a date, but the epoch does not count it.
        (23, 59, 60) => DAY_SECONDS - 1,
        (hour @ ..24, minute @ ..60, second @ ..60) => hour * 3_600 + minute * 60 + second,
        _ => return None,
    };
    Some(days * DAY_SECONDS + second)
}

fn number(tens: u8, ones: u8) -> Option<u64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
fn parse_obsolete(value: &[u8]) -> Option<u64> {
    // The longest is a Wednesday, 33 bytes. httpdate trims white space, which is no part of a date.
    if value.len() > 33 || !value.first()?.is_ascii_uppercase() || !value.last()?.is_ascii_alphanumeric() {
        return None;
    }
    let date: httpdate::HttpDate = std::str::from_utf8(value).ok()?.parse().ok()?;
    let since_epoch = std::time::SystemTime::from(date).duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since_epoch.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_written_as_imf_fixdate() {
        let cases: [(u64, &str); 11] = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (seconds, text) in cases {
            assert_eq!(std::str::from_utf8(&format(seconds)), Ok(text), "{seconds}");
        }
    }

    #[test]
    fn all_three_forms_are_read() {
        // The examples of RFC 9110 §5.6.7.
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(parse(b"Wednesday, 09-Nov-94 08:49:37 GMT"), Some(784_370_977));
        assert_eq!(parse(b"Sat, 31 Dec 2016 23:59:60 GMT"), parse(b"Sat, 31 Dec 2016 23:59:59 GMT"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "Sun",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sat, 31 Dec 2016 22:59:60 GMT",
            "Thu, 30 Feb 2023 00:00:00 GMT",
            "Thu, 29 Feb 2023 00:00:00 GMT",
            "Wed, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sat, 01 Jan 0000 00:00:00 GMT",
            "Sat, 01 Jan 10000 00:00:00 GMT",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            " Sun Nov  6 08:49:37 1994 ",
            "Sunday, 06-Nov-94 08:49:61 GMT",
            "S\u{fc}n, 06 Nov 1994 08:49:37 GM",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_date_or_none(value: Vec<u8>) {
            parse(&value);
        }

        #[test]
        fn nearly_a_date_is_a_date_or_none(seconds in 0..=SECONDS_MAX, at in 0..29_usize, byte: u8) {
            let mut value = format(seconds);
            value[at] = byte;
            if let Some(read) = parse(&value) {
                // The one second that has two names.
                prop_assert!(format(read) == value || value[17..25] == *b"23:59:60");
            }
        }

        #[test]
        fn a_written_date_is_read_back(seconds in 0..=SECONDS_MAX) {
            prop_assert_eq!(parse(&format(seconds)), Some(seconds));
        }

        #[test]
        fn it_writes_what_httpdate_writes(seconds in 0..=SECONDS_MAX) {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            prop_assert_eq!(format(seconds).to_vec(), httpdate::fmt_http_date(time).into_bytes());
        }
    }
}
