//! What a server does wrong, what becomes of it, and where nginx does otherwise.

use self::After::{Close, Keep, Reset, Silence};
use self::Step::{Apart, Drip, Endless, Flood, Read, Send};

/// One way to misbehave.
pub(super) struct Fault {
    /// The path behind `/f/` that gets it.
    pub(super) name: &'static str,
    pub(super) ask: Ask,
    pub(super) steps: &'static [Step],
    pub(super) after: After,
    /// What the client sees, as [`super::observe`] words it.
    pub(super) seen: &'static str,
    /// How the cause in the access log begins behind the name of the server; empty: there is none.
    pub(super) cause: &'static str,
    pub(super) nginx: Nginx,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    Get,
    Head,
    /// A POST with so many bytes.
    Upload(usize),
}

/// What nginx makes of it.
#[derive(Clone, Copy)]
pub(super) enum Nginx {
    Same,
    /// What its client sees, and why ours does not.
    Unlike(&'static str, &'static str),
    /// It is not asked, and why.
    Skipped(&'static str),
}

/// One step of an answer.
pub(super) enum Step {
    /// A right answer with the target of the request.
    Own,
    Send(&'static [u8]),
    /// A byte at a time.
    Drip(&'static [u8]),
    /// So often, at once.
    Flood(&'static [u8], usize),
    /// Again and again, until nobody takes it.
    Endless(&'static [u8]),
    /// Waits until the client has the head that was sent, and a while: what comes now arrives apart.
    Apart,
    /// So much of the request's body.
    Read(usize),
}

/// How an answer leaves its connection.
#[derive(Clone, Copy)]
pub(super) enum After {
    Keep,
    Close,
    Reset,
    /// Open, and nothing is read or said any more.
    Silence,
}

const fn get(name: &'static str, steps: &'static [Step], after: After) -> Fault {
    Fault { name, ask: Ask::Get, steps, after, seen: "200 whole \"ok\\n\"", cause: "", nginx: Nginx::Same }
}

const fn head(name: &'static str, steps: &'static [Step], after: After) -> Fault {
    Fault { ask: Ask::Head, seen: "200 whole \"\"", ..get(name, steps, after) }
}

const fn upload(name: &'static str, bytes: usize, steps: &'static [Step], after: After) -> Fault {
    Fault { ask: Ask::Upload(bytes), ..get(name, steps, after) }
}

impl Fault {
    /// The client sees this, and the log says why.
    const fn gives(self, seen: &'static str, cause: &'static str) -> Self {
        Self { seen, cause, ..self }
    }

    /// The edge answers 502 itself.
    const fn refused(self, cause: &'static str) -> Self {
        self.gives("502", cause)
    }

    /// A 200 that breaks off visibly.
    const fn cut(self, cause: &'static str) -> Self {
        self.gives("200 cut", cause)
    }

    const fn unlike(self, seen: &'static str, reason: &'static str) -> Self {
        Self { nginx: Nginx::Unlike(seen, reason), ..self }
    }

    const fn skipped(self, reason: &'static str) -> Self {
        Self { nginx: Nginx::Skipped(reason), ..self }
    }
}

pub(super) fn find(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}

const OK: Step = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
const STRAY: Step = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstray\n");
const CHUNKED: Step = Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
const MIB: usize = 1 << 20;

/// Why what nginx puts up with is refused.
const TWO_WAYS: &str = "what can be read in two ways is not read: whoever is behind may choose the other";

pub(super) const FAULTS: &[Fault] = &[
    // Nothing, too little, too slowly.
    get("never", &[], Silence).gives("504", "no response within timeouts.response"),
    get("close-at-once", &[], Close).refused("closed without a response"),
    get("reset-at-once", &[], Reset).refused("Connection reset by peer"),
    get("drip", &[Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep),
    get("drip-head-for-ever", &[Send(b"HTTP/1.1 200 OK\r\n"), Endless(b"X-A: 1\r\n")], Close)
        .gives("504", "no response within timeouts.response")
        .skipped("its limit is between two reads: it would read for minutes"),
    get("drip-body", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), Drip(b"ok\n")], Keep),
    get("close-mid-head", &[Send(b"HTTP/1.1 200 OK\r\nContent-Le")], Close).refused("closed inside the response head"),
    get("stall-mid-head", &[Send(b"HTTP/1.1 200 OK\r\nContent-Le")], Silence).gives("504", "no response within timeouts.response"),
    get("close-after-head", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")], Close).cut("the response ended early"),
    get("close-mid-body", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")], Close).cut("the response ended early"),
    get("reset-mid-body", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789"), Apart], Reset).cut("the connection broke"),
    get("stall-mid-body", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")], Silence)
        .cut("nothing more of the response came within timeouts.idle"),
    get("close-mid-chunk", &[CHUNKED, Send(b"a\r\n01234")], Close).cut("the response ended early"),
    get("close-without-last-chunk", &[CHUNKED, Send(b"3\r\nok\n\r\n")], Close).cut("the response ended early"),
    get("reset-until-close", &[Send(b"HTTP/1.0 200 OK\r\n\r\nok\n"), Apart], Reset).cut("the connection broke"),
    // Too much.
    get(
        "extra-bytes",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstray\n")],
        Keep,
    ),
    get("extra-bytes-later", &[OK, Apart, STRAY], Keep),
    get("extra-chunk-later", &[CHUNKED, Send(b"3\r\nok\n\r\n0\r\n\r\n"), Apart, Send(b"3\r\nno\n\r\n0\r\n\r\n")], Keep),
    get("204-with-body", &[Send(b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nok\n")], Keep).gives("204 whole \"\"", ""),
    get("204-with-body-later", &[Send(b"HTTP/1.1 204 No Content\r\n\r\n"), Apart, STRAY], Keep).gives("204 whole \"\"", ""),
    get("304-with-body", &[Send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nok\n")], Keep).gives("304 whole \"\"", ""),
    get("304-with-body-later", &[Send(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Apart, STRAY], Keep).gives("304 whole \"\"", ""),
    head("head-with-body", &[OK], Keep),
    head("head-with-body-later", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), Apart, STRAY], Keep),
    head("head-chunked", &[CHUNKED], Keep),
    get("giant-head", &[Send(b"HTTP/1.1 200 OK\r\nX-Huge: "), Flood(b"a", 200_000), Send(b"\r\n\r\n")], Close)
        .refused("the response head exceeds limits.upstream_header (65536 bytes): X-Huge has "),
    get("endless-head", &[Send(b"HTTP/1.1 200 OK\r\n"), Flood(b"X-Flood: 1\r\n", 100_000)], Close)
        .refused("the response head exceeds limits.upstream_header (65536 bytes)"),
    get("endless-status-line", &[Send(b"HTTP/1.1 200 "), Flood(b"a", 200_000)], Close)
        .refused("the response head exceeds limits.upstream_header (65536 bytes)"),
    get("many-fields", &[Send(b"HTTP/1.1 200 OK\r\n"), Flood(b"X-A: 1\r\n", 600), Send(b"\r\n")], Close)
        .refused("too many fields in the response head")
        .unlike("200 whole \"\"", "fields cost work even when they are empty"),
    // Interim responses.
    get("100-unasked", &[Send(b"HTTP/1.1 100 Continue\r\n\r\n"), OK], Keep),
    get("103", &[Send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.js>; rel=preload\r\n\r\n"), OK], Keep),
    get("interim-flood", &[Flood(b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n", 1000), OK], Close)
        .refused("too many interim responses")
        .unlike("200 whole \"ok\\n\"", "they are bounded; it takes the first for the answer, and the rest for its body"),
    get("interim-then-close", &[Send(b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n")], Close)
        .refused("closed without a response")
        .unlike("nothing", "it takes the interim response for the answer"),
    get("101-unasked", &[Send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nx bytes\n")], Silence)
        .refused("a 101 that nobody asked for")
        .unlike("101 whole \"\"", "a tunnel that nobody asked for passes no check"),
    // Lengths and codings.
    get("two-lengths", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nok\n\r\n")], Keep)
        .refused("malformed or repeated Content-Length")
        .unlike("200 whole \"ok\\n\\r\\n\"", TWO_WAYS),
    get("two-lengths-that-agree", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed or repeated Content-Length")
        .unlike("200 whole \"ok\\n\"", TWO_WAYS),
    get("length-list", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nok\n")], Keep)
        .refused("malformed or repeated Content-Length")
        .unlike("200 cut", "it passes the list on, and its client cannot read it"),
    get("signed-length", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nok\n")], Keep)
        .refused("malformed or repeated Content-Length")
        .unlike("200 cut", "it passes the sign on, and its client cannot read it"),
    get(
        "length-and-coding",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n")],
        Keep,
    )
    .refused("both Content-Length and Transfer-Encoding")
    .unlike("200 whole \"ok\\n\"", TWO_WAYS),
    get("gzip-coding", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok\n")], Close)
        .refused("unknown transfer coding")
        .unlike("200 whole \"ok\\n\"", "it hands coded bytes out as if they were plain"),
    get("gzip-chunked-coding", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n")], Close)
        .refused("malformed Transfer-Encoding")
        .unlike("200 whole \"ok\\n\"", "it hands coded bytes out as if they were plain"),
    get("chunked-twice", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n")], Close)
        .refused("malformed Transfer-Encoding")
        .unlike("200 whole \"ok\\n\"", TWO_WAYS),
    get("chunked-http10", &[Send(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n")], Close)
        .refused("Transfer-Encoding in an HTTP/1.0 response")
        .unlike("200 whole \"ok\\n\"", "RFC 9112 §6.1: HTTP/1.0 knows no transfer codings, who forwards this may count differently"),
    get("until-close", &[Send(b"HTTP/1.0 200 OK\r\n\r\nok\n")], Close),
    get("http10-keep-alive", &[Send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n")], Keep),
    // Chunks. What is wrong at once is a 502; behind a response that has begun it is a cut.
    get("chunk-size-no-number", &[CHUNKED, Apart, Send(b"zz\r\nok\n\r\n0\r\n\r\n")], Close).cut("malformed response body"),
    get("chunk-size-negative", &[CHUNKED, Apart, Send(b"-3\r\nok\n\r\n0\r\n\r\n")], Close).cut("malformed response body"),
    get("chunk-size-overflow", &[CHUNKED, Apart, Send(b"10000000000000003\r\nok\n\r\n0\r\n\r\n")], Close).cut("malformed response body"),
    get("chunk-too-long", &[CHUNKED, Apart, Send(b"3\r\nok\nmore\r\n0\r\n\r\n")], Close).cut("malformed response body"),
    get("chunk-bad-at-once", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")], Close)
        .refused("malformed response body")
        .unlike("nothing", "it loses its head with the body; the client can still be told"),
    get("chunk-extension", &[CHUNKED, Send(b"3;name=\"value\";x\r\nok\n\r\n0;y\r\n\r\n")], Keep),
    get("chunk-extension-endless", &[CHUNKED, Apart, Send(b"3;"), Flood(b"a", 100_000)], Close).cut("malformed response body"),
    get("trailers-endless", &[CHUNKED, Send(b"3\r\nok\n\r\n"), Apart, Send(b"0\r\n"), Flood(b"X-A: 1\r\n", 10_000)], Close)
        .cut("malformed response body"),
    get("trailer-without-colon", &[CHUNKED, Send(b"3\r\nok\n\r\n"), Apart, Send(b"0\r\nnonsense\r\n\r\n")], Close)
        .cut("malformed response body")
        .unlike("200 whole \"ok\\n\"", "it does not read trailers, which we pass on"),
    get("trailers-that-frame", &[CHUNKED, Send(b"3\r\nok\n\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n")], Keep),
    // Heads.
    get("http09", &[Send(b"<html>ok</html>\n")], Close)
        .refused("malformed response head")
        .unlike("\"<html>ok</html>\\n\"", "HTTP/0.9: any bytes are a body to it"),
    get("garbage-then-silence", &[Send(b"hello\n")], Silence)
        .refused("malformed response head")
        .unlike("\"hello\\n\"", "HTTP/0.9: any bytes are a body to it"),
    get("leading-empty-line", &[Send(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head")
        .unlike("200 whole \"ok\\n\"", "stray bytes before an answer may be the end of another"),
    get("other-version", &[Send(b"HTTP/2 200 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head")
        .unlike("200 whole \"ok\\n\"", "it takes what it does not know for what it does"),
    get("no-reason", &[Send(b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nok\n")], Keep),
    get("status-no-number", &[Send(b"HTTP/1.1 2x0 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head")
        .unlike("0 whole \"ok\\n\"", "HTTP/0.9: any bytes are a body to it"),
    get("status-99", &[Send(b"HTTP/1.1 099 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed status")
        .unlike("99 whole \"ok\\n\"", "RFC 9110 §15: a status is 100 or more, and clients break on others"),
    get("status-999", &[Send(b"HTTP/1.1 999 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep).gives("999 whole \"ok\\n\"", ""),
    get("status-1000", &[Send(b"HTTP/1.1 1000 OK\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head")
        .unlike("\"ok\\n\"", "HTTP/0.9: any bytes are a body to it"),
    get("bare-lf", &[Send(b"HTTP/1.1 200 OK\nContent-Length: 3\n\nok\n")], Keep),
    get("folded", &[Send(b"HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head"),
    get("nul-in-value", &[Send(b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 3\r\n\r\nok\n")], Keep).refused("malformed response head"),
    get("space-before-colon", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nok\n")], Keep).refused("malformed response head"),
    get("no-colon", &[Send(b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 3\r\n\r\nok\n")], Keep)
        .refused("malformed response head")
        .unlike("200 whole \"ok\\n\"", TWO_WAYS),
    // While the client uploads.
    upload("early-refusal-then-close", 4 * MIB, &[Send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n")], Close)
        .gives("413 whole \"no\\n\"", "")
        .unlike("502", "nginx may see that its upload is refused before it sees the answer"),
    upload("early-response-and-silence", 16 * MIB, &[OK], Silence),
    upload("early-response-to-a-short-body", 100, &[Send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")], Close)
        .gives("403 whole \"no\\n\"", ""),
    upload("reset-in-upload", 4 * MIB, &[Read(1000)], Reset).refused(""),
    upload("close-in-upload", 4 * MIB, &[Read(1000)], Close).refused(""),
    upload("never-reads", 16 * MIB, &[], Silence).gives("504", "the request was not taken within timeouts.response"),
    upload("never-answers-an-upload", 1000, &[Read(1000)], Silence).gives("504", "no response within timeouts.response"),
];
