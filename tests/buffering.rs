//! `buffer_request`: an upstream gets a body once it is there, from memory or from a file without a name; slow clients cost it nothing.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use bytes::Bytes;

use crate::support::http2::{Http2, run};
use crate::support::{Backed, Edge, FORWARD, Site, accept, memory_peak, played_with, seen};

/// [`FORWARD`] with this `buffer_request` on `/api`, and these tables behind it.
fn config(buffer: &str, tables: &str) -> String {
    let route = "path  = [\"/api\", \"/ws\"]\n";
    format!("{}\n{tables}", FORWARD.replace(route, &format!("{route}buffer_request = {buffer}\n")))
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

fn nobody_has_come(listener: &UnixListener) -> bool {
    listener.set_nonblocking(true).expect("a socket");
    let result = listener.accept();
    listener.set_nonblocking(false).expect("a socket");
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Reads a head and `bytes` of content.
fn take(server: &mut impl Read, bytes: usize) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        server.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let mut body = vec![0; bytes];
    server.read_exact(&mut body).expect("a body");
    (String::from_utf8_lossy(&head).into_owned(), body)
}

#[test]
fn the_upstream_is_not_troubled_before_the_whole_body_is_there() {
    let (edge, listener) = played_with(&config("true", ""));
    for framing in ["length", "chunks"] {
        let body = pattern(300_000);
        let mut client = edge.connect();
        if framing == "length" {
            client.send(b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n");
            client.send(&body[..299_999]);
        } else {
            client.send(b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n");
            client.send(&body);
        }
        // A request behind it has been through meanwhile, on the same workers.
        assert_eq!(edge.get("/missing", "").status, 404);
        assert!(nobody_has_come(&listener), "{framing}");
        client.send(if framing == "length" { &body[299_999..] } else { b"\r\n0\r\n\r\n" });
        let (mut server, _) = listener.accept().expect("the edge connects");
        let (head, content) = take(&mut server, body.len());
        assert!(head.contains("content-length: 300000\r\n") && !head.contains("transfer-encoding"), "{head}");
        assert_eq!(content, body);
        server.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("the edge reads");
        assert_eq!(client.response().status, 204);
    }
}

#[test]
fn a_large_body_is_on_disk_and_no_file_has_a_name() {
    let tables = "[limits]\nbody = \"64MiB\"\nbuffer_folder = \"spool\"\nbuffer_memory = \"64KiB\"";
    let site = Site::new(&format!("//- /proxy.toml\n{}\n//- /spool/.keep\n", config("true", tables)));
    let api = crate::support::start_api(&site);
    let edge = Edge::start_with(site, |_| {});
    edge.get("/api/health", "");
    let before = memory_peak(edge.pid());
    let body = pattern(40 << 20);
    let mut client = edge.connect();
    client.send(format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    client.send(&body);
    let response = client.response();
    assert_eq!(response.json()["xxh3"], format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&body)));
    let growth = memory_peak(edge.pid()) - before;
    assert!(growth < 8 << 20, "the edge grew by {growth} bytes");
    let names: Vec<_> =
        std::fs::read_dir(edge.site.join("spool")).expect("the folder").map(|entry| entry.expect("a file").file_name()).collect();
    assert_eq!(names, [".keep"]);
    drop(api);
}

#[test]
fn what_is_over_its_bound_or_finds_no_room_is_passed_on_as_it_comes() {
    for (buffer, tables) in [("\"64KiB\"", ""), ("true", "[limits]\nbuffer_disk = 0"), ("true", "[limits]\nbuffer_disk = \"100KiB\"")] {
        let backed = Backed::start_with(&config(buffer, tables));
        let body = pattern(3 << 20);
        for _ in 0..2 {
            let mut client = backed.connect();
            client.send(format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            client.send(&body);
            let response = client.response();
            assert_eq!(response.json()["xxh3"], format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&body)), "{buffer} {tables}");
        }
    }
}

#[test]
fn trailers_and_a_body_without_content_arrive_as_they_were() {
    let backed = Backed::start_with(&config("true", ""));
    let mut client = backed.connect();
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n");
    let echo = client.response().json();
    assert_eq!((echo["body"].as_str(), &echo["trailers"]), (Some("abc"), &serde_json::json!([["x-sum", "42"]])));
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let echo = client.response().json();
    assert_eq!((seen(&echo, "content-length"), &echo["body_bytes"]), (vec!["0"], &serde_json::json!(0)));
}

#[test]
fn a_body_that_is_waited_for_is_asked_for_here_and_bounded_here() {
    let (edge, listener) = played_with(&config("true", "[limits]\nbody = \"1KiB\"\n[timeouts]\nbody_idle = \"2s\""));
    let mut client = edge.connect();
    client.send(b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.head().status, 100);
    assert!(nobody_has_come(&listener));
    client.send(b"abc");
    let (mut server, _) = listener.accept().expect("the edge connects");
    let (head, _) = take(&mut server, 3);
    assert!(!head.contains("expect"), "{head}");
    server.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("the edge reads");
    assert_eq!(client.response().status, 204);
    // Too much, too little, too slowly: none of them reaches the upstream.
    let mut client = edge.connect();
    // In one write: the edge refuses it at the length of the chunk.
    client.send(
        &[&b"POST /api/x?large HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n"[..], &[b'x'; 0x800]].concat(),
    );
    assert_eq!(client.response().status, 413);
    let mut client = edge.connect();
    client.send(b"POST /api/x?slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(client.response().status, 408);
    let mut client = edge.connect();
    client.send(b"POST /api/x?left HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    client.finish();
    assert!(client.is_closed());
    for path in ["/api/x?large", "/api/x?slow", "/api/x?left"] {
        let line = edge.wait_for_access(path, |line| line["path"] == path);
        assert!(line["cause"].is_string() && line["upstream"].is_null(), "{line}");
    }
    assert!(nobody_has_come(&listener));
}

#[test]
fn a_body_that_is_at_hand_can_be_sent_again() {
    let (edge, listener) = played_with(&config("true", ""));
    let mut client = edge.connect();
    client.send(b"PUT /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc");
    let (mut server, _) = listener.accept().expect("the edge connects");
    take(&mut server, 3);
    drop(server);
    let (mut server, _) = listener.accept().expect("the edge connects again");
    assert_eq!(take(&mut server, 3).1, b"abc");
    server.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("the edge reads");
    assert_eq!(client.response().status, 204);
}

#[test]
fn uploads_of_http_2_wait_too() {
    let config = config("true", "[tls]\ndev = true").replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let (edge, listener) = played_with(&config);
    run(async {
        let client = Http2::connect(&edge).await;
        let mut ready = client.send.clone().ready().await.expect("room for a stream");
        let request = http::Request::post("https://localhost/api/x").body(()).expect("a request");
        let (response, mut stream) = ready.send_request(request, false).expect("a stream");
        stream.send_data(Bytes::from_static(b"abc"), false).expect("data");
        let mut other = Http2::connect(&edge).await;
        assert_eq!(other.get("/missing").await.expect("an answer").status, 404);
        assert!(nobody_has_come(&listener));
        stream.send_data(Bytes::from_static(b"def"), true).expect("data");
        let server = tokio::task::spawn_blocking(move || {
            let (mut server, _) = listener.accept().expect("the edge connects");
            let (head, body) = take(&mut server, 6);
            server.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("the edge reads");
            (head, body)
        });
        let (head, body) = server.await.expect("a request");
        assert!(head.contains("content-length: 6\r\n") && body == b"abcdef", "{head}");
        assert_eq!(response.await.expect("an answer").status(), 204);
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_start_that_says_what_to_do() {
    for (buffer, disk, fails) in [("true", "1GiB", true), ("\"1MiB\"", "1GiB", true), ("\"4KiB\"", "1GiB", false), ("true", "0", false)] {
        let tables = format!("[limits]\nbuffer_folder = \"/proc\"\nbuffer_disk = \"{disk}\"");
        let site = Site::new(&format!("//- /proxy.toml\n{}", config(buffer, &tables)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_transom"));
        let output = command.arg("check").current_dir(site.path()).stdin(Stdio::null()).output().expect("the check runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), !fails, "{buffer} {disk}: {said}");
        if fails {
            assert!(said.contains("bodies cannot be buffered in /proc: ") && said.contains("limits.buffer_folder"), "{said}");
            assert!(said.contains("buffer_request"), "it points at the route: {said}");
        }
    }
}

#[test]
fn an_upgrade_has_no_body_to_wait_for() {
    let (edge, listener) = played_with(&config("true", ""));
    let mut client = edge.connect();
    client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let mut server = accept(&listener);
    server.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello").expect("the edge reads");
    assert_eq!(client.head().status, 101);
    assert_eq!(client.read_until(b"hello"), b"hello");
}
