//! Reading the head of a request (RFC 9112 §2–§3, §6): tokenised by httparse, then checked so that nobody behind can read it differently.

use std::mem::MaybeUninit;
use std::ops::Range;

use http::StatusCode;

use super::framing::{Framing, FramingError, FramingFields};
use crate::config::Limits;
use crate::http::oversize::Longest;
use crate::http::request::{Known, RequestHead, Version};
use crate::http::{hop, host};
use crate::serve::refusal::Refusal;

/// Fields that the tokeniser has room for; `limits.header_count` is below it.
const FIELDS_MAX: usize = 1024;
/// Empty lines that are skipped before a request line (RFC 9112 §2.2).
const LEADING_BYTES_MAX: usize = 16;

/// What else a head says of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestMeta {
    /// How the body ends; never `UntilClose`.
    pub(crate) framing: Framing,
    /// The connection can be used again after the response.
    pub(crate) keep_alive: bool,
    /// The client waits for a 100.
    pub(crate) expects_continue: bool,
    /// Bytes of the head.
    pub(crate) head_bytes: u64,
}

/// Finds the end of a head without tokenising it, so that a head that comes byte by byte costs linear time.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    scanned: usize,
    lines: usize,
}

impl HeadScanner {
    /// Looks at all that has come in; gives the length of the head with its empty line once it is complete.
    ///
    /// # Errors
    /// When a limit is passed before the end.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        while let Some(found) = memchr::memchr(b'\n', bytes.get(self.scanned..).unwrap_or_default()) {
            let newline = self.scanned + found;
            let line = bytes.get(self.scanned..newline).unwrap_or_default();
            let is_empty = matches!(line, [] | [b'\r']);
            self.scanned = newline + 1;
            if is_empty && self.lines > 0 {
                return if self.scanned as u64 > limits.header.0 { Err(Self::too_large(bytes, limits)) } else { Ok(Some(self.scanned)) };
            }
            if !is_empty {
                if self.lines == 0 && memchr::memmem::find(line, b" HTTP/").is_none() {
                    return Err(bad("malformed request line"));
                }
                self.lines += 1;
            } else if newline > LEADING_BYTES_MAX {
                return Err(Refusal::closing(StatusCode::BAD_REQUEST, "too many empty lines before the request"));
            }
        }
        let pending = bytes.len() - self.scanned;
        if self.lines == 0 {
            refuse_foreign(bytes.get(self.scanned..).unwrap_or_default())?;
        }
        if self.lines == 0 && pending as u64 > limits.uri.0 + 64 {
            return Err(Refusal::closing(
                StatusCode::URI_TOO_LONG,
                format!("the request line exceeds limits.uri ({} bytes)", limits.uri.0),
            ));
        }
        if bytes.len() as u64 > limits.header.0 {
            return Err(Self::too_large(bytes, limits));
        }
        Ok(None)
    }

    fn too_large(bytes: &[u8], limits: &Limits) -> Refusal {
        let cause = format!("the head exceeds limits.header ({} bytes): {}", limits.header.0, Longest::of(bytes));
        Refusal::closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause)
    }
}

/// What cannot become a request line is refused at its first byte, and not when the deadline for a head has passed.
fn refuse_foreign(start: &[u8]) -> Result<(), Refusal> {
    match start.first() {
        Some(0x16) => Err(bad("TLS on a plain HTTP port")),
        Some(byte) if !byte.is_ascii_graphic() && *byte != b'\r' => Err(bad("not HTTP")),
        _ => Ok(()),
    }
}

fn bad(cause: &'static str) -> Refusal {
    Refusal::closing(StatusCode::BAD_REQUEST, cause)
}

/// Reads a complete head into `head`. What could be read is there even when it is refused, for the log.
///
/// # Errors
/// The refusal, always one that closes the connection.
pub(crate) fn parse(bytes: &[u8], head: &mut RequestHead, limits: &Limits) -> Result<RequestMeta, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let result = request.parse_with_uninit_headers(bytes, &mut fields);
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let version = if request.version == Some(0) { Version::Http10 } else { Version::Http11 };
    head.start(version, method.as_bytes(), target.as_bytes());
    match result {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(bad("an empty line inside the head")),
        Err(error) => return Err(refuse_syntax(error, bytes, limits)),
    }
    if target.len() as u64 > limits.uri.0 {
        let cause = format!("the target is longer than limits.uri ({} bytes)", limits.uri.0);
        return Err(Refusal::closing(StatusCode::URI_TOO_LONG, cause));
    }
    if request.headers.len() > limits.header_count {
        return Err(too_many_fields(limits));
    }
    let mut framing = FramingFields::default();
    for field in request.headers.iter() {
        // The tokeniser leaves white space at the end of a value, and lets a lone CR through where LF ends lines.
        let value = field.value.trim_ascii();
        head.push(field.name.as_bytes(), value);
    }
    for field in head.fields() {
        match field.known {
            Some(Known::ContentLength) => framing.content_length(field.value),
            Some(Known::TransferEncoding) => framing.transfer_encoding(field.value),
            _ => {}
        }
    }
    check_target(head)?;
    check_host(head)?;
    Ok(RequestMeta {
        framing: request_framing(framing, version)?,
        keep_alive: keep_alive(head),
        expects_continue: expects_continue(head)?,
        head_bytes: bytes.len() as u64,
    })
}

fn refuse_syntax(error: httparse::Error, bytes: &[u8], limits: &Limits) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => too_many_fields(limits),
        httparse::Error::Version => {
            let line = bytes.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
            if line.trim_ascii() == b"PRI * HTTP/2.0" {
                Refusal::closing(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTP/2 without TLS is not served here")
            } else if line.split(|&byte| byte == b' ').nth(2).is_some_and(|version| version.starts_with(b"HTTP/")) {
                Refusal::closing(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "unknown HTTP version")
            } else {
                bad("malformed request line")
            }
        }
        httparse::Error::HeaderName => bad("malformed field name"),
        httparse::Error::HeaderValue => bad("malformed field value"),
        httparse::Error::NewLine => bad("malformed line end"),
        httparse::Error::Status | httparse::Error::Token => bad("malformed request line"),
    }
}

fn too_many_fields(limits: &Limits) -> Refusal {
    let cause = format!("more fields than limits.header_count ({})", limits.header_count);
    Refusal::closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, cause)
}

/// Accepts origin-form, absolute-form and `*` (RFC 9112 §3.2); CONNECT's authority-form is nothing that Transom serves.
fn check_target(head: &mut RequestHead) -> Result<(), Refusal> {
    let target = head.target();
    if target.iter().any(|&byte| byte <= b' ' || byte == 0x7F || byte == b'#') {
        return Err(bad("a target with white space, a control byte or a fragment"));
    }
    match target.first() {
        Some(b'/') => Ok(()),
        Some(b'*') if target == b"*" && head.method_token() == b"OPTIONS" => Ok(()),
        _ if head.method_token() == b"CONNECT" => Err(Refusal::closing(StatusCode::METHOD_NOT_ALLOWED, "CONNECT: not a forward proxy")),
        _ => match split_absolute(target) {
            Some((authority, offset)) => {
                head.set_absolute(authority, offset);
                Ok(())
            }
            None => Err(bad("malformed target")),
        },
    }
}

/// `http://authority/path`: where the authority is, and where the path begins.
fn split_absolute(target: &[u8]) -> Option<(Range<usize>, usize)> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let rest = target.get(scheme.len()..)?;
    let end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    (end > 0).then(|| (scheme.len()..scheme.len() + end, scheme.len() + end))
}

/// Exactly one `Host` in HTTP/1.1, and one that agrees with an absolute target (RFC 9112 §3.2, §3.2.2).
fn check_host(head: &RequestHead) -> Result<(), Refusal> {
    if head.is_repeated(Known::Host) {
        return Err(bad("more than one Host"));
    }
    let field = head.value(Known::Host);
    match (field, head.version()) {
        (None, Version::Http11) => return Err(bad("no Host")),
        (None, _) => {}
        (Some([]), _) => return Err(bad("an empty Host")),
        (Some(value), _) if host::parse(value).is_none() => return Err(bad("malformed Host")),
        (Some(_), _) => {}
    }
    let Some(authority) = head.authority() else { return Ok(()) };
    if host::parse(authority).is_none() {
        return Err(bad("malformed authority in the target"));
    }
    match field {
        Some(value) if !value.eq_ignore_ascii_case(authority) => Err(bad("Host and target name different hosts")),
        _ => Ok(()),
    }
}

fn request_framing(fields: FramingFields, version: Version) -> Result<Framing, Refusal> {
    match fields.resolve() {
        // HTTP/1.0 knows no transfer codings: whoever forwards this may count differently (RFC 9112 §6.1).
        Ok(Some(Framing::Chunked)) if version == Version::Http10 => Err(bad("Transfer-Encoding in HTTP/1.0")),
        Ok(framing) => Ok(framing.unwrap_or(Framing::Empty)),
        Err(FramingError::UnknownCoding) => Err(Refusal::closing(StatusCode::NOT_IMPLEMENTED, FramingError::UnknownCoding.cause())),
        Err(error) => Err(bad(error.cause())),
    }
}

/// Persistence (RFC 9112 §9.3).
fn keep_alive(head: &RequestHead) -> bool {
    let names = |token: &[u8]| {
        head.joined(Known::Connection).is_some_and(|value| hop::members(&value).any(|member| member.eq_ignore_ascii_case(token)))
    };
    match head.version() {
        Version::Http10 => names(b"keep-alive") && !names(b"close"),
        Version::Http11 | Version::Http2 => !names(b"close"),
    }
}

fn expects_continue(head: &RequestHead) -> Result<bool, Refusal> {
    match head.value(Known::Expect) {
        None => Ok(false),
        // An HTTP/1.0 client cannot take a 100 (RFC 9110 §10.1.1).
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(head.version() == Version::Http11),
        Some(_) => Err(Refusal::closing(StatusCode::EXPECTATION_FAILED, "unknown expectation")),
    }
}

/// Takes in what is there of a request line, for the log of a request that was refused before its head was whole.
pub(crate) fn parse_line(bytes: &[u8], head: &mut RequestHead) {
    let line = bytes.split(|&byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let method = words.next().unwrap_or_default();
    let is_token = !method.is_empty() && method.len() <= 32 && method.iter().all(u8::is_ascii_alphanumeric);
    let target = words.next().unwrap_or_default();
    let target = target.get(..target.len().min(LOGGED_TARGET_BYTES_MAX)).unwrap_or_default();
    let method = if is_token { method } else { &[] };
    head.start(Version::Http11, method, if is_token { target } else { &[] });
}

/// A target that is too long is not logged whole.
const LOGGED_TARGET_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::defaults;
    use crate::http::request::Method;

    fn read(bytes: &[u8]) -> Result<(RequestHead, RequestMeta), u16> {
        let mut head = RequestHead::default();
        let status = |refusal: Refusal| {
            assert!(refusal.close, "a connection on which a head was refused cannot go on");
            refusal.status.as_u16()
        };
        match HeadScanner::default().scan(bytes, &defaults::LIMITS) {
            Ok(Some(end)) => {
                let meta = parse(&bytes[..end], &mut head, &defaults::LIMITS).map_err(status)?;
                Ok((head, meta))
            }
            Ok(None) => Err(0),
            Err(refusal) => Err(status(refusal)),
        }
    }

    #[test]
    fn a_plain_request_is_read_whole() {
        let (head, meta) = read(b"\r\nGET /a?b=c HTTP/1.1\r\nHost: example.com:8080\r\nAccept:  text/html \r\n\r\n").expect("valid");
        assert_eq!((head.method(), head.path(), head.query()), (Method::Get, &b"/a"[..], Some(&b"b=c"[..])));
        assert_eq!((head.authority(), head.value(Known::Accept)), (Some(&b"example.com:8080"[..]), Some(&b"text/html"[..])));
        assert_eq!((meta.framing, meta.keep_alive, meta.expects_continue), (Framing::Empty, true, false));
    }

    #[test]
    fn lines_may_end_in_lf_alone() {
        assert!(read(b"GET / HTTP/1.1\nHost: a\n\n").is_ok());
    }

    #[test]
    fn an_absolute_target_names_the_host_and_keeps_its_path() {
        let (head, _) = read(b"GET http://Example.com/x?y HTTP/1.1\r\nHost: example.com\r\n\r\n").expect("valid");
        assert_eq!((head.authority(), head.path(), head.path_and_query()), (Some(&b"Example.com"[..]), &b"/x"[..], &b"/x?y"[..]));
        let (head, _) = read(b"GET http://example.com?y HTTP/1.1\r\nHost: example.com\r\n\r\n").expect("valid");
        assert_eq!((head.path(), head.query(), head.path_and_query()), (&b""[..], Some(&b"y"[..]), &b"?y"[..]));
        assert_eq!(read(b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n").err(), Some(400));
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        for (bytes, keep_alive) in [
            (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], true),
            (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
            (b"GET / HTTP/1.0\r\n\r\n", false),
            (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(read(bytes).map(|(_, meta)| meta.keep_alive), Ok(keep_alive), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (bytes, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            (b"PRI * HTTP/2.0\r\n\r\n", 505),
            (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
            (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
            (b"\x16\x03\x01\x02\x00\x01", 400),
            (b"hello\r\n", 400),
        ] {
            assert_eq!(read(bytes).err(), Some(status), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn limits_are_told_apart() {
        let uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
        assert_eq!(read(uri.as_bytes()).err(), Some(414));
        assert_eq!(read(uri.as_bytes().get(..8900).unwrap_or_default()).err(), Some(414), "said before the line has ended");
        let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(33_000));
        assert_eq!(read(large.as_bytes()).err(), Some(431));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(100));
        assert_eq!(read(many.as_bytes()).err(), Some(431));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_damaged_request_is_read_or_refused(at in 0_usize..80, byte in any::<u8>()) {
            let mut bytes = b"POST /a/b?c=d HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nX-Y: z\r\n\r\n".to_vec();
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            if let Ok((head, _)) = read(&bytes) {
                prop_assert!(!head.method_token().is_empty() && head.fields().all(|field| !field.value.contains(&b'\n')));
            }
        }

        #[test]
        fn a_head_is_complete_at_the_same_byte_however_it_is_cut(cut in 1_usize..60) {
            let bytes = b"GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nX: y\r\n\r\n";
            let mut scanner = HeadScanner::default();
            let first = scanner.scan(bytes.get(..cut).unwrap_or(bytes), &defaults::LIMITS).ok().flatten();
            let second = if first.is_some() { first } else { scanner.scan(bytes, &defaults::LIMITS).ok().flatten() };
            prop_assert_eq!(second, Some(bytes.len()));
        }
    }
}
