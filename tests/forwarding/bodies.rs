//! Bodies on their way through: whole, bounded in memory, in the framing that the other side understands.

use std::io::Read;

use xxhash_rust::xxh3::xxh3_64;

use crate::support::{Backed, memory_peak};

const MIB: usize = 1 << 20;
/// An edge that kept a body would grow by more.
const GROWTH_MAX: u64 = 8 << 20;

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

fn assert_uploaded(response: &crate::support::Response, body: &[u8]) {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["bytes"], body.len());
    assert_eq!(response.json()["xxh3"], format!("{:016x}", xxh3_64(body)));
}

#[test]
fn a_large_upload_arrives_whole_in_bounded_memory() {
    let backed = Backed::start("[limits]\nbody = \"64MiB\"");
    let body = pattern(20 * MIB);
    backed.get("/api/health", "");
    let before = memory_peak(backed.edge.pid());
    let mut client = backed.connect();
    client.send(format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    client.send(&body);
    assert_uploaded(&client.response(), &body);
    client.send(b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(100_003) {
        client.send(format!("{:x}\r\n", part.len()).as_bytes());
        client.send(part);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_uploaded(&client.response(), &body);
    let growth = memory_peak(backed.edge.pid()) - before;
    assert!(growth < GROWTH_MAX, "the edge grew by {growth} bytes");
}

#[test]
fn a_slow_reader_holds_the_upstream_back_instead_of_filling_memory() {
    const BYTES: usize = 50 * MIB;
    let backed = Backed::start("");
    backed.get("/api/health", "");
    let before = memory_peak(backed.edge.pid());
    let mut client = backed.connect();
    client.send(format!("GET /api/bytes/{BYTES} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    assert_eq!(client.head().field("content-length"), Some(BYTES.to_string().as_str()));
    let mut read = std::mem::take(&mut client.buffer).len();
    let mut buffer = vec![0; 32 * 1024];
    while read < BYTES {
        let bytes = client.stream().read(&mut buffer).unwrap();
        assert!(bytes > 0, "cut after {read} bytes");
        for (index, byte) in buffer[..bytes].iter().enumerate().step_by(4093) {
            assert_eq!(usize::from(*byte), (read + index) % 251);
        }
        read += bytes;
        let growth = memory_peak(backed.edge.pid()) - before;
        assert!(growth < GROWTH_MAX, "the edge grew by {growth} bytes after {read}");
    }
    assert_eq!(read, BYTES);
}

#[test]
fn trailers_cross_both_ways() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
    client.send(b"3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n");
    let echo = client.response().json();
    assert_eq!((echo["body"].as_str(), &echo["trailers"]), (Some("abc"), &serde_json::json!([["x-sum", "42"]])));
    client.send(b"GET /raw/trailers HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.trailers.as_slice()), ("ok\n", &[("x-checksum".to_owned(), "42".to_owned())][..]));
}

#[test]
fn a_client_that_does_not_ask_for_trailers_gets_none() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /raw/trailers HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.trailers.len()), ("ok\n", 0));
}

#[test]
fn the_answer_to_head_has_the_length_and_no_body() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    for _ in 0..2 {
        client.send(b"HEAD /api/bytes/1000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let response = client.response_to("HEAD");
        assert_eq!((response.status, response.field("content-length")), (200, Some("1000")));
    }
    client.send(b"GET /api/bytes/3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response().body, [0, 1, 2]);
}

#[test]
fn statuses_without_content_leave_the_connection_in_step() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    for status in [204_u16, 304, 205, 404, 500, 304, 204] {
        client.send(format!("GET /api/status/{status} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let response = client.response();
        assert_eq!(response.status, status);
        assert_eq!(response.field("transfer-encoding"), None, "{status}");
        assert!(status != 204 || response.field("content-length").is_none(), "RFC 9110 §8.6: no length in a 204");
    }
}

#[test]
fn an_early_response_reaches_a_client_that_is_still_uploading() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"POST /api/early?status=413 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nfirst");
    assert_eq!(client.response().status, 413);
    // The rest of the upload never becomes a request.
    while client.try_send(&[b'x'; 65536]) && !client.buffer.is_empty() {}
    assert_eq!(backed.get("/api/health", "").status, 200);
}

#[test]
fn an_early_response_does_not_spoil_the_upstream_connection() {
    let backed = Backed::start("");
    for _ in 0..20 {
        let mut client = backed.connect();
        client.send(b"POST /api/early?status=403 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nGET /x");
        assert_eq!(client.response().status, 403);
        assert_eq!(backed.get("/api/small", "").status, 200);
    }
}

#[test]
fn an_http10_client_gets_a_body_that_the_close_ends() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /api/bytes/5000?chunked=1 HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("transfer-encoding"), head.field("content-length")), (200, None, None));
    assert_eq!(client.read_to_end(), pattern(5000));
}

#[test]
fn a_chunked_body_keeps_the_connection_of_an_http11_client() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    for bytes in [0, 1, 70_000] {
        client.send(format!("GET /api/bytes/{bytes}?chunked=1&chunk=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        assert_eq!(client.response().body, pattern(bytes));
    }
}

#[test]
fn a_post_without_a_body_says_so_to_the_upstream() {
    let backed = Backed::start("");
    let echo = backed.echo("POST /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((crate::support::seen(&echo, "content-length"), &echo["body_bytes"]), (vec!["0"], &serde_json::json!(0)));
}
