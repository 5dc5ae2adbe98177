//! A block of response fields that is known before the request: serialised once, in the forms that HTTP/1 and HTTP/2 want.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Room for the lines of a usual response; made once instead of by doubling.
const LINES_BYTES: usize = 1024;

/// What a field takes in a map: its name and value with a hash and links, and its places in the index.
const MAP_ENTRY_BYTES: usize = size_of::<(HeaderName, HeaderValue)>() + 40;

/// Fields in both forms. Never holds `Date`, `Content-Length`, `Transfer-Encoding` or `Connection`: the protocol writes those.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldBlock {
    lines: Box<[u8]>,
    map: HeaderMap,
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
        Self { lines: lines.into_boxed_slice(), map }
    }

    /// `name: value\r\n` for each field, without the empty line.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// About how many bytes of memory it takes, beside itself.
    pub fn memory_bytes(&self) -> u64 {
        (self.lines.len() + self.map.capacity() * MAP_ENTRY_BYTES) as u64
    }

    /// The fields for HTTP/2.
    pub fn map(&self) -> &HeaderMap {
        &self.map
    }
}
