//! What a client may say in HTTP/2 (RFC 9113) and what it must not: frame by frame, on the real binary.
//!
//! `frames/OUTCOME/NAME.bin` are the bytes that a client sends, from its preface on. The outcome is `goaway-CODE`, `reset-CODE` or `status-CODE`; after a
//! reset or a status the connection goes on. The cases follow the sections of the RFC, as h2spec has them.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use crate::support::frame_server::frame;
use crate::support::frame_server::kind::{DATA, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use crate::support::{Api, Edge, PATIENCE, Site, TlsClient};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0"]
[tls]
dev = true
[limits]
body = "1MiB"
uri = "256B"
header = "2KiB"
header_count = 20
[upstream.api]
to = "unix:api.sock"
[[route]]
path = "/api"
proxy = "api"
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// `:method: GET`, `:scheme: https`, `:path: /`, `:authority: localhost`.
const GET: &[u8] = b"\x82\x87\x84\x41\x09localhost";
/// A PING, and its answer tells that all before it was taken in.
const MARK: &[u8] = b"\0\0\x08\x06\0\0\0\0\0the mark";

const ENHANCE_YOUR_CALM: u32 = 11;

fn start() -> (Edge, Api) {
    let site = Site::new(SITE);
    let api = Api::start(&site.join("api.sock"));
    site.write("site/film.mp4", &vec![b'x'; 5_000_000]);
    (Edge::start_with(site, |_| {}), api)
}

/// A client that knows nothing but frames.
struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
    received: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("a code"))
    }

    /// The status of HEADERS, of which the edge writes the first field.
    fn status(&self) -> u16 {
        let known = [200, 204, 206, 304, 400, 404, 500];
        match self.payload[..] {
            [8, 3, a, b, c, ..] => [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
            [index, ..] => known[usize::from(index & 0x7F) - 8],
            [] => 0,
        }
    }
}

impl Raw {
    fn connect(edge: &Edge) -> Self {
        let mut client = TlsClient::new(&edge.site.join("certs/ca.pem"));
        client.config.alpn_protocols = vec![b"h2".to_vec()];
        Self { stream: client.connect(edge.address(), "localhost").expect("a handshake"), received: Vec::new() }
    }

    /// Sends; the edge may close before it has all of it.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    /// The next frame; `None` when the edge has closed.
    fn next(&mut self) -> Option<Frame> {
        loop {
            if let [a, b, c, kind, flags, w, x, y, z, rest @ ..] = &self.received[..] {
                let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                if let Some(payload) = rest.get(..length) {
                    let frame =
                        Frame { kind: *kind, flags: *flags, stream: u32::from_be_bytes([*w, *x, *y, *z]), payload: payload.to_vec() };
                    self.received.drain(..9 + length);
                    return Some(frame);
                }
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(bytes) => self.received.extend_from_slice(&buffer[..bytes]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => panic!("the edge says nothing"),
                Err(_) => return None,
            }
        }
    }

    /// Frames up to one that is meant, or to the end.
    fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let deadline = Instant::now() + PATIENCE;
        let mut frames = Vec::new();
        while Instant::now() < deadline
            && let Some(frame) = self.next()
        {
            frames.push(frame);
            if frames.last().is_some_and(&is_it) {
                break;
            }
        }
        frames
    }
}

fn is_mark(frame: &Frame) -> bool {
    frame.kind == PING && frame.flags == 1 && frame.payload == b"the mark"
}

/// What came of some bytes.
fn outcome(edge: &Edge, bytes: &[u8], wanted: &str) -> Result<(), String> {
    let (kind, code) = wanted.split_once('-').expect("an outcome");
    let code: u32 = code.parse().expect("a code");
    let mut client = Raw::connect(edge);
    client.send(&[bytes, if kind == "goaway" { &[] } else { MARK }].concat());
    // An answer may come behind the mark, and the mark behind an answer.
    let mut frames = client.until(|frame| is_mark(frame) || frame.kind == GOAWAY);
    let has_answer = |frames: &[Frame]| match kind {
        "goaway" => frames.iter().any(|frame| frame.kind == GOAWAY && frame.code() == code),
        "reset" => frames.iter().any(|frame| frame.kind == RST_STREAM && frame.code() == code),
        _ => frames.iter().any(|frame| frame.kind == HEADERS && u32::from(frame.status()) == code),
    };
    if kind == "status" && !has_answer(&frames) && frames.iter().all(|frame| frame.kind != GOAWAY) {
        frames.extend(client.until(|frame| matches!(frame.kind, HEADERS | GOAWAY | RST_STREAM)));
    }
    if !has_answer(&frames) {
        return Err(format!("{frames:?}"));
    }
    if kind == "goaway" {
        return if client.until(|_| false).is_empty() { Ok(()) } else { Err("it went on".to_owned()) };
    }
    client.send(&frame(HEADERS, 5, 101, GET));
    let more = client.until(|frame| frame.stream == 101 && frame.kind == HEADERS);
    if more.last().is_some_and(|frame| frame.status() == 200) { Ok(()) } else { Err(format!("it did not go on: {more:?}")) }
}

#[test]
fn every_mistake_has_its_code_and_what_is_none_is_answered() {
    let (edge, _api) = start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames");
    let (mut count, mut wrong) = (0, Vec::new());
    for group in std::fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("a folder").path()) {
        let wanted = group.file_name().expect("a name").to_string_lossy().into_owned();
        for file in std::fs::read_dir(&group).expect("a group").map(|entry| entry.expect("a case").path()) {
            count += 1;
            if let Err(seen) = outcome(&edge, &std::fs::read(&file).expect("bytes"), &wanted) {
                wrong.push(format!("{wanted}/{}: {seen}", file.file_name().expect("a name").to_string_lossy()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 120, "only {count} cases");
}

#[test]
fn a_client_that_wants_a_smaller_table_is_told_that_it_has_it() {
    let (edge, _api) = start();
    let mut client = Raw::connect(&edge);
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]), &frame(HEADERS, 5, 1, GET), &frame(HEADERS, 5, 3, GET)].concat());
    let frames = client.until(|frame| frame.kind == HEADERS && frame.stream == 3);
    let blocks: Vec<&[u8]> = frames.iter().filter(|frame| frame.kind == HEADERS).map(|frame| &frame.payload[..2]).collect();
    // The size, before the first fields and once; then the status 200.
    assert_eq!((blocks[0], blocks[1][0]), (&[0x20, 0x88][..], 0x88));
}

/// Sends until the edge has had enough; what it says then.
fn flood(edge: &Edge, piece: impl Fn(u32) -> Vec<u8>, pieces: u32) -> u32 {
    let mut client = Raw::connect(edge);
    client.send(PREFACE);
    for index in 0..pieces {
        if !client.send(&piece(index)) {
            break;
        }
    }
    let frames = client.until(|frame| frame.kind == GOAWAY);
    frames.last().filter(|frame| frame.kind == GOAWAY).map_or(0, Frame::code)
}

/// A stream of its own for each piece.
fn stream(index: u32) -> u32 {
    2 * index + 1
}

#[test]
fn floods_end_the_connection_that_sends_them_and_no_other() {
    let (edge, _api) = start();
    let slow = [&b"\x82\x87\x41\x09localhost\x04\x12"[..], b"/api/slow?delay=5s"].concat();
    let cancel = 8_u32.to_be_bytes();
    let rapid = |index| [frame(HEADERS, 5, stream(index), &slow), frame(RST_STREAM, 0, stream(index), &cancel)].concat();
    assert_eq!(flood(&edge, rapid, 1000), ENHANCE_YOUR_CALM, "rapid reset");
    let provoked = |index| [frame(HEADERS, 5, stream(index), &slow), frame(WINDOW_UPDATE, 0, stream(index), &[0; 4])].concat();
    assert_eq!(flood(&edge, provoked, 1000), ENHANCE_YOUR_CALM, "streams that we are made to reset");
    let malformed = |index| frame(HEADERS, 5, stream(index), b"\x82");
    assert_eq!(flood(&edge, malformed, 1000), ENHANCE_YOUR_CALM, "malformed requests");
    for (what, piece) in [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, b"flooding")),
        ("priorities", frame(2, 0, 1, &[0, 0, 0, 0, 1])),
        ("frames of an extension", frame(0xFA, 0, 0, &[])),
        ("windows of a byte", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
    ] {
        let pieces = piece.repeat(100);
        assert_eq!(flood(&edge, |_| pieces.clone(), 100), ENHANCE_YOUR_CALM, "{what}");
    }
    let upload = b"\x83\x87\x41\x09localhost\x04\x0b/api/upload";
    let empty = frame(DATA, 0, 1, &[]).repeat(100);
    let empties = |index| if index == 0 { frame(HEADERS, 4, 1, upload) } else { empty.clone() };
    assert_eq!(flood(&edge, empties, 100), ENHANCE_YOUR_CALM, "empty DATA");
    let mut other = Raw::connect(&edge);
    other.send(&[PREFACE, &frame(HEADERS, 5, 1, GET)].concat());
    assert!(other.until(|frame| frame.kind == HEADERS).last().is_some_and(|frame| frame.status() == 200));
}

#[test]
fn a_client_may_ask_and_take_without_end() {
    let (edge, _api) = start();
    let mut client = Raw::connect(&edge);
    client.send(PREFACE);
    // Each is taken back once it is answered, and a window is opened for each: no flood.
    for turn in 0..40 {
        let streams: Vec<u32> = (50 * turn..50 * (turn + 1)).map(stream).collect();
        client.send(&streams.iter().flat_map(|stream| frame(HEADERS, 5, *stream, GET)).collect::<Vec<_>>());
        let last = client.until(|frame| frame.kind == DATA && Some(&frame.stream) == streams.last()).pop();
        assert!(last.is_some_and(|frame| frame.kind == DATA), "{turn}");
        let cancel =
            |stream: &u32| [frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 4]), frame(RST_STREAM, 0, *stream, &8_u32.to_be_bytes())].concat();
        client.send(&streams.iter().flat_map(cancel).collect::<Vec<_>>());
    }
}

#[test]
fn data_above_a_window_is_refused() {
    let (edge, _api) = start();
    let slow = [&b"\x83\x87\x41\x09localhost\x04\x12"[..], b"/api/slow?delay=5s"].concat();
    let pieces = frame(DATA, 0, 1, &[b'x'; 16_384]).repeat(17);
    let mut client = Raw::connect(&edge);
    client.send(&[PREFACE, &frame(HEADERS, 4, 1, &slow), &pieces].concat());
    let last = client.until(|frame| frame.kind == RST_STREAM).pop().expect("a frame");
    // Whether the upstream reads it or not: what it has not read is never more than the window.
    assert!(last.kind == RST_STREAM && matches!(last.code(), 0 | 3), "{last:?}");
}

#[test]
fn more_streams_than_were_offered_are_refused_and_may_be_repeated() {
    let (edge, _api) = start();
    let slow = [&b"\x82\x87\x41\x09localhost\x04\x12"[..], b"/api/slow?delay=5s"].concat();
    let mut client = Raw::connect(&edge);
    client.send(PREFACE);
    for index in 0..129 {
        client.send(&frame(HEADERS, 5, stream(index), &slow));
    }
    let refused = client.until(|frame| frame.kind == RST_STREAM).pop().expect("a frame");
    assert_eq!((refused.stream, refused.code()), (stream(128), 7));
}

#[test]
fn a_page_that_is_left_for_another_in_one_write_makes_room_for_it() {
    let (edge, _api) = start();
    let slow = [&b"\x82\x87\x41\x09localhost\x04\x12"[..], b"/api/slow?delay=5s"].concat();
    let mut client = Raw::connect(&edge);
    let open: Vec<u8> = (0..128).flat_map(|index| frame(HEADERS, 5, stream(index), &slow)).collect();
    client.send(&[PREFACE, &open, MARK].concat());
    client.until(is_mark);
    let leave = (0..128).flat_map(|index| frame(RST_STREAM, 0, stream(index), &8_u32.to_be_bytes()));
    let again = (128..256).flat_map(|index| frame(HEADERS, 5, stream(index), GET));
    client.send(&leave.chain(again).collect::<Vec<_>>());
    let answered = Cell::new(0);
    let frames = client.until(|frame| {
        answered.set(answered.get() + u32::from(frame.kind == HEADERS && frame.status() == 200));
        answered.get() == 128 || frame.kind == GOAWAY
    });
    assert_eq!(answered.get(), 128);
    assert!(frames.iter().all(|frame| frame.kind != RST_STREAM), "none is refused");
}

#[test]
fn the_last_stream_that_a_client_is_told_of_does_not_rise() {
    let site = Site::new(&SITE.replace("[limits]", "[timeouts]\nkeepalive = \"50ms\"\n[limits]"));
    let _api = Api::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    let slow = [&b"\x82\x87\x41\x09localhost\x04\x12"[..], b"/api/slow?delay=5s"].concat();
    let last = |frames: Vec<Frame>| match frames.last() {
        Some(Frame { kind: GOAWAY, payload, .. }) => u32::from_be_bytes(payload[..4].try_into().expect("a stream")),
        other => panic!("{other:?}"),
    };
    let mut client = Raw::connect(&edge);
    client.send(&[PREFACE, &frame(HEADERS, 5, 1, GET)].concat());
    assert_eq!(last(client.until(|frame| frame.kind == GOAWAY)), 0x7FFF_FFFF);
    client.send(&[frame(HEADERS, 5, 3, &slow), frame(PING, 1, 0, b"heard it")].concat());
    assert_eq!(last(client.until(|frame| frame.kind == GOAWAY)), 3);
    // A stream that came too late, and a mistake.
    client.send(&[frame(HEADERS, 5, 7, GET), frame(PING, 0, 1, b"mistaken")].concat());
    assert_eq!(last(client.until(|frame| frame.kind == GOAWAY)), 3);
}

#[test]
fn a_client_that_closes_its_side_behind_a_request_gets_the_answer() {
    let (edge, _api) = start();
    let mut client = Raw::connect(&edge);
    let bytes = [PREFACE, &frame(HEADERS, 5, 1, GET)].concat();
    client.stream.conn.writer().write_all(&bytes).expect("room for a request");
    client.stream.conn.send_close_notify();
    while client.stream.conn.wants_write() {
        client.stream.conn.write_tls(&mut client.stream.sock).expect("the edge listens");
    }
    let frames = client.until(|_| false);
    assert!(frames.iter().any(|frame| frame.kind == DATA && frame.payload == b"home\n" || frame.payload == b"home"), "{frames:?}");
}

#[test]
fn content_keeps_to_the_windows_and_shares_them_fairly() {
    let (edge, _api) = start();
    let film = b"\x82\x87\x41\x09localhost\x04\x09/film.mp4";
    let mut client = Raw::connect(&edge);
    // A window of a byte for streams, at first.
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]), &frame(HEADERS, 5, 1, film), &frame(HEADERS, 5, 3, film)].concat());
    // The file is read beside what answers a mark: the first bytes are waited for, and only then it is asked for more.
    let count = Cell::new(0);
    let mut frames = client.until(|frame| {
        count.set(count.get() + u32::from(frame.kind == DATA));
        count.get() == 2
    });
    client.send(MARK);
    frames.extend(client.until(is_mark));
    let bytes = |frames: &[Frame], stream| -> usize {
        frames.iter().filter(|frame| frame.kind == DATA && frame.stream == stream).map(|frame| frame.payload.len()).sum()
    };
    assert_eq!((bytes(&frames, 1), bytes(&frames, 3)), (1, 1));
    // Both may send all now, and the connection 65533 bytes more.
    client.send(&frame(SETTINGS, 0, 0, &[0, 4, 0x7F, 0, 0, 0]));
    let left = Cell::new(65_533);
    let frames = client.until(|frame| {
        left.set(left.get() - if frame.kind == DATA { frame.payload.len() } else { 0 });
        left.get() == 0
    });
    let (one, three) = (bytes(&frames, 1), bytes(&frames, 3));
    assert_eq!(one + three, 65_533);
    client.send(MARK);
    assert_eq!(client.until(is_mark).iter().filter(|frame| frame.kind == DATA).count(), 0);
    assert!(one.abs_diff(three) <= 16_384, "{one} and {three}");
}

#[test]
fn a_client_that_takes_nothing_makes_the_edge_hold_a_bounded_amount() {
    let (edge, _api) = start();
    let film = b"\x82\x87\x41\x09localhost\x04\x09/film.mp4";
    let mut client = Raw::connect(&edge);
    client.stream.sock.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0x7F, 0, 0, 0]), &frame(WINDOW_UPDATE, 0, 0, &[0x7F, 0, 0, 0])].concat());
    for index in 0..100 {
        client.send(&frame(HEADERS, 5, stream(index), film));
    }
    // Nothing is read: another client is served all the same.
    let mut other = Raw::connect(&edge);
    other.send(&[PREFACE, &frame(HEADERS, 5, 1, GET)].concat());
    assert!(other.until(|frame| frame.kind == HEADERS).last().is_some_and(|frame| frame.status() == 200));
}
