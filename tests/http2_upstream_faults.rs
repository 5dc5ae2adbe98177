//! Upstreams that break HTTP/2: what the client gets, what the log says. What becomes of the requests beside is in `http2_upstream_connections`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::frame_server::{END_HEADERS, END_STREAM, FrameServer, Say, field, frame, head, kind, ok};
use crate::support::{Edge, Site};

/// What a client may get.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// An answer of the edge itself.
    Refused(u16),
    /// A 200 that breaks off visibly; or a 502, where the end came before the beginning had been passed on.
    Cut,
    /// `ok`, from another try.
    Whole,
}

use Outcome::{Cut, Refused, Whole};

/// A fault: its name, what is said to a request, the outcome, and what the log says of it.
struct Fault(&'static str, fn(&mut UnixStream, u32) -> io::Result<()>, Outcome, &'static str);

const FAULTS: &[Fault] = &[
    Fault("closes", |stream, _| stream.shutdown(std::net::Shutdown::Both), Refused(502), "no response"),
    Fault(
        "half-a-head",
        |stream, id| then_close(stream, &frame(kind::HEADERS, END_HEADERS, id, b"\x88")[..9]),
        Refused(502),
        "no response",
    ),
    Fault("data-first", |stream, id| stream.write_all(&frame(kind::DATA, 0, id, b"early")), Refused(502), ""),
    Fault("frame-too-large", |stream, id| stream.write_all(&frame(kind::HEADERS, END_HEADERS, id, &[0; 16_385])), Refused(502), ""),
    Fault("bad-hpack", |stream, id| head(stream, id, b"\xff\xff\xff\xff\xff\xff\xff\xff"), Refused(502), ""),
    Fault("hpack-bomb", hpack_bomb, Refused(502), "limits.upstream_header"),
    Fault("large-head", |stream, id| large_head(stream, id, 80 << 10), Refused(502), "exceeds limits.upstream_header"),
    Fault("endless-head", endless_head, Refused(502), ""),
    Fault("no-status", |stream, id| head(stream, id, &field("a", "b")), Refused(502), ""),
    Fault("bad-status", |stream, id| head(stream, id, &field(":status", "abc")), Refused(502), ""),
    Fault("upper-case", |stream, id| head(stream, id, &[&b"\x88"[..], &field("X-Upper", "1")].concat()), Refused(502), ""),
    Fault("a-connection", |stream, id| head(stream, id, &[&b"\x88"[..], &field("connection", "close")].concat()), Refused(502), ""),
    Fault("switches", |stream, id| head(stream, id, &field(":status", "101")), Refused(502), ""),
    Fault("interim-flood", interim_flood, Refused(502), "too many interim responses"),
    Fault("pushes", |stream, id| stream.write_all(&frame(kind::PUSH_PROMISE, END_HEADERS, id, b"\0\0\0\x02\x82")), Refused(502), ""),
    Fault("foreign-stream", |stream, _| head(stream, 9_999, b"\x88"), Refused(502), ""),
    Fault("windows-overflow", windows_overflow, Refused(504), "no response"),
    Fault("reset", |stream, id| stream.write_all(&frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 2])), Refused(502), "no response"),
    Fault("unknown-flood", unknown_flood, Refused(502), "frames that carry nothing"),
    Fault("ping-flood", ping_flood, Refused(502), "frames that carry nothing"),
    Fault("never", |_, _| Ok(()), Refused(504), "no response within timeouts.response"),
    Fault("closes-in-content", |stream, id| begin(stream, id, |stream| then_close(stream, b"")), Cut, ""),
    Fault(
        "resets-in-content",
        |stream, id| begin(stream, id, |stream| stream.write_all(&frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 8]))),
        Cut,
        "",
    ),
    Fault("garbage-in-content", |stream, id| begin(stream, id, |stream| stream.write_all(&[0xff; 64])), Cut, ""),
    Fault("too-long", |stream, id| sized(stream, id, b"more than three"), Cut, ""),
    Fault("too-short", |stream, id| sized(stream, id, b"2!"), Cut, ""),
    Fault("stalls-in-content", |stream, id| begin(stream, id, |_| Ok(())), Cut, "timeouts.idle"),
    Fault("refuses", |stream, id| stream.write_all(&frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 7])), Whole, ""),
    Fault("goes-away", |stream, _| stream.write_all(&frame(kind::GOAWAY, 0, 0, &[0; 8])), Whole, ""),
];

fn then_close(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.shutdown(std::net::Shutdown::Both)
}

fn begin(stream: &mut UnixStream, id: u32, then: impl FnOnce(&mut UnixStream) -> io::Result<()>) -> io::Result<()> {
    head(stream, id, b"\x88")?;
    stream.write_all(&frame(kind::DATA, 0, id, b"the beginning"))?;
    then(stream)
}

fn sized(stream: &mut UnixStream, id: u32, content: &[u8]) -> io::Result<()> {
    head(stream, id, &[&b"\x88"[..], &field("content-length", "3")].concat())?;
    stream.write_all(&frame(kind::DATA, END_STREAM, id, content))
}

/// A field of 3 KiB that is remembered, and then told ten thousand times in a byte each.
fn hpack_bomb(stream: &mut UnixStream, id: u32) -> io::Result<()> {
    let mut block = vec![0x88];
    let mut remembered = field("x-bomb", &"b".repeat(3 << 10));
    remembered[0] = 0x40;
    block.extend(remembered);
    block.extend([0xbe; 10_000]);
    head(stream, id, &block)
}

fn large_head(stream: &mut UnixStream, id: u32, bytes: usize) -> io::Result<()> {
    long_head(stream, id, vec![0x88], bytes)
}

/// A head that begins like this, and goes on in a long field.
fn long_head(stream: &mut UnixStream, id: u32, mut block: Vec<u8>, bytes: usize) -> io::Result<()> {
    block.extend(field("x-large", &"l".repeat(bytes)));
    let mut pieces = block.chunks(16_000).peekable();
    let mut which = kind::HEADERS;
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        stream.write_all(&frame(which, flags, id, piece))?;
        which = kind::CONTINUATION;
    }
    Ok(())
}

fn endless_head(stream: &mut UnixStream, id: u32) -> io::Result<()> {
    stream.write_all(&frame(kind::HEADERS, 0, id, b"\x88"))?;
    let piece = frame(kind::CONTINUATION, 0, id, &field("x-more", "of the same"));
    loop {
        stream.write_all(&piece)?;
    }
}

fn interim_flood(stream: &mut UnixStream, id: u32) -> io::Result<()> {
    let hints = frame(kind::HEADERS, END_HEADERS, id, &field(":status", "103"));
    stream.write_all(&hints.repeat(1_000))
}

fn windows_overflow(stream: &mut UnixStream, id: u32) -> io::Result<()> {
    let most = frame(kind::WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes());
    stream.write_all(&[most.clone(), most].concat())
}

fn unknown_flood(stream: &mut UnixStream, id: u32) -> io::Result<()> {
    let flood = frame(99, 0, id, b"?").repeat(1_000);
    loop {
        stream.write_all(&flood)?;
    }
}

fn ping_flood(stream: &mut UnixStream, _: u32) -> io::Result<()> {
    // The answers are taken, so that the flood goes on.
    let mut answers = stream.try_clone()?;
    std::thread::spawn(move || while answers.read(&mut [0; 65_536]).is_ok_and(|bytes| bytes > 0) {});
    let flood = frame(kind::PING, 0, 0, b"ping-pon").repeat(100);
    loop {
        stream.write_all(&flood)?;
    }
}

/// Timeouts that a server meets which says nothing, and no other on a busy machine.
const CONFIG: &str = r#"
//- /proxy.toml
[server]
listen = ["http://127.0.0.1:0"]
grace = "1s"
[timeouts]
response = "4s"
idle = "4s"
"#;

fn config_of(names: impl Iterator<Item = &'static str>) -> String {
    let mut config = CONFIG.to_owned();
    for name in names {
        config += &format!(
            "[upstream.{name}]\nto = \"h2c://unix:{name}.sock\"\nwait = \"0s\"\n[[route]]\npath = \"/{name}\"\nproxy = \"{name}\"\n"
        );
    }
    config
}

/// The final response to a POST, as it came.
fn post(edge: &Edge, path: &str) -> String {
    let mut client = edge.connect();
    client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody").as_bytes());
    let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    answer.trim_start_matches("HTTP/1.1 103 Early Hints\r\n\r\n").to_owned()
}

#[test]
fn every_misbehaviour_has_its_answer_and_none_spoils_the_next_request() {
    let site = Site::new(&config_of(FAULTS.iter().map(|fault| fault.0)));
    let faulty = Arc::new(AtomicBool::new(true));
    for Fault(name, say, outcome, _) in FAULTS {
        let faulty = Arc::clone(&faulty);
        let once = AtomicBool::new(matches!(outcome, Whole));
        let say: Arc<Say> = Arc::new(move |stream, id| {
            let is_first = once.swap(false, Ordering::SeqCst) || !matches!(outcome, Whole);
            if faulty.load(Ordering::SeqCst) && is_first { say(stream, id) } else { stream.write_all(&ok(id)) }
        });
        FrameServer::start(&site.join(&format!("{name}.sock")), &[], say);
    }
    let edge = Edge::start_with(site, |_| {});
    for Fault(name, _, outcome, _) in FAULTS {
        let answer = post(&edge, &format!("/{name}"));
        match outcome {
            Refused(status) => assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}"),
            Cut => {
                let is_cut = answer.starts_with("HTTP/1.1 200 ") && !is_whole(&answer);
                assert!(is_cut || answer.starts_with("HTTP/1.1 502 "), "{name}: {answer}");
            }
            Whole => assert!(answer.starts_with("HTTP/1.1 200 ") && is_whole(&answer) && answer.contains("ok"), "{name}: {answer}"),
        }
    }
    faulty.store(false, Ordering::SeqCst);
    for Fault(name, _, outcome, cause) in FAULTS {
        let answer = post(&edge, &format!("/{name}"));
        assert!(answer.starts_with("HTTP/1.1 200 ") && is_whole(&answer) && answer.contains("ok"), "behind {name}: {answer}");
        if !matches!(outcome, Whole) {
            let path = format!("/{name}");
            let line = edge.wait_for_access(name, |line| line["path"] == path.as_str() && line["cause"].is_string());
            let said = line["cause"].as_str().unwrap_or_default();
            assert!(said.contains(cause) && said.len() < 400, "{name}: {said}");
        }
    }
}

/// Whether a response of chunks or with a length came to its end.
fn is_whole(answer: &str) -> bool {
    let Some((head, content)) = answer.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if head.contains("transfer-encoding: chunked") { content.ends_with("0\r\n\r\n") } else { length == Some(content.len()) }
}

#[test]
fn no_frames_of_a_server_bring_the_edge_down() {
    const SEEDS: u64 = 300;
    let site = Site::new(&config_of(["noise", "well"].into_iter()));
    let seeds = AtomicUsize::new(0);
    let noise: Arc<Say> = Arc::new(move |stream, id| {
        let mut random = Random(seeds.fetch_add(1, Ordering::SeqCst) as u64 + 1);
        let mut bytes = Vec::new();
        for _ in 0..random.below(20) {
            let payload: Vec<u8> = (0..random.below(40)).map(|_| random.byte()).collect();
            let kind = u8::try_from(random.below(11)).expect("small");
            // Some of it begins as it should.
            let flags = if random.below(2) == 0 { END_HEADERS } else { random.byte() };
            let on = [0, id, id, id, id + 2, u32::MAX][random.below(6)];
            bytes.extend(if random.below(4) == 0 {
                frame(kind::HEADERS, END_HEADERS, id, b"\x88")
            } else {
                frame(kind, flags, on, &payload)
            });
        }
        then_close(stream, &bytes)
    });
    FrameServer::start(&site.join("noise.sock"), &[], noise);
    FrameServer::start(&site.join("well.sock"), &[], Arc::new(|stream: &mut UnixStream, id| stream.write_all(&ok(id))));
    let edge = Edge::start_with(site, |_| {});
    for seed in 0..SEEDS {
        let answer = post(&edge, "/noise");
        assert!(answer.starts_with("HTTP/1.1 "), "{seed}: {answer}");
    }
    assert!(post(&edge, "/well").contains("ok"));
    assert!(edge.find_event(|event| event.to_string().contains("panicked")).is_none());
}

/// Numbers that are the same in every run (a multiplier of Knuth's).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("small")
    }
}

#[test]
fn content_where_there_can_be_none_goes_nowhere() {
    let mut config = config_of(["none"].into_iter());
    config += "[[route]]\npath = \"/own\"\nrespond = { status = 200, body = \"own\" }\n";
    let site = Site::new(&config);
    let say: Arc<Say> = Arc::new(|stream, id| {
        head(stream, id, b"\x89")?;
        stream.write_all(&frame(kind::DATA, END_STREAM, id, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"))
    });
    FrameServer::start(&site.join("none.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    for _ in 0..3 {
        client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().status, 204);
        client.send(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "own");
    }
}

#[test]
fn interim_responses_without_end_do_not_pile_up_behind_a_client_that_takes_none() {
    let config = config_of(["hints"].into_iter()).replace("idle = \"4s\"", "idle = \"4s\"\nbody_idle = \"4s\"");
    let site = Site::new(&(config + "[limits]\nupstream_header = \"1MiB\"\n"));
    // So large that a few fill what lies between the edge and its client.
    let say: Arc<Say> = Arc::new(|stream, id| {
        loop {
            long_head(stream, id, field(":status", "103"), 900 << 10)?;
        }
    });
    FrameServer::start(&site.join("hints.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    client.send(b"GET /hints HTTP/1.1\r\nHost: a\r\n\r\n");
    let line = edge.wait_for_access("the request", |line| line["path"] == "/hints");
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("too many interim responses")), "{line}");
}
