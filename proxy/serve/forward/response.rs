//! Reading the head of an upstream's response, as strictly as a request's: what is ambiguous here could be used to answer another client.

use std::mem::MaybeUninit;

use http::StatusCode;

use crate::http::hop;
use crate::http::request::Known;
use crate::plan::ResponsePolicy;
use crate::serve::compress::Untouchable;
use crate::serve::exchange::{Present, push_line};
use crate::serve::http1::framing::{Framing, FramingFields};

/// Fields of a response head.
const FIELDS_MAX: usize = 512;

/// The head of a response, ready to be sent on.
#[derive(Debug, PartialEq)]
pub(super) struct UpstreamHead {
    pub(super) status: StatusCode,
    /// What goes on to the client, as lines; the policy is applied.
    pub(super) lines: Vec<u8>,
    pub(super) framing: Framing,
    /// The length that a GET would have, of an answer to HEAD.
    pub(super) stated_length: Option<u64>,
    /// The server keeps the connection.
    pub(super) keep_alive: bool,
    /// Events or gRPC, which may be silent for as long as they like.
    pub(super) is_stream: bool,
    /// The protocols that a 101 switches to.
    pub(super) upgrade: Vec<u8>,
    /// What the upstream says about changing the content.
    pub(super) untouchable: Untouchable,
    pub(super) present: Present,
    /// The file that is to be sent in the place of its content.
    pub(super) file: Option<NamedFile>,
}

impl UpstreamHead {
    /// `true` when a file is to be sent in the place of its content.
    pub(super) fn names_file(&self) -> bool {
        self.file.is_some() && self.status.is_success()
    }
}

/// How an upstream names a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedFile {
    /// `X-Accel-Redirect`: a path as in a URL.
    Url(Vec<u8>),
    /// `X-Sendfile`: a path of the file system.
    Path(Vec<u8>),
}

/// What the reading depends on.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) policy: &'a ResponsePolicy,
    /// The request was a HEAD: no body whatever the head says.
    pub(super) is_head: bool,
}

/// Looks for the end of a head, without looking at any byte twice.
#[derive(Debug, Default)]
pub(super) struct HeadEnd {
    scanned: usize,
    line_start: usize,
}

impl HeadEnd {
    /// The length of the head, once it is complete. `bytes` is all that has come of it.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let from = self.scanned;
        self.scanned = bytes.len();
        for newline in memchr::memchr_iter(b'\n', bytes.get(from..).unwrap_or_default()).map(|found| from + found) {
            if self.line_start > 0 && matches!(bytes.get(self.line_start..newline), Some([] | [b'\r'])) {
                return Some(newline + 1);
            }
            self.line_start = newline + 1;
        }
        None
    }
}

/// `true` when what has come cannot become a response: it is said at once, and not when the deadline has passed.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"HTTP/1.").any(|(byte, expected)| byte != expected)
}

/// Reads a complete head.
///
/// # Errors
/// The cause, for the log.
pub(super) fn parse(bytes: &[u8], expected: Expected<'_>) -> Result<UpstreamHead, &'static str> {
    if is_foreign(bytes) {
        return Err("malformed response head: it does not begin with HTTP/1");
    }
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err("an empty line inside the response head"),
        Err(httparse::Error::TooManyHeaders) => return Err("too many fields in the response head: more than 512"),
        Err(_) => return Err("malformed response head"),
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or("malformed status")?;
    let mut reading = Reading::new(response.headers, expected.policy, status);
    for field in response.headers.iter() {
        reading.take(field.name.as_bytes(), field.value.trim_ascii())?;
    }
    reading.finish(status, response.version == Some(1), expected)
}

/// The fields while they are sorted.
struct Reading<'a> {
    policy: &'a ResponsePolicy,
    /// All `Connection` values.
    connection: Vec<&'a [u8]>,
    keeps_upgrade: bool,
    lines: Vec<u8>,
    framing: FramingFields,
    stated_length: Option<u64>,
    defaults_present: u32,
    is_stream: bool,
    upgrade: Vec<u8>,
    untouchable: Untouchable,
    present: Present,
    file: Option<NamedFile>,
}

impl<'a> Reading<'a> {
    fn new(fields: &'a [httparse::Header<'a>], policy: &'a ResponsePolicy, status: StatusCode) -> Self {
        let connection = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection")).map(|field| field.value).collect();
        Self {
            policy,
            connection,
            keeps_upgrade: status == StatusCode::SWITCHING_PROTOCOLS,
            lines: Vec::with_capacity(512),
            framing: FramingFields::default(),
            stated_length: None,
            defaults_present: 0,
            is_stream: false,
            upgrade: Vec::new(),
            untouchable: Untouchable::default(),
            present: Present::default(),
            file: None,
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match Known::from_name(name) {
            Some(Known::ContentLength) => {
                self.framing.content_length(value);
                self.stated_length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                return Ok(());
            }
            Some(Known::TransferEncoding) => {
                self.framing.transfer_encoding(value);
                return Ok(());
            }
            Some(Known::Upgrade) if self.keeps_upgrade => {
                self.upgrade.extend_from_slice(value);
                self.upgrade.push(b',');
            }
            Some(known) if known.is_hop_by_hop() => return Ok(()),
            _ => {}
        }
        if self.names_connection(name) && !(self.keeps_upgrade && name.eq_ignore_ascii_case(b"upgrade")) {
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"content-type") {
            let media_type = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
            self.is_stream = is_stream(media_type);
        }
        self.untouchable.note(name, value);
        if self.is_for_us(name, value) {
            return Ok(());
        }
        if self.policy.overrides(name) {
            return Ok(());
        }
        self.present.date |= name.eq_ignore_ascii_case(b"date");
        self.present.nonced |= self.policy.nonced.as_ref().is_some_and(|field| field.name.as_str().as_bytes().eq_ignore_ascii_case(name));
        self.present.hsts |= name.eq_ignore_ascii_case(b"strict-transport-security");
        if let Some(index) = self.policy.defaults.iter().position(|(known, _)| known.as_str().as_bytes().eq_ignore_ascii_case(name)) {
            self.defaults_present |= 1 << index.min(31);
        }
        push_line(&mut self.lines, name, value);
        Ok(())
    }

    /// `true` for what an upstream says to the proxy in front of it (`X-Accel-*`, `X-Sendfile`): no client sees it.
    fn is_for_us(&mut self, name: &[u8], value: &[u8]) -> bool {
        if name.eq_ignore_ascii_case(b"x-accel-redirect") {
            self.file = Some(NamedFile::Url(value.to_vec()));
        } else if name.eq_ignore_ascii_case(b"x-sendfile") {
            self.file.get_or_insert_with(|| NamedFile::Path(value.to_vec()));
        } else {
            return name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"x-accel-"));
        }
        true
    }

    fn names_connection(&self, name: &[u8]) -> bool {
        self.connection.iter().any(|value| hop::members(value).any(|member| member.eq_ignore_ascii_case(name)))
    }

    fn finish(mut self, status: StatusCode, is_http11: bool, expected: Expected<'_>) -> Result<UpstreamHead, &'static str> {
        if !status.is_informational() {
            for (index, (name, value)) in self.policy.defaults.iter().enumerate() {
                if self.defaults_present & (1 << index.min(31)) == 0 {
                    push_line(&mut self.lines, name.as_str().as_bytes(), value.as_bytes());
                }
            }
            for (name, value) in &self.policy.set {
                push_line(&mut self.lines, name.as_str().as_bytes(), value.as_bytes());
            }
        }
        let framing = self.framing.resolve().map_err(|error| error.cause())?;
        let bodiless = expected.is_head || status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // RFC 9112 §6.3: no length and no coding means until the connection closes.
        let announced = framing;
        let framing = if bodiless { Framing::Empty } else { framing.unwrap_or(Framing::UntilClose) };
        if framing == Framing::Chunked && !is_http11 {
            return Err("Transfer-Encoding in an HTTP/1.0 response");
        }
        // A 204 has no content (RFC 9110 §8.6): from who announces some, it may come all the same.
        let announces = status == StatusCode::NO_CONTENT && !matches!(announced, None | Some(Framing::Empty));
        let keep_alive = if is_http11 { !self.names_connection(b"close") } else { self.names_connection(b"keep-alive") };
        Ok(UpstreamHead {
            status,
            lines: self.lines,
            framing,
            stated_length: self.stated_length,
            keep_alive: keep_alive && framing != Framing::UntilClose && !announces,
            is_stream: self.is_stream,
            upgrade: self.upgrade,
            untouchable: self.untouchable,
            present: self.present,
            file: self.file,
        })
    }
}

/// What is silent without being stuck.
fn is_stream(media_type: &[u8]) -> bool {
    media_type.eq_ignore_ascii_case(b"text/event-stream")
        || media_type.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{GlobalHeaders, HeaderPreset, HeaderRules, Span, Spanned};

    fn policy() -> ResponsePolicy {
        let rules = HeaderRules { remove: vec![http::header::SERVER], ..HeaderRules::default() };
        ResponsePolicy::merge(
            &GlobalHeaders { preset: Spanned::new(HeaderPreset::Spa, Span::default()), rules, csp: None },
            &HeaderRules::default(),
        )
    }

    fn read(bytes: &[u8]) -> Result<UpstreamHead, &'static str> {
        parse(bytes, Expected { policy: &policy(), is_head: false })
    }

    fn lines(head: &UpstreamHead) -> String {
        String::from_utf8_lossy(&head.lines).into_owned()
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let head = read(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n",
        )
        .expect("valid");
        let lines = lines(&head);
        assert!(lines.contains("X-Kept: 1\r\n"), "{lines}");
        for gone in ["x-private", "keep-alive", "proxy-authenticate", "upgrade", "connection", "content-length"] {
            assert!(!lines.to_ascii_lowercase().contains(gone), "{gone} in {lines}");
        }
        assert_eq!(head.framing, Framing::Length(2));
    }

    #[test]
    fn the_policy_fills_what_is_absent_and_keeps_what_the_application_says() {
        let head = read(b"HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nServer: x\r\nContent-Length: 0\r\n\r\n").expect("valid");
        let lines = lines(&head);
        assert!(lines.contains("X-Frame-Options: DENY") && !lines.contains("SAMEORIGIN") && lines.contains("nosniff"), "{lines}");
        assert!(!lines.contains("Server"), "{lines}");
    }

    #[test]
    fn the_end_of_the_content_is_never_guessed() {
        for (bytes, framing) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Framing::UntilClose),
            (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Framing::Empty),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Framing::Empty),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Framing::Chunked),
        ] {
            assert_eq!(read(bytes).map(|head| head.framing), Ok(framing), "{}", String::from_utf8_lossy(bytes));
        }
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"garbage\r\n\r\n",
        ] {
            assert!(read(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn only_a_server_that_keeps_the_connection_is_used_again() {
        for (bytes, keep_alive) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..], true),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
            (b"HTTP/1.1 200 OK\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
        ] {
            assert_eq!(read(bytes).map(|head| head.keep_alive), Ok(keep_alive), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_end_of_a_head_is_the_same_however_it_is_cut() {
        let bytes = b"HTTP/1.1 200 OK\r\nX: y\n\r\nrest";
        for piece in 1..bytes.len() {
            let mut scanner = HeadEnd::default();
            let ends = (piece..=bytes.len()).step_by(piece).chain([bytes.len()]);
            assert_eq!(ends.into_iter().find_map(|end| scanner.find(&bytes[..end])), Some(24), "{piece}");
        }
    }

    #[test]
    fn a_204_that_announces_content_is_the_last_on_its_connection() {
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n").map(|head| head.keep_alive), Ok(true));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").map(|head| head.keep_alive), Ok(true));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n").map(|head| head.keep_alive), Ok(false));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n").map(|head| head.keep_alive), Ok(false));
    }

    #[test]
    fn events_and_grpc_are_streams_and_other_types_are_not() {
        for (kind, is_stream) in [
            ("text/event-stream; charset=utf-8", true),
            ("application/grpc+proto", true),
            ("application/grpc", true),
            ("application/grpC-web", true),
            ("application/json", false),
            ("application/x-ndjson", false),
        ] {
            let head = read(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n").as_bytes()).expect("valid");
            assert_eq!(head.is_stream, is_stream, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = HeadEnd::default().find(&bytes);
            let _ = read(&bytes);
        }
    }
}
