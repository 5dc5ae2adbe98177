//! A block of response fields that is known before the request: serialised once, in the forms that HTTP/1 and HTTP/2 want.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::hpack::encoder;
/// Room for the lines of a usual response; made once instead of by doubling.
const LINES_BYTES: usize = 1024;

/// What a field takes in a map: its name and value with a hash and links, and its places in the index.
const MAP_ENTRY_BYTES: usize = size_of::<(HeaderName, HeaderValue)>() + 40;

/// Fields in both forms. Never holds `Date`, `Content-Length`, `Transfer-Encoding` or `Connection`: the protocol writes those.
#[derive(Debug, Clone, Default)]
pub struct FieldBlock {
    lines: Box<[u8]>,
    map: HeaderMap,
    /// Made when HTTP/2 first asks for it: most of a build is never asked for.
    hpack: OnceLock<Box<[u8]>>,
}

impl FieldBlock {
    /// Serialises the fields in the order given; a name may come more than once.
    pub fn new(fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        let fields = fields.into_iter();
        let mut lines = Vec::with_capacity(LINES_BYTES);
        let mut map = HeaderMap::with_capacity(fields.size_hint().0);
        for (name, value) in fields {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.extend_from_slice(b"\r\n");
            map.append(name, value);
        }
        Self { lines: lines.into_boxed_slice(), map, hpack: OnceLock::new() }
    }

    /// `name: value\r\n` for each field, without the empty line.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// About how many bytes of memory it takes, beside itself.
    pub fn memory_bytes(&self) -> u64 {
        (self.lines.len() + self.map.capacity() * MAP_ENTRY_BYTES) as u64
    }

    /// The fields as HTTP/2 sends them (RFC 7541), the same on every connection.
    pub fn hpack(&self) -> &[u8] {
        self.hpack.get_or_init(|| {
            let mut block = Vec::new();
            // In the order of the lines, which a map does not keep.
            for line in self.lines.split(|&byte| byte == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if let Some((name, value)) = memchr::memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) {
                    encoder::constant_field(&mut block, name, value.get(2..).unwrap_or_default());
                }
            }
            block.into_boxed_slice()
        })
    }

    /// The fields as types.
    pub fn map(&self) -> &HeaderMap {
        &self.map
    }
}

/// Whether it was asked for over HTTP/2 yet makes no difference.
impl PartialEq for FieldBlock {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
    }
}
