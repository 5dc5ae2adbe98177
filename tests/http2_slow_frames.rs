//! HTTP/2 clients that send a frame slowly, or never to its end, while another stream of theirs is open.

use std::io::Write;

use crate::support::{Api, Edge, Site, TlsClient};

/// A handshake of TLS on a busy machine takes its time, and is under `header` too.
const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0"]
[tls]
dev = true
[timeouts]
header = "2s"
body_idle = "10s"
[upstream.api]
to = "unix:api.sock"
[[route]]
path = "/api"
proxy = "api"
"#;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const GOAWAY: u8 = 7;
const HEADERS: u8 = 1;

fn start() -> (Edge, Api) {
    let site = Site::new(SITE);
    let api = Api::start(&site.join("api.sock"));
    (Edge::start_with(site, |_| {}), api)
}

/// A HEADERS frame with a whole block.
fn request(method: u8, path: &str, stream: u8, ends: bool) -> Vec<u8> {
    let mut block = vec![method, 0x87, 0x04, u8::try_from(path.len()).expect("a short path")];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(b"\x41\x09localhost");
    let flags = 0x4 | u8::from(ends);
    let mut frame = vec![0, 0, u8::try_from(block.len()).expect("a short block"), HEADERS, flags, 0, 0, 0, stream];
    frame.extend_from_slice(&block);
    frame
}

#[test]
fn a_frame_that_never_ends_ends_its_connection_although_a_stream_is_open() {
    let (edge, _api) = start();
    // A PING of which half comes, the head of one alone, and one byte.
    for part in [&b"\0\0\x08\x06\0\0\0\0\0half"[..], b"\0\0\x08\x06\0\0\0\0\0", b"\0"] {
        let mut client = TlsClient::new(&edge.site.join("certs/ca.pem"));
        client.config.alpn_protocols = vec![b"h2".to_vec()];
        let mut stream = client.connect(edge.address(), "localhost").expect("a handshake");
        let mut bytes = [PREFACE, &request(0x82, "/api/slow?delay=19s", 1, true)].concat();
        bytes.extend_from_slice(part);
        stream.write_all(&bytes).expect("the edge reads");
        let mut seen = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut seen);
        let kinds: Vec<u8> = frames(&seen);
        assert_eq!(kinds.last(), Some(&GOAWAY), "{kinds:?}");
    }
}

/// The kinds of the frames in these bytes.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while bytes.len() >= 9 {
        let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        kinds.push(bytes[3]);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

#[test]
fn content_that_comes_more_slowly_than_a_head_may_is_taken() {
    let (edge, _api) = start();
    let mut client = TlsClient::new(&edge.site.join("certs/ca.pem"));
    client.config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = client.connect(edge.address(), "localhost").expect("a handshake");
    // POST; of the six bytes of its content one comes now.
    let bytes = [PREFACE, &request(0x83, "/api/echo", 1, false), b"\0\0\x06\0\x01\0\0\0\x01x"].concat();
    stream.write_all(&bytes).expect("the edge reads");
    let pacer = TlsClient::new(&edge.site.join("certs/ca.pem"));
    // Longer than timeouts.header altogether, and each far below timeouts.body_idle: the pace is the API's own.
    for _ in 0..5 {
        let paced = pacer.request(
            edge.address(),
            "localhost",
            "GET /api/slow?delay=500ms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(paced.status, 200);
        stream.write_all(b"x").expect("the edge reads");
    }
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("xxxxxx") {
        let mut piece = [0; 4096];
        let bytes = std::io::Read::read(&mut stream, &mut piece).expect("an answer");
        assert!(bytes > 0, "the edge closed: {:?}", frames(&seen));
        seen.extend_from_slice(&piece[..bytes]);
    }
}
