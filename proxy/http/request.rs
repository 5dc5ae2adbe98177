//! The head of a request, whatever protocol brought it: one buffer of bytes and offsets into it, so that a connection can use it again
//! for its next request without a new allocation.

#![allow(clippy::indexing_slicing, reason = "one slot for each known field")]

use std::borrow::Cow;
use std::ops::Range;

/// The version that the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As in a log line and in `Via`: `HTTP/1.1`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// The methods that Transom treats differently from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Trace,
    Connect,
    /// Any other token.
    Other,
}

impl Method {
    /// Reads the token; methods are case-sensitive (RFC 9110 §9.1).
    pub fn from_token(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// `true` when sending it twice does what sending it once does (RFC 9110 §9.2.2).
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace)
    }
}

/// The fields that Transom itself reads; found once while the head is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Known {
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Expect,
    Te,
    Accept,
    AcceptEncoding,
    IfMatch,
    IfUnmodifiedSince,
    IfNoneMatch,
    IfModifiedSince,
    IfRange,
    Range,
    SecFetchMode,
    UserAgent,
    Referer,
    ForwardedFor,
    ForwardedProto,
    ForwardedHost,
    RealIp,
    Forwarded,
    KeepAlive,
    ProxyConnection,
    ProxyAuthenticate,
    ProxyAuthorization,
    Http2Settings,
}

/// The shortest names first.
const KNOWN: [(&[u8], Known); KNOWN_COUNT] = [
    (b"te", Known::Te),
    (b"host", Known::Host),
    (b"range", Known::Range),
    (b"expect", Known::Expect),
    (b"accept", Known::Accept),
    (b"upgrade", Known::Upgrade),
    (b"referer", Known::Referer),
    (b"if-match", Known::IfMatch),
    (b"if-range", Known::IfRange),
    (b"x-real-ip", Known::RealIp),
    (b"forwarded", Known::Forwarded),
    (b"connection", Known::Connection),
    (b"user-agent", Known::UserAgent),
    (b"keep-alive", Known::KeepAlive),
    (b"if-none-match", Known::IfNoneMatch),
    (b"content-length", Known::ContentLength),
    (b"sec-fetch-mode", Known::SecFetchMode),
    (b"http2-settings", Known::Http2Settings),
    (b"accept-encoding", Known::AcceptEncoding),
    (b"x-forwarded-for", Known::ForwardedFor),
    (b"x-forwarded-host", Known::ForwardedHost),
    (b"proxy-connection", Known::ProxyConnection),
    (b"transfer-encoding", Known::TransferEncoding),
    (b"if-modified-since", Known::IfModifiedSince),
    (b"x-forwarded-proto", Known::ForwardedProto),
    (b"proxy-authenticate", Known::ProxyAuthenticate),
    (b"if-unmodified-since", Known::IfUnmodifiedSince),
    (b"proxy-authorization", Known::ProxyAuthorization),
];
const KNOWN_COUNT: usize = 28;
/// Bytes of the longest name.
const KNOWN_BYTES_MAX: usize = KNOWN[KNOWN_COUNT - 1].0.len();
/// Where in the table the names of each length are.
const KNOWN_BY_LENGTH: [(usize, usize); KNOWN_BYTES_MAX + 1] = {
    let mut places = [(0, 0); KNOWN_BYTES_MAX + 1];
    let mut index = 0;
    while index < KNOWN_COUNT {
        let place = &mut places[KNOWN[index].0.len()];
        if place.1 == 0 {
            place.0 = index;
        }
        place.1 = index + 1;
        index += 1;
    }
    places
};

impl Known {
    /// Finds a field name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        // The length leaves at most three candidates: this is asked of every field of every head.
        let &(start, end) = KNOWN_BY_LENGTH.get(name.len())?;
        KNOWN.get(start..end)?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, known)| known)
    }

    /// `true` for fields that concern one connection only (RFC 9110 §7.6.1).
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::TransferEncoding
                | Self::Upgrade
                | Self::Te
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::Http2Settings
        )
    }
}

/// One field line, as offsets.
#[derive(Debug, Clone)]
struct FieldLine {
    name: Range<u32>,
    value: Range<u32>,
    known: Option<Known>,
}

/// One field of a request.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The name as received.
    pub name: &'a [u8],
    /// The value without the white space around it.
    pub value: &'a [u8],
    /// Which of the fields that Transom reads it is.
    pub known: Option<Known>,
}

/// The head of one request.
///
/// Fill it with [`start`](Self::start) and [`push`](Self::push); it never grows past what the protocol's limits let in, which
/// must be below 4 GiB.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    bytes: Vec<u8>,
    version: Version,
    method: Method,
    method_token: Range<u32>,
    target: Range<u32>,
    authority: Option<Range<u32>>,
    path: Range<u32>,
    query: Option<Range<u32>>,
    lines: Vec<FieldLine>,
    /// Index of the first line of each known field plus one; 0 is none.
    first: [u16; KNOWN_COUNT],
    repeated: u32,
}

impl RequestHead {
    /// Forgets the last request, keeps the memory, and takes in a request line. `target` is what stood there; it is split by
    /// `split_target` at the protocol's word.
    pub fn start(&mut self, version: Version, method: &[u8], target: &[u8]) {
        self.bytes.clear();
        self.lines.clear();
        self.first = [0; KNOWN_COUNT];
        self.repeated = 0;
        self.version = version;
        self.method = Method::from_token(method);
        self.method_token = self.append(method);
        self.target = self.append(target);
        self.authority = None;
        self.path = self.target.clone();
        self.query = None;
        if let Some(at) = memchr::memchr(b'?', target) {
            let split = self.target.start + at as u32;
            self.path.end = split;
            self.query = Some(split + 1..self.target.end);
        }
    }

    /// Says that the target is in absolute-form (RFC 9112 §3.2.2): its first `origin_offset` bytes are scheme and authority.
    pub fn set_absolute(&mut self, authority: Range<usize>, origin_offset: usize) {
        let start = self.target.start;
        self.authority = Some(start + authority.start as u32..start + authority.end as u32);
        self.path.start = (start + origin_offset as u32).min(self.path.end);
    }

    /// Takes in the `:authority` of HTTP/2.
    pub fn set_authority(&mut self, authority: &[u8]) {
        self.authority = Some(self.append(authority));
    }

    /// Takes in one field line.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let known = Known::from_name(name);
        let name = self.append(name);
        let value = self.append(value);
        self.lines.push(FieldLine { name, value, known });
        if let Some(known) = known {
            let first = &mut self.first[known as usize];
            if *first == 0 {
                *first = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
            } else {
                self.repeated |= 1 << known as u32;
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len() as u32
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The method, by kind.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as received.
    pub fn method_token(&self) -> &[u8] {
        self.slice(&self.method_token)
    }

    /// The whole target as received.
    pub fn target(&self) -> &[u8] {
        self.slice(&self.target)
    }

    /// Path and query as received, without scheme and authority.
    pub fn path_and_query(&self) -> &[u8] {
        self.slice(&(self.path.start..self.target.end))
    }

    /// The path as received: not decoded, not normalised. Empty for `http://host` without one.
    pub fn path(&self) -> &[u8] {
        self.slice(&self.path)
    }

    /// The query without its `?`; `None` when there is no `?`.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_ref().map(|range| self.slice(range))
    }

    /// The authority: of an absolute target or `:authority`, else the `Host` field (RFC 9112 §3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        match &self.authority {
            Some(range) => Some(self.slice(range)),
            None => self.value(Known::Host),
        }
    }

    /// The value of the first line with this name.
    pub fn value(&self, known: Known) -> Option<&[u8]> {
        let index = self.first[known as usize].checked_sub(1)?;
        self.lines.get(usize::from(index)).map(|line| self.slice(&line.value))
    }

    /// `true` when more than one line has this name.
    pub fn is_repeated(&self, known: Known) -> bool {
        self.repeated & (1 << known as u32) != 0
    }

    /// The value of all lines with this name, joined with `, ` (RFC 9110 §5.3); borrowed when there is one.
    pub fn joined(&self, known: Known) -> Option<Cow<'_, [u8]>> {
        let first = self.value(known)?;
        if !self.is_repeated(known) {
            return Some(Cow::Borrowed(first));
        }
        let values: Vec<&[u8]> = self.fields().filter(|field| field.known == Some(known)).map(|field| field.value).collect();
        Some(Cow::Owned(values.join(&b", "[..])))
    }

    /// All fields in the order received.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.lines.iter().map(|line| Field { name: self.slice(&line.name), value: self.slice(&line.value), known: line.known })
    }

    /// Bytes of the method, the target, and all names and values.
    pub fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The number of field lines.
    pub fn field_count(&self) -> usize {
        self.lines.len()
    }

    /// The value of the first field with this name, whatever it is.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_field_is_found_by_its_name_in_any_case_and_no_other_is() {
        for (name, known) in KNOWN {
            assert_eq!(Known::from_name(name), Some(known));
            assert_eq!(Known::from_name(&name.to_ascii_uppercase()), Some(known));
            assert_eq!(Known::from_name(&[name, b"x"].concat()), None);
        }
        assert_eq!((Known::from_name(b""), Known::from_name(&[b'x'; 64])), (None, None));
        assert!(KNOWN.is_sorted_by_key(|(name, _)| name.len()));
    }
}
