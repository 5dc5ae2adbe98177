//! Upgrades byte by byte: what comes right behind the request or the 101, other protocols, refusals, half-closed streams.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::{Backed, Client, Edge, FORWARD, PATIENCE, Site};

const ECHO_RAW: &[u8] = b"GET /api/upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo-raw\r\n\r\n";

/// Takes one request on a new connection, and gives its head.
fn take(listener: &UnixListener) -> (UnixStream, String) {
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        server.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (server, String::from_utf8_lossy(&head).into_owned())
}

fn upgraded(backed: &Backed) -> Client {
    let mut client = backed.connect();
    client.send(ECHO_RAW);
    let head = client.head();
    assert_eq!((head.status, head.field("upgrade")), (101, Some("echo-raw")));
    assert!(head.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
    client
}

#[test]
fn another_protocol_than_websocket_is_carried_as_well() {
    let backed = Backed::start("");
    let mut client = upgraded(&backed);
    client.send(b"\0\x01GET / HTTP/1.1\r\n\r\n\xff!");
    client.read_until(b"\xff!");
}

#[test]
fn bytes_right_behind_the_upgrade_request_arrive() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    let mut bytes = ECHO_RAW.to_vec();
    bytes.extend_from_slice(b"eager\n");
    client.send(&bytes);
    assert_eq!(client.head().status, 101);
    assert_eq!(client.read_until(b"\n"), b"eager\n");
}

#[test]
fn bytes_right_behind_the_101_arrive() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let listener = UnixListener::bind(site.join("api.sock")).unwrap();
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    client.send(ECHO_RAW);
    let (mut server, _) = take(&listener);
    server.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo-raw\r\n\r\nfirst word").unwrap();
    assert_eq!(client.head().status, 101);
    assert_eq!(client.read_until(b"word"), b"first word");
}

#[test]
fn nothing_reaches_the_upstream_as_a_tunnel_before_its_101() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let listener = UnixListener::bind(site.join("api.sock")).unwrap();
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    client.send(ECHO_RAW);
    client.send(b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (mut server, head) = take(&listener);
    assert!(head.ends_with("upgrade: echo-raw\r\n\r\n"), "{head}");
    server.set_nonblocking(true).unwrap();
    assert!(server.read(&mut [0]).is_err(), "something came behind the request");
    server.set_nonblocking(false).unwrap();
    server.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").unwrap();
    assert_eq!(client.response().status, 403);
    // What followed is a request of its own, and is decided as one.
    assert_eq!(client.response().status, 404);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_response() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /api/upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
    let refused = client.response();
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    client.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_half_closed_stream_still_carries_the_answer() {
    let backed = Backed::start("");
    let mut client = upgraded(&backed);
    let sent = vec![b'z'; 300_000];
    client.send(&sent);
    client.finish();
    assert_eq!(client.read_to_end(), sent);
}

#[test]
fn http_under_another_name_is_no_way_around_the_checks() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let listener = UnixListener::bind(site.join("api.sock")).unwrap();
    let edge = Edge::start_with(site, |_| {});
    for protocol in ["h2c", "HTTP/2.0", "websocket, h2c", "TLS/1.2"] {
        let mut client = edge.connect();
        client.send(format!("GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n").as_bytes());
        let (mut server, head) = take(&listener);
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("upgrade"), "{protocol}: {head}");
        server.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n").unwrap();
        assert_eq!(client.response().status, 502, "{protocol}");
    }
}

#[test]
fn an_upgrade_is_checked_like_any_request() {
    let config = FORWARD.replace("[server]", "[server]\nnames = [\"app.example\"]");
    let backed = Backed::start_with(&config);
    let mut client = backed.connect();
    client.send(b"GET /ws/echo HTTP/1.1\r\nHost: other.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response().status, 421);
    let mut client = backed.connect();
    client.send(b"GET /elsewhere HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response().status, 404);
}

#[test]
fn an_upgrade_from_an_http10_client_is_no_upgrade() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /api/echo HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo-raw\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, crate::support::seen(&response.json(), "upgrade").len()), (200, 0));
}

#[test]
fn a_101_to_what_was_not_offered_is_a_502() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let listener = UnixListener::bind(site.join("api.sock")).unwrap();
    let edge = Edge::start_with(site, |_| {});
    for upgrade in ["Upgrade: other\r\n", "Upgrade: echo-raw, other\r\n", ""] {
        let mut client = edge.connect();
        client.send(ECHO_RAW);
        let mut server = crate::support::accept(&listener);
        server.write_all(format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{upgrade}\r\n").as_bytes()).unwrap();
        assert_eq!(client.response().status, 502, "{upgrade}");
    }
}

#[test]
fn a_server_that_ends_its_half_still_hears_the_client() {
    let backed_site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let listener = UnixListener::bind(backed_site.join("api.sock")).unwrap();
    let edge = Edge::start_with(backed_site, |_| {});
    let mut client = edge.connect();
    client.send(ECHO_RAW);
    let mut server = crate::support::accept(&listener);
    server.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo-raw\r\n\r\nlast").unwrap();
    server.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.head().status, 101);
    assert_eq!(client.read_to_end(), b"last");
    client.send(b"goodbye");
    client.finish();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"goodbye");
}
