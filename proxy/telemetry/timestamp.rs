//! Points in time as text for log lines, in UTC, with the text of the running second kept.
//!
//! `Date` and `Last-Modified` are not made here: see `http/date.rs`.

#![allow(clippy::indexing_slicing, reason = "clamped to the length of the table")]

use std::time::{SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z; what is later has no four-digit year and is shown as this.
const LAST_SECOND: u64 = 253_402_300_799;
const MONTHS: [&[u8; 3]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Writes times, and remembers the last second that it wrote: most lines of a busy log share one.
#[derive(Debug)]
pub(super) struct Timestamps {
    second: u64,
    /// `2026-11-21T10:00:00.`
    rfc3339: [u8; 20],
    /// `21/Nov/2026:10:00:00 +0000`
    combined: [u8; 26],
}

impl Default for Timestamps {
    fn default() -> Self {
        let mut new = Self { second: 0, rfc3339: *b"1970-01-01T00:00:00.", combined: *b"01/Jan/1970:00:00:00 +0000" };
        new.render(0);
        new
    }
}

impl Timestamps {
    /// Appends `2026-11-21T10:00:00.123Z` (RFC 3339, milliseconds). Before 1970 is shown as 1970.
    pub(super) fn rfc3339(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.turn_to(since_epoch.as_secs());
        out.extend_from_slice(&self.rfc3339);
        let mut millis = *b"000Z";
        digits(&mut millis[..3], u64::from(since_epoch.subsec_millis()));
        out.extend_from_slice(&millis);
    }

    /// Appends `21/Nov/2026:10:00:00 +0000`, as nginx's `$time_local` in UTC.
    pub(super) fn combined(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        self.turn_to(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        out.extend_from_slice(&self.combined);
    }

    fn turn_to(&mut self, second: u64) {
        if second != self.second {
            self.render(second);
        }
    }

    fn render(&mut self, second: u64) {
        self.second = second;
        let shown = second.min(LAST_SECOND);
        let (year, month, day) = civil(shown / 86_400);
        let (hour, minute, second) = (shown / 3600 % 24, shown / 60 % 60, shown % 60);
        digits(&mut self.rfc3339[0..4], year);
        digits(&mut self.rfc3339[5..7], month);
        digits(&mut self.rfc3339[8..10], day);
        digits(&mut self.rfc3339[11..13], hour);
        digits(&mut self.rfc3339[14..16], minute);
        digits(&mut self.rfc3339[17..19], second);
        digits(&mut self.combined[0..2], day);
        let name = MONTHS[(month as usize).clamp(1, 12) - 1];
        self.combined[3..6].copy_from_slice(name);
        digits(&mut self.combined[7..11], year);
        digits(&mut self.combined[12..14], hour);
        digits(&mut self.combined[15..17], minute);
        digits(&mut self.combined[18..20], second);
    }
}

/// Fills `place` with the last digits of `value`, with zeros before them.
fn digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01.
///
/// Years are counted from 1 March, so that the leap day is the last of its year and needs no special case.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468; // from 0000-03-01
    const CYCLE: u64 = 146_097; // 400 years
    let days = days + DAYS_TO_1970;
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    // Take the leap days out, so that every year has 365: one each 1461 days, but for three of four centuries.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months from March are 31 30 31 30 31 | 31 30 31 30 31 | 31 …: five of them have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * cycle + year + carry, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64, millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis)
    }

    fn rfc3339(time: SystemTime) -> String {
        let mut out = Vec::new();
        Timestamps::default().rfc3339(&mut out, time);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments_have_their_known_text() {
        assert_eq!(rfc3339(at(0, 0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(at(951_782_399, 999)), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(at(951_782_400, 1)), "2000-02-29T00:00:00.001Z");
        assert_eq!(rfc3339(at(4_107_542_400, 0)), "2100-03-01T00:00:00.000Z");
        assert_eq!(rfc3339(at(LAST_SECOND + 86_400, 0)), "9999-12-31T23:59:59.000Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_kept_second_gives_way_to_a_new_one_and_to_an_older_one() {
        let mut times = Timestamps::default();
        for (seconds, text) in
            [(1_700_000_000, "14/Nov/2023:22:13:20"), (1_700_000_001, "14/Nov/2023:22:13:21"), (1_600_000_000, "13/Sep/2020:12:26:40")]
        {
            let mut out = Vec::new();
            times.combined(&mut out, at(seconds, 7));
            assert_eq!(String::from_utf8(out).unwrap(), format!("{text} +0000"));
        }
    }

    proptest::proptest! {
        #[test]
        #[expect(clippy::string_slice, reason = "the date of HTTP is ASCII of a fixed length")]
        fn every_second_agrees_with_httpdate(seconds in 0..=LAST_SECOND) {
            let http = httpdate::fmt_http_date(at(seconds, 0)); // Sun, 06 Nov 1994 08:49:37 GMT
            let mut ours = Vec::new();
            Timestamps::default().combined(&mut ours, at(seconds, 0));
            let expected = format!("{}/{}/{}:{} +0000", &http[5..7], &http[8..11], &http[12..16], &http[17..25]);
            proptest::prop_assert_eq!(String::from_utf8(ours).unwrap(), expected);
        }
    }
}
