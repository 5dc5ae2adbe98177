//! Which line of a head is to blame when the head is too large: for whoever must find out which cookie it was.

use std::fmt;

/// Bytes of a name that are shown.
const NAME_BYTES_MAX: usize = 64;

/// The longest line of a head, or of what has come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Longest<'a> {
    /// The name of the field; empty for the first line.
    name: &'a [u8],
    bytes: usize,
    /// Its end had not come.
    is_cut: bool,
}

impl<'a> Longest<'a> {
    /// Finds it.
    pub fn of(head: &'a [u8]) -> Self {
        let mut longest = Self { name: &[], bytes: 0, is_cut: false };
        for (index, line) in head.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if line.len() <= longest.bytes {
                continue;
            }
            let name = if index == 0 { &[][..] } else { line.split(|&byte| byte == b':').next().unwrap_or_default() };
            longest = Self { name: name.get(..NAME_BYTES_MAX).unwrap_or(name), bytes: line.len(), is_cut: !line.ends_with(b"\n") };
        }
        longest
    }
}

impl fmt::Display for Longest<'_> {
    /// `Set-Cookie has 70012 bytes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.is_cut { "more than " } else { "" };
        match self.name {
            [] => write!(f, "the first line has {more}{} bytes", self.bytes),
            name => write!(f, "{} has {more}{} bytes", name.escape_ascii(), self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_is_named_with_its_size() {
        for (head, said) in [
            (&b"HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: 0123456789\r\n\r\n"[..], "Set-Cookie has 24 bytes"),
            (b"HTTP/1.1 200 OK\r\nX-Huge: 0123456789", "X-Huge has more than 18 bytes"),
            (b"GET /0123456789 HTTP/1.1\r\nHost: a\r\n\r\n", "the first line has 26 bytes"),
            (b"", "the first line has 0 bytes"),
            (b"a\r\n\x1b[0m: 1\r\n", "\\x1b[0m has 9 bytes"),
        ] {
            assert_eq!(Longest::of(head).to_string(), said);
        }
    }
}
