//! Deadlines on clients: nobody holds a connection by being slow, and an idle one is closed without a word.

use std::time::{Duration, Instant};

use crate::support::{Api, Client, Edge, PATIENCE, Site};

/// The deadlines are as long as a busy machine may need between two calls of one client, which must not meet them by itself.
const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[timeouts]
header = "2s"
body_idle = "2s"
keepalive = "2s"
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

fn start() -> (Edge, Api) {
    start_with(SITE)
}

fn start_with(config: &str) -> (Edge, Api) {
    let site = Site::new(config);
    let api = Api::start(&site.join("api.sock"));
    site.write("site/large.bin", &vec![b'x'; 32 << 20]);
    (Edge::start_with(site, |_| {}), api)
}

/// Sends a byte again and again until the edge closes; gives what it answered.
fn drip(client: &mut Client) -> String {
    let started = Instant::now();
    client.stream().set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while started.elapsed() < PATIENCE {
        client.try_send(b"a");
        match std::io::Read::read(&mut client.stream(), &mut buffer) {
            Ok(0) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(bytes) => answer.extend_from_slice(&buffer[..bytes]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
        }
    }
    panic!("still open after {PATIENCE:?}; got {:?}", String::from_utf8_lossy(&answer))
}

#[test]
fn a_head_that_comes_byte_by_byte_for_ever_is_408() {
    let (edge, _api) = start();
    let mut client = edge.connect();
    client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nX-A: ");
    let answer = drip(&mut client);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer:?}");
    let line = edge.wait_for_access("its line", |line| line["status"] == 408);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("timeouts.header")), "{line}");
    assert_eq!((line["method"].as_str(), line["path"].as_str()), (Some("GET"), Some("/slow")));
}

#[test]
fn a_head_that_stops_in_the_middle_is_408() {
    let (edge, _api) = start();
    let mut client = edge.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n");
    assert_eq!(client.response().status, 408);
    assert!(client.is_closed());
}

#[test]
fn an_idle_connection_is_closed_without_a_word_and_without_a_line() {
    let (edge, _api) = start();
    let mut fresh = edge.connect();
    assert!(fresh.is_closed());
    let mut used = edge.connect();
    used.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(used.response().status, 200);
    assert!(used.is_closed());
    assert_eq!(edge.stop().access.len(), 1);
}

#[test]
fn a_body_that_stops_in_the_middle_is_408() {
    let (edge, _api) = start();
    for request in [
        "POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
        "POST /api/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut client = edge.connect();
        client.send(request.as_bytes());
        let response = client.response();
        assert_eq!((response.status, response.field("connection")), (408, Some("close")), "{request}");
    }
}

#[test]
fn a_body_that_keeps_coming_slowly_is_not_cut() {
    let (edge, _api) = start_with(&SITE.replace("body_idle = \"2s\"", "body_idle = \"5s\""));
    let mut client = edge.connect();
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    // Each wait is far below the deadline, all together are above it: the pace is the API's own.
    for _ in 0..6 {
        let wait = edge.get("/api/slow?delay=1s", "Connection: close\r\n");
        assert_eq!(wait.status, 200);
        client.send(b"x");
    }
    assert_eq!(client.response().json()["body"], "xxxxxx");
}

#[test]
fn a_client_that_stops_reading_is_cut_and_the_log_says_so() {
    let (edge, _api) = start();
    for path in ["/large.bin", "/api/bytes/33554432"] {
        let mut client = edge.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.head().status, 200);
        let line = edge.wait_for_access("its line", |line| line["path"] == path);
        assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("stopped taking")), "{line}");
        assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes < 32 << 20), "{line}");
    }
}

#[test]
fn a_tls_handshake_that_never_ends_is_closed() {
    let config = SITE.replace("127.0.0.1:0", "https://127.0.0.1:0").replace("[timeouts]", "[tls]\ndev = true\n[timeouts]");
    let site = Site::new(&config);
    let edge = Edge::start_with(site, |_| {});
    let mut silent = edge.connect();
    assert!(silent.is_closed());
    let mut stalled = edge.connect();
    stalled.send(&[0x16, 0x03, 0x01, 0x00, 0xa5, 0x01]);
    stalled.read_to_end();
    edge.wait_for_access("its line", |line| line["cause"].as_str().is_some_and(|cause| cause.contains("timeouts.header")));
}
