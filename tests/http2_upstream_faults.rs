//! Upstreams that break HTTP/2: what the client gets, what the log says, and that the requests of others are unharmed.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Request;

use crate::support::frame_server::{END_HEADERS, END_STREAM, FrameServer, Say, field, frame, kind, ok, read};
use crate::support::http2::{Http2, run};
use crate::support::{Edge, PATIENCE, Site};

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

fn head(stream: &mut UnixStream, id: u32, block: &[u8]) -> io::Result<()> {
    stream.write_all(&frame(kind::HEADERS, END_HEADERS, id, block))
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
    let mut block = vec![0x88];
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

const CONFIG: &str = r#"
//- /proxy.toml
[server]
listen = ["http://127.0.0.1:0"]
grace = "1s"
[timeouts]
response = "2s"
idle = "1s"
connect = "1s"
"#;

/// What a server may send of one response before anything of it was taken.
const WINDOW_BYTES: usize = 256 * 1024;

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

/// An edge with one upstream of this name, for a client that stays with one worker.
fn with_tls(name: &'static str) -> Site {
    let tls = "listen = [\"https://127.0.0.1:0\"]\ngrace = \"1s\"\n[tls]\ndev = true";
    Site::new(&config_of(std::iter::once(name)).replace("listen = [\"http://127.0.0.1:0\"]\ngrace = \"1s\"", tls))
}

/// A POST without content, which is not asked again without need.
fn posted(path: &str) -> Request<()> {
    Request::post(format!("https://localhost{path}")).body(()).expect("a request")
}

async fn status(client: &mut Http2, path: &str) -> u16 {
    client.request(posted(path), &[], None).await.expect("an answer").status.as_u16()
}

#[test]
fn a_reset_of_one_stream_leaves_the_others_alone() {
    let site = with_tls("mixed");
    let count = AtomicUsize::new(0);
    let say: Arc<Say> = Arc::new(move |stream, id| match count.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => stream.write_all(&frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 2])),
        1 => head(stream, id, b"\xff\xff\xff\xff\xff"),
        _ => stream.write_all(&ok(id)),
    });
    let server = FrameServer::start(&site.join("mixed.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        for expected in [502, 502, 200, 502, 502, 200] {
            assert_eq!(status(&mut client, "/mixed").await, expected);
        }
    });
    // A head that cannot be read leaves the table of its connection unknown, which ends with that. A reset ends nothing else.
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

#[test]
fn a_server_that_has_gone_without_a_word_is_found_out_and_left() {
    let site = with_tls("gone");
    // The first connection falls silent at its first request, the others answer.
    let silent = AtomicBool::new(true);
    let say: Arc<Say> = Arc::new(move |stream, id| {
        if silent.swap(false, Ordering::SeqCst) {
            while read(stream).is_ok() {}
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        stream.write_all(&ok(id))
    });
    let server = FrameServer::start(&site.join("gone.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert_eq!(status(&mut client, "/gone").await, 504);
        for _ in 0..3 {
            assert_eq!(status(&mut client, "/gone").await, 200, "nothing goes out where nothing comes back");
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
    edge.wait_for_event("the silence", |event| event.to_string().contains("nothing comes of its server any more"));
}

#[test]
fn a_server_gets_no_more_streams_than_it_takes_and_further_connections_instead() {
    let site = with_tls("narrow");
    // SETTINGS_MAX_CONCURRENT_STREAMS = 2. Nothing is answered before six have come.
    let open = Arc::new(Mutex::new(Vec::<(UnixStream, u32)>::new()));
    let say: Arc<Say> = Arc::new(move |stream, id| {
        let mut open = open.lock().expect("a list");
        open.push((stream.try_clone()?, id));
        if open.len() == 6 {
            for (stream, id) in open.iter_mut() {
                stream.write_all(&ok(*id))?;
            }
        }
        Ok(())
    });
    let server = FrameServer::start(&site.join("narrow.sock"), &[0, 3, 0, 0, 0, 2], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let client = Http2::connect(&edge).await;
        let asked: Vec<_> = (0..6)
            .map(|_| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.expect("a connection");
                    ready.send_request(posted("/narrow"), true).expect("a stream").0.await.expect("an answer").status()
                })
            })
            .collect();
        for one in asked {
            assert_eq!(one.await.expect("a task"), 200);
        }
    });
    assert_eq!((server.connections.load(Ordering::SeqCst), server.requests.load(Ordering::SeqCst)), (3, 6));
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
fn a_goodbye_lets_finish_what_it_takes_and_what_it_leaves_out_goes_elsewhere() {
    let site = with_tls("bye");
    let count = AtomicUsize::new(0);
    let say: Arc<Say> = Arc::new(move |stream, id| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        // The last stream that it has begun with is the first.
        1 => stream.write_all(&[frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]), ok(1)].concat()),
        _ => stream.write_all(&ok(id)),
    });
    let server = FrameServer::start(&site.join("bye.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut ready = client.send.clone().ready().await.expect("a connection");
        let first = ready.send_request(posted("/bye"), true).expect("a stream").0;
        let second = status(&mut client, "/bye").await;
        assert_eq!((first.await.expect("an answer").status().as_u16(), second), (200, 200));
    });
    assert_eq!((server.connections.load(Ordering::SeqCst), server.requests.load(Ordering::SeqCst)), (2, 3));
}

#[test]
fn a_client_that_takes_nothing_stops_its_own_response_and_no_other() {
    let site = with_tls("large");
    let (sent, seen) = std::sync::mpsc::channel();
    let sent = Mutex::new(sent);
    let say: Arc<Say> = Arc::new(move |stream, id| {
        if id > 1 {
            // Without content, for which the client has left no window.
            return stream.write_all(&frame(kind::HEADERS, END_HEADERS | END_STREAM, id, b"\x88"));
        }
        // As much as the window lets through.
        head(stream, id, b"\x88")?;
        stream.write_all(&frame(kind::DATA, 0, id, &[b'x'; 16_384]).repeat(WINDOW_BYTES / 16_384))?;
        sent.lock().expect("a sender").send(()).map_err(io::Error::other)
    });
    let server = FrameServer::start(&site.join("large.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut ready = client.send.clone().ready().await.expect("a connection");
        let slow = ready.send_request(posted("/large"), true).expect("a stream").0.await.expect("an answer").into_body();
        tokio::task::spawn_blocking(move || seen.recv_timeout(PATIENCE)).await.expect("a thread").expect("all of the window");
        assert_eq!(status(&mut client, "/large").await, 200);
        drop(slow);
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}
