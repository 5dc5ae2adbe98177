//! The table of canned answers: what the raw server sends for each path, byte for byte.
//!
//! Most of them are wrong in one way, named in `what`. A proxy must turn each into an answer of
//! its own or pass it on unharmed, and must not let it spoil the next exchange. The code that
//! plays them is in [`crate::raw`].

use std::time::Duration;

use self::After::{Close, Keep, Silence};
use self::Step::{Drip, Pad, Send};

/// One canned answer.
#[derive(Debug)]
pub struct Canned {
    /// The path that selects it.
    pub path: &'static str,
    /// What is special about it.
    pub what: &'static str,
    /// What is sent.
    pub steps: &'static [Step],
    /// What happens then.
    pub after: After,
}

/// One step of an answer.
#[derive(Debug)]
pub enum Step {
    /// These bytes in one write.
    Send(&'static [u8]),
    /// These bytes, each in a write of its own, two milliseconds apart.
    Drip(&'static [u8]),
    /// This byte as often as `?bytes=` says, 64 KiB without it.
    Pad(u8),
    /// A while without a byte, so that the steps around it arrive apart.
    Pause(Duration),
}

/// How an answer leaves the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Open for the next request.
    Keep,
    /// Closed.
    Close,
    /// Open, but nothing more is answered.
    Silence,
}

/// Long enough for what was sent to be read by itself.
const APART: Step = Step::Pause(Duration::from_millis(20));

/// The answer for `path`.
#[must_use]
pub fn find(path: &str) -> Option<&'static Canned> {
    TABLE.iter().find(|canned| canned.path == path)
}

const fn canned(path: &'static str, what: &'static str, steps: &'static [Step], after: After) -> Canned {
    Canned { path, what, steps, after }
}

/// All of them.
pub static TABLE: &[Canned] = &[
    canned("/raw/ok", "a correct answer that keeps the connection", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep),
    canned(
        "/raw/stale",
        "a correct answer that keeps the connection, which is closed at once all the same",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60\r\n\r\nok\n")],
        Close,
    ),
    canned(
        "/raw/drip",
        "a correct answer, head and all, one byte at a time",
        &[Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")],
        Keep,
    ),
    canned(
        "/raw/trailers",
        "a chunked answer with a trailer, whatever TE says",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n3\r\nok\n\r\n0\r\nX-Checksum: 42\r\n\r\n")],
        Keep,
    ),
    canned(
        "/raw/early-100",
        "100, then 103, then 200",
        &[
            Send(b"HTTP/1.1 100 Continue\r\n\r\n"),
            APART,
            Send(b"HTTP/1.1 103 Early Hints\r\nLink: </assets/app.js>; rel=preload; as=script\r\n\r\n"),
            APART,
            Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"),
        ],
        Keep,
    ),
    canned(
        "/raw/http10",
        "HTTP/1.0 without a length: the end of the connection is the end of the body",
        &[Send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end\n")],
        Close,
    ),
    canned("/raw/truncated", "20 bytes promised, 10 sent", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")], Close),
    canned(
        "/raw/truncated-chunks",
        "a chunked body without its last chunk",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")],
        Close,
    ),
    canned("/raw/close-at-once", "not one byte", &[], Close),
    canned("/raw/close-mid-head", "the head breaks off", &[Send(b"HTTP/1.1 200 OK\r\nContent-Le")], Close),
    canned("/raw/never", "no answer, ever", &[], Silence),
    canned("/raw/stall-mid-head", "half a head and then nothing", &[Send(b"HTTP/1.1 200 OK\r\nContent-Le")], Silence),
    canned(
        "/raw/stall-mid-body",
        "half a body and then nothing",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")],
        Silence,
    ),
    canned(
        "/raw/bad-chunk",
        "a chunk size that is no number",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\nzz\r\nbad\r\n0\r\n\r\n")],
        Close,
    ),
    canned(
        "/raw/chunk-overflow",
        "a chunk size of more than 64 bits",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nok\n\r\n0\r\n\r\n")],
        Close,
    ),
    canned(
        "/raw/two-lengths",
        "two Content-Lengths that differ",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nok\n\r\n")],
        Keep,
    ),
    canned("/raw/bad-length", "a Content-Length with a sign", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nok\n")], Keep),
    canned(
        "/raw/cl-and-te",
        "Content-Length and Transfer-Encoding together",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n")],
        Keep,
    ),
    canned(
        "/raw/extra-bytes",
        "a correct answer followed by stray bytes that look like another",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstray\n")],
        Keep,
    ),
    canned("/raw/nocontent-with-body", "a 204 with a body", &[Send(b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nok\n")], Keep),
    canned(
        "/raw/huge-head",
        "a header as long as ?bytes= says",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Huge: "), Pad(b'a'), Send(b"\r\n\r\nok\n")],
        Keep,
    ),
    canned("/raw/no-status", "bytes that are no HTTP", &[Send(b"Hello! This is not the server you are looking for.\r\n\r\n")], Close),
    canned("/raw/bad-status", "a status that is no number", &[Send(b"HTTP/1.1 2x0 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep),
    canned("/raw/lf-only", "lines that end in LF alone", &[Send(b"HTTP/1.1 200 OK\nContent-Length: 3\n\nok\n")], Keep),
    canned(
        "/raw/obs-fold",
        "a header that goes on in the next line",
        &[Send(b"HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\nContent-Length: 3\r\n\r\nok\n")],
        Keep,
    ),
    canned(
        "/raw/space-before-colon",
        "a space between a header's name and its colon",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nok\n")],
        Keep,
    ),
    canned(
        "/raw/nul-in-header",
        "a NUL in a header's value",
        &[Send(b"HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 3\r\n\r\nok\n")],
        Keep,
    ),
    canned(
        "/raw/unasked-101",
        "a 101 that nobody asked for",
        &[Send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mystery\r\n\r\nmystery bytes\n")],
        Silence,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_answer() {
        for canned in TABLE {
            let found = find(canned.path).unwrap();
            assert!(std::ptr::eq(found, canned), "{} is there twice", canned.path);
            assert!(canned.path.starts_with("/raw/"));
        }
        assert!(find("/raw/").is_none());
    }
}
