//! Limits: what is too large is refused with the status that says so, the client can read it, and the log names the limit.

use std::io::Write;

use crate::support::{Api, Edge, Site, accept, played};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
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

fn start() -> (Edge, Api) {
    let site = Site::new(SITE);
    let api = Api::start(&site.join("api.sock"));
    (Edge::start_with(site, |_| {}), api)
}

/// Waits for the log line of this status and checks that its cause names the limit.
fn assert_logged(edge: &Edge, status: u16, limit: &str) {
    let line = edge.wait_for_access("the refusal", |line| line["status"] == status);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains(limit)), "{line}");
}

#[test]
fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let (edge, _api) = start();
    for (length, status) in [(1 << 20, 200), ((1 << 20) + 1, 413)] {
        let mut client = edge.connect();
        client.send(format!("POST /api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        client.try_send(&vec![b'x'; length]);
        assert_eq!(client.response().status, status, "{length} bytes");
    }
    assert_logged(&edge, 413, "limits.body");
}

#[test]
fn a_chunked_body_is_counted_without_its_coding() {
    let (edge, _api) = start();
    for (chunks, status) in [(16, 200), (17, 413)] {
        let mut client = edge.connect();
        client.send(b"POST /api/upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..chunks {
            client.try_send(b"10000\r\n");
            client.try_send(&[b'x'; 0x1_0000]);
            client.try_send(b"\r\n");
        }
        client.try_send(b"0\r\n\r\n");
        assert_eq!(client.response().status, status, "{chunks} chunks of 64 KiB");
    }
    assert_logged(&edge, 413, "limits.body");
}

#[test]
fn a_client_that_keeps_sending_20_mib_still_reads_its_413() {
    let (edge, _api) = start();
    let bytes = 20 << 20;
    for framing in [format!("Content-Length: {bytes}\r\n\r\n"), format!("Transfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n")] {
        let mut client = edge.connect();
        client.send(format!("POST /api/upload HTTP/1.1\r\nHost: a\r\n{framing}").as_bytes());
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            assert!(client.try_send(&piece), "the edge reset the connection while the client was sending");
        }
        let response = client.response();
        assert_eq!((response.status, response.field("connection")), (413, Some("close")));
    }
}

#[test]
fn nothing_of_a_body_that_is_known_to_be_too_large_reaches_the_upstream() {
    let (edge, _api) = start();
    let requests = || edge.get("/api/pid", "").json()["requests"].as_u64().expect("a count");
    let before = requests();
    let response = edge.request("POST /api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    assert_eq!(response.status, 413);
    assert_eq!(requests(), before + 1);
}

#[test]
fn no_limit_is_written_as_zero() {
    let site = Site::new(&SITE.replace("body = \"1MiB\"", "body = 0"));
    let _api = Api::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    client.send(b"POST /api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    client.send(&vec![b'x'; 20_000_000]);
    assert_eq!(client.response().json()["bytes"], 20_000_000);
}

#[test]
fn a_long_target_is_414_and_one_at_the_limit_is_not() {
    let (edge, _api) = start();
    assert_eq!(edge.get(&format!("/{}", "a".repeat(255)), "").status, 404);
    assert_eq!(edge.get(&format!("/{}", "a".repeat(256)), "").status, 414);
    assert_logged(&edge, 414, "limits.uri");
}

#[test]
fn a_large_head_is_431_by_bytes() {
    let (edge, _api) = start();
    assert_eq!(edge.get("/", &format!("X-A: {}\r\n", "a".repeat(1900))).status, 200);
    assert_eq!(edge.get("/", &format!("X-A: {}\r\n", "a".repeat(2100))).status, 431);
    assert_logged(&edge, 431, "limits.header (2048 bytes): X-A has ");
}

#[test]
fn a_head_of_many_fields_is_431_by_count() {
    let (edge, _api) = start();
    assert_eq!(edge.get("/", &"X-A: 1\r\n".repeat(19)).status, 200);
    assert_eq!(edge.get("/", &"X-A: 1\r\n".repeat(20)).status, 431);
    assert_logged(&edge, 431, "limits.header_count");
}

#[test]
fn a_response_head_over_its_limit_is_a_502_that_names_the_field_and_its_size() {
    let (edge, listener) = played("[limits]\nupstream_header = \"1KiB\"");
    for (bytes, status) in [(900, 200), (1100, 502)] {
        let mut client = edge.connect();
        client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut server = accept(&listener);
        let value = "a".repeat(bytes);
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\nX-Token: {value}\r\n\r\n");
        // In one write: the edge hangs up at the first piece that is over the limit.
        server.write_all(head.as_bytes()).expect("the edge reads");
        assert_eq!(client.response().status, status, "{bytes} bytes");
    }
    assert_logged(&edge, 502, "limits.upstream_header (1024 bytes): X-Token has 1111 bytes");
}

#[test]
fn an_upgrade_is_held_to_the_limits_of_any_request() {
    let (edge, _api) = start();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    assert_eq!(edge.get("/api/x", &format!("{upgrade}X-A: {}\r\n", "a".repeat(2100))).status, 431);
    assert_eq!(edge.get("/api/x", &format!("{upgrade}Content-Length: 2000000\r\n")).status, 413);
    assert_eq!(edge.get(&format!("/api/{}", "a".repeat(256)), upgrade).status, 414);
}
