//! The head of an HTTP/2 request (RFC 9113 §8.2, §8.3), field by field as it is decompressed, in the form that all protocols share.

use http::StatusCode;

use crate::config::Limits;
use crate::http::host;
use crate::http::request::{Known, RequestHead, Version};
use crate::serve::exchange::push_line;
use crate::serve::refusal::Refusal;

/// A target that is too long is not logged whole.
const LOGGED_TARGET_BYTES_MAX: usize = 1024;

/// Why a head is not taken.
#[derive(Debug)]
pub(super) enum HeadError {
    /// It is no HTTP: the stream is reset (RFC 9113 §8.1.1).
    Malformed(&'static str),
    /// It is answered with this; other streams go on.
    Refused(Refusal),
}

/// What a head asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An answer.
    Answer,
    /// A stream for a WebSocket (RFC 8441). The head is as that of HTTP/1 would be, but for its key.
    Tunnel,
}

/// Takes one head in. What is there is there even when it is refused, for the log.
pub(super) struct HeadReader<'a> {
    head: &'a mut RequestHead,
    limits: &'a Limits,
    pseudo: Pseudo<'a>,
    cookies: Vec<u8>,
    /// Bytes of the pseudo-header fields' values, and of names and values.
    bytes: u64,
    fields: usize,
    has_begun: bool,
    malformed: Option<&'static str>,
}

/// The pseudo-header fields (RFC 9113 §8.3.1), one behind the other in memory that is used again.
struct Pseudo<'a> {
    bytes: &'a mut Vec<u8>,
    method: Option<std::ops::Range<usize>>,
    path: Option<std::ops::Range<usize>>,
    authority: Option<std::ops::Range<usize>>,
    protocol: Option<std::ops::Range<usize>>,
    scheme: Option<std::ops::Range<usize>>,
}

impl Pseudo<'_> {
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let slot = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            b":authority" => &mut self.authority,
            b":scheme" => &mut self.scheme,
            b":protocol" => &mut self.protocol,
            b":status" => return Err("a pseudo-header field of responses"),
            _ => return Err("an unknown pseudo-header field"),
        };
        if slot.is_some() {
            return Err("a pseudo-header field twice");
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        *slot = Some(start..self.bytes.len());
        Ok(())
    }

    fn get(&self, range: Option<&std::ops::Range<usize>>) -> Option<&[u8]> {
        self.bytes.get(range?.clone())
    }
}

impl<'a> HeadReader<'a> {
    /// `memory` is used for what has no place of its own yet.
    pub(super) fn new(head: &'a mut RequestHead, limits: &'a Limits, memory: &'a mut Vec<u8>) -> Self {
        memory.clear();
        let pseudo = Pseudo { bytes: memory, method: None, path: None, authority: None, protocol: None, scheme: None };
        Self { head, limits, pseudo, cookies: Vec::new(), bytes: 0, fields: 0, has_begun: false, malformed: None }
    }

    /// Takes one field in.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.malformed.is_none()
            && let Err(cause) = self.take(name, value)
        {
            self.malformed = Some(cause);
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name.first() == Some(&b':') {
            if self.has_begun {
                return Err("a pseudo-header field behind a field");
            }
            if !is_value(value) {
                return Err("a control byte in a value");
            }
            return self.pseudo.take(name, value);
        }
        if !self.has_begun {
            self.begin();
        }
        self.bytes += (name.len() + value.len()) as u64;
        self.fields += 1;
        // What is above a limit is counted and not looked at: the answer is known, and a byte of a block can stand for a field of 4 KiB.
        if self.bytes > self.limits.header.0 || self.fields > self.limits.header_count {
            return Ok(());
        }
        check_field(name, value)?;
        let value = value.trim_ascii();
        // The key is of HTTP/1, where we make it anew (RFC 8441 §5).
        if self.pseudo.protocol.is_some() && name == b"sec-websocket-key" {
            return Ok(());
        }
        if name == b"cookie" {
            // Crumbs are joined for whoever speaks another protocol (RFC 9113 §8.2.3).
            if !self.cookies.is_empty() {
                self.cookies.extend_from_slice(b"; ");
            }
            self.cookies.extend_from_slice(value);
        } else {
            self.head.push(name, value);
        }
        Ok(())
    }

    /// All pseudo-header fields are there.
    fn begin(&mut self) {
        self.has_begun = true;
        let method = self.pseudo.get(self.pseudo.method.as_ref()).unwrap_or_default();
        let path = self.pseudo.get(self.pseudo.path.as_ref()).unwrap_or_default();
        self.bytes += self.pseudo.bytes.len() as u64;
        let logged = if path.len() as u64 > self.limits.uri.0 { path.len().min(LOGGED_TARGET_BYTES_MAX) } else { path.len() };
        let protocol = self.pseudo.get(self.pseudo.protocol.as_ref());
        let method = if protocol.is_some() { b"GET" } else { method };
        self.head.start(Version::Http2, method, path.get(..logged).unwrap_or_default());
        if let Some(authority) = self.pseudo.get(self.pseudo.authority.as_ref()) {
            self.head.set_authority(authority);
        }
        // What HTTP/1 says by an upgrade: those who decide and forward need not know that it was said otherwise.
        if let Some(protocol) = protocol {
            self.head.push(b"upgrade", protocol);
            self.head.push(b"connection", b"upgrade");
        }
    }

    /// The whole head was there.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub(super) fn finish(mut self) -> Result<Purpose, HeadError> {
        if !self.has_begun {
            self.begin();
        }
        if !self.cookies.is_empty() {
            self.head.push(b"cookie", &self.cookies);
        }
        if let Some(cause) = self.malformed {
            return Err(HeadError::Malformed(cause));
        }
        self.check_pseudo().map_err(HeadError::Malformed)?;
        self.check_limits().and_then(|()| self.check()).map_err(HeadError::Refused)?;
        Ok(if self.pseudo.protocol.is_some() { Purpose::Tunnel } else { Purpose::Answer })
    }

    fn check_pseudo(&self) -> Result<(), &'static str> {
        let method = self.pseudo.get(self.pseudo.method.as_ref()).ok_or("no :method")?;
        if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) {
            return Err("a malformed :method");
        }
        let is_extended = self.pseudo.protocol.is_some();
        if is_extended && method != b"CONNECT" {
            return Err(":protocol without CONNECT");
        }
        if method == b"CONNECT" && !is_extended {
            // It names a server and nothing else (RFC 9113 §8.5).
            let is_bare = self.pseudo.scheme.is_none() && self.pseudo.path.is_none() && self.pseudo.authority.is_some();
            return if is_bare { Ok(()) } else { Err("a malformed CONNECT") };
        }
        let scheme = self.pseudo.get(self.pseudo.scheme.as_ref()).ok_or("no :scheme")?;
        if !scheme.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err("a malformed :scheme");
        }
        match self.pseudo.get(self.pseudo.path.as_ref()) {
            None => Err("no :path"),
            Some([]) => Err("an empty :path"),
            Some(b"*") if method == b"OPTIONS" => Ok(()),
            Some(b"*") => Err("a :path of * without OPTIONS"),
            Some(path) if path.iter().any(|&byte| byte <= b' ' || byte == 0x7F || byte == b'#') => {
                Err("a :path with white space, a control byte or a fragment")
            }
            Some(_) => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let limits = self.limits;
        if self.pseudo.path.as_ref().is_some_and(|path| path.len() as u64 > limits.uri.0) {
            let cause = format!("the target is longer than limits.uri ({} bytes)", limits.uri.0);
            return Err(Refusal::new(StatusCode::URI_TOO_LONG, cause));
        }
        if self.fields > limits.header_count {
            let cause = format!("more fields than limits.header_count ({})", limits.header_count);
            return Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause));
        }
        if self.bytes > limits.header.0 {
            let cause = format!("the head exceeds limits.header ({} bytes)", limits.header.0);
            return Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        check_authority(self.head)?;
        if let Some(protocol) = self.pseudo.get(self.pseudo.protocol.as_ref())
            && protocol != b"websocket"
        {
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "a :protocol that is not websocket"));
        }
        if self.head.method_token() == b"CONNECT" {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "CONNECT: not a forward proxy"));
        }
        match self.head.value(Known::Expect) {
            Some(value) if !value.eq_ignore_ascii_case(b"100-continue") => {
                Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "unknown expectation"))
            }
            _ => Ok(()),
        }
    }
}

/// The length that a head states (RFC 9110 §8.6).
pub(super) fn content_length(head: &RequestHead) -> Result<Option<u64>, &'static str> {
    let Some(value) = head.value(Known::ContentLength) else { return Ok(None) };
    let is_one = head.fields().filter(|field| field.known == Some(Known::ContentLength)).all(|field| field.value == value);
    let digits =
        std::str::from_utf8(value).ok().filter(|text| is_one && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).map(Some).ok_or("a malformed content-length")
}

/// Takes a trailer in, as a line, if it is one that may be passed on.
pub(super) fn trailer(lines: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    if name.first() == Some(&b':') {
        return Err("a pseudo-header field in trailers");
    }
    check_field(name, value)?;
    if crate::http::hop::may_trail(name) {
        push_line(lines, name, value.trim_ascii());
    }
    Ok(())
}

/// RFC 9113 §8.2.1, §8.2.2.
fn check_field(name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte) && !byte.is_ascii_uppercase()) {
        return Err("a malformed name of a field");
    }
    if !is_value(value) {
        return Err("a control byte in a value");
    }
    match name {
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => Err("a field of the connection"),
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => Err("a `te` that is not `trailers`"),
        _ => Ok(()),
    }
}

fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte >= b' ' && byte != 0x7F || byte == b'\t')
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `:authority`, or `Host`; both must agree (RFC 9113 §8.3.1).
fn check_authority(head: &RequestHead) -> Result<(), Refusal> {
    let bad = |cause: &'static str| Refusal::new(StatusCode::BAD_REQUEST, cause);
    if head.is_repeated(Known::Host) {
        return Err(bad("more than one Host"));
    }
    let authority = head.authority().ok_or_else(|| bad("no :authority and no Host"))?;
    if host::parse(authority).is_none() {
        return Err(bad("malformed :authority"));
    }
    match head.value(Known::Host) {
        Some(field) if !field.eq_ignore_ascii_case(authority) => Err(bad("Host and :authority name different hosts")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::defaults;

    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":path", "/a?b"), (":authority", "a.b")];

    fn read(fields: &[(&str, &str)]) -> Result<RequestHead, String> {
        let mut head = RequestHead::default();
        let mut memory = Vec::new();
        let mut reader = HeadReader::new(&mut head, &defaults::LIMITS, &mut memory);
        fields.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
        match reader.finish() {
            Ok(_) => Ok(head),
            Err(HeadError::Malformed(cause)) => Err(cause.to_owned()),
            Err(HeadError::Refused(refusal)) => Err(refusal.status.as_u16().to_string()),
        }
    }

    fn with(extra: &[(&str, &str)]) -> Result<RequestHead, String> {
        read(&[&GET[..], extra].concat())
    }

    #[test]
    fn a_head_is_read_and_its_cookie_is_one() {
        let head = with(&[("cookie", "a=1"), ("x", " y "), ("cookie", "b=2")]).expect("a head");
        assert_eq!((head.path(), head.query(), head.authority()), (&b"/a"[..], Some(&b"b"[..]), Some(&b"a.b"[..])));
        assert_eq!((head.field("cookie"), head.field("x")), (Some(&b"a=1; b=2"[..]), Some(&b"y"[..])));
    }

    #[test]
    fn what_is_no_http_is_malformed() {
        let long = "x".repeat(40_000);
        let many: Vec<_> = GET.into_iter().chain((0..101).map(|_| ("x", "y"))).collect();
        assert_eq!(read(&many).err().as_deref(), Some("431"));
        for (extra, cause) in [
            (&[("X", "y")][..], "a malformed name of a field"),
            (&[("", "y")], "a malformed name of a field"),
            (&[("x y", "y")], "a malformed name of a field"),
            (&[("x", "a\r\nb")], "a control byte in a value"),
            (&[("x", "a\0")], "a control byte in a value"),
            (&[("connection", "close")], "a field of the connection"),
            (&[("transfer-encoding", "chunked")], "a field of the connection"),
            (&[("te", "gzip")], "a `te` that is not `trailers`"),
            (&[("x", "y"), (":path", "/")], "a pseudo-header field behind a field"),
            (&[(":path", "/")], "a pseudo-header field twice"),
            (&[(":status", "200")], "a pseudo-header field of responses"),
            (&[(":protocol", "websocket")], ":protocol without CONNECT"),
            (&[("x", &long)], "431"),
            (&[("host", "other")], "400"),
            (&[("expect", "cake")], "417"),
        ] {
            assert_eq!(with(extra).err().as_deref(), Some(cause), "{extra:?}");
        }
        for path in ["/a b", "/a\tb", "/a\u{7f}", "/a#b", "", "*"] {
            assert!(read(&[(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", "a")]).is_err(), "{path:?}");
        }
        for missing in 0..3 {
            let rest: Vec<_> = GET.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, field)| *field).collect();
            assert!(read(&rest).is_err_and(|cause| cause.starts_with("no :")), "{missing}");
        }
        assert_eq!(read(&[(":method", "CONNECT"), (":authority", "a:443")]).err().as_deref(), Some("405"));
    }

    #[test]
    fn what_is_above_a_limit_is_counted_and_not_looked_at() {
        let (long, wrong) = ("x".repeat(40_000), "X".repeat(4000));
        assert_eq!(with(&[("x", &long), (&wrong, "y")]).err().as_deref(), Some("431"));
        let many: Vec<_> = GET.into_iter().chain((0..101).map(|_| ("x", "y"))).chain([("X", "y")]).collect();
        assert_eq!(read(&many).err().as_deref(), Some("431"));
    }

    #[test]
    fn pseudo_fields_count_as_what_they_are_made_of() {
        let long = "x".repeat(40_000);
        for at in [0, 1, 3] {
            let mut fields = GET;
            fields[at].1 = &long;
            assert_eq!(read(&fields).err().as_deref(), Some("431"), "{}", fields[at].0);
        }
    }

    #[test]
    fn one_length_is_stated_or_none() {
        let length = |fields: &[(&str, &str)]| content_length(&with(fields).expect("a head"));
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&[("content-length", "12"), ("content-length", "12")]), Ok(Some(12)));
        for wrong in ["", "-1", "+1", "1, 2", "99999999999999999999"] {
            assert!(length(&[("content-length", wrong)]).is_err(), "{wrong}");
        }
        assert!(length(&[("content-length", "1"), ("content-length", "2")]).is_err());
    }
}
