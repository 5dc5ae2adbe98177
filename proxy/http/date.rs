//! IMF-fixdate and its two obsolete forms (RFC 9110 §5.6.7).

/// `Sun, 06 Nov 1994 08:49:37 GMT` for these seconds since the epoch. Years after 9999 are held at 9999.
pub fn format(seconds: u64) -> [u8; 29] {
    let _ = seconds;
    todo!()
}

/// Seconds since the epoch of a date in any of the three forms; `None` when it is none or before 1970.
pub fn parse(value: &[u8]) -> Option<u64> {
    let _ = value;
    todo!()
}
