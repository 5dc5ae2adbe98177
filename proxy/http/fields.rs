//! A block of response fields that is known before the request: serialised once, in the forms that HTTP/1 and HTTP/2 want.

use std::sync::OnceLock;

use http::{HeaderName, HeaderValue};

use super::hpack::encoder;

/// Room for the lines of a usual response; made once instead of by doubling.
const LINES_BYTES: usize = 1024;

/// Appends one field line. The name is lower case, and both are known to be valid.
pub fn push_line(lines: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    lines.extend_from_slice(name);
    lines.extend_from_slice(b": ");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"\r\n");
}

/// Names and values of the lines that [`push_line`] made.
pub fn split_lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r")?;
        let colon = memchr::memchr(b':', line)?;
        Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
    })
}

/// Fields in both forms. Never holds `Date`, `Content-Length`, `Transfer-Encoding` or `Connection`: the protocol writes those.
#[derive(Debug, Clone, Default)]
pub struct FieldBlock {
    lines: Box<[u8]>,
    /// Made when HTTP/2 first asks for it: most of a build is never asked for.
    hpack: OnceLock<Box<[u8]>>,
}

impl FieldBlock {
    /// Serialises the fields in the order given; a name may come more than once.
    pub fn new(fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        let mut lines = Vec::with_capacity(LINES_BYTES);
        for (name, value) in fields {
            push_line(&mut lines, name.as_str().as_bytes(), value.as_bytes());
        }
        Self { lines: lines.into_boxed_slice(), hpack: OnceLock::new() }
    }

    /// `name: value\r\n` for each field, without the empty line.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// About how many bytes of memory it takes at the most, beside itself: the form for HTTP/2 is no longer than the lines.
    pub fn memory_bytes(&self) -> u64 {
        2 * self.lines.len() as u64
    }

    /// The fields as HTTP/2 sends them (RFC 7541), the same on every connection.
    pub fn hpack(&self) -> &[u8] {
        self.hpack.get_or_init(|| {
            let mut block = Vec::new();
            for (name, value) in self.iter() {
                encoder::constant_field(&mut block, name, value);
            }
            block.into_boxed_slice()
        })
    }

    /// Names in lower case, and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        split_lines(&self.lines)
    }

    /// The values of the fields with this name, which is in lower case.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    /// The value of the first of them.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }
}

/// Whether it was asked for over HTTP/2 yet makes no difference.
impl PartialEq for FieldBlock {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
    }
}
