//! `Expect: 100-continue`: whether a body is wanted is the upstream's to say; it is asked, and not waited for for ever.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::{Client, Edge, PATIENCE, played};

const WITHHELD: &[u8] = b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Takes a head, and gives it.
fn accept(listener: &UnixListener) -> (UnixStream, String) {
    let (mut server, _) = listener.accept().expect("the edge connects");
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = head(&mut server);
    (server, head)
}

fn head(server: &mut UnixStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        server.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn body(server: &mut UnixStream) -> [u8; 3] {
    let mut body = [0; 3];
    server.read_exact(&mut body).expect("a body");
    body
}

/// Whether the edge has said anything yet.
fn is_silent(client: &Client) -> bool {
    client.stream().set_nonblocking(true).expect("a socket");
    let result = client.stream().peek(&mut [0]);
    client.stream().set_nonblocking(false).expect("a socket");
    result.is_err()
}

#[test]
fn a_100_of_the_upstream_lets_the_client_go_on() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    for _ in 0..3 {
        client.send(WITHHELD);
        let (mut server, head) = accept(&listener);
        assert!(head.contains("expect: 100-continue\r\n"), "{head}");
        assert!(is_silent(&client), "nobody but the upstream says 100");
        server.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the edge reads");
        assert_eq!(client.head().status, 100);
        client.send(b"abc");
        assert_eq!(&body(&mut server), b"abc");
        server.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("the edge reads");
        let response = client.head();
        assert_eq!((response.status, response.field("connection")), (204, None), "and the connection goes on");
    }
}

#[test]
fn a_refusal_of_the_upstream_spares_the_body() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    client.send(WITHHELD);
    let (mut server, _) = accept(&listener);
    server.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\n").expect("the edge reads");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str(), response.field("connection")), (401, "no\n", Some("close")));
    // Whether the body comes nobody knows: neither connection is used again, and it reaches nobody.
    client.try_send(b"abc");
    assert_eq!(server.read(&mut [0]).expect("the end"), 0);
}

#[test]
fn an_upstream_that_says_nothing_gets_the_body_all_the_same() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    client.send(WITHHELD);
    let (mut server, _) = accept(&listener);
    assert_eq!(client.head().status, 100, "after a second");
    client.send(b"abc");
    assert_eq!(&body(&mut server), b"abc");
    server.write_all(NO_CONTENT).expect("the edge reads");
    assert_eq!(client.response().status, 204);
}

#[test]
fn a_client_that_does_not_wait_is_not_made_to_wait() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    client.send(&[WITHHELD, b"abc"].concat());
    let (mut server, head) = accept(&listener);
    assert!(!head.contains("expect"), "{head}");
    assert_eq!(&body(&mut server), b"abc");
    server.write_all(NO_CONTENT).expect("the edge reads");
    assert_eq!(client.head().status, 204, "without a 100 that nobody needs");
}

#[test]
fn what_else_is_expected_is_417() {
    let (edge, _listener) = played("");
    let response = edge.request("POST /api/x HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(response.status, 417);
}

#[test]
fn an_early_response_to_a_long_upload_says_that_the_connection_ends() {
    let (edge, listener) = played("");
    for (length, connection) in [(1_000_000, Some("close")), (1000, None)] {
        let mut client = edge.connect();
        client.send(format!("POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\nabc").as_bytes());
        let (mut server, _) = accept(&listener);
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").expect("the edge reads");
        let response = client.response();
        assert_eq!((response.status, response.field("connection")), (200, connection), "{length}");
        if connection.is_none() {
            client.send(&vec![b'x'; length - 3]);
            client.send(b"GET /missing HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(client.response().status, 404, "a short rest is read away");
        }
    }
}

#[test]
fn a_route_may_have_its_own_deadlines() {
    let route = "[[route]]\npath = \"/api/patient\"\nproxy = \"api\"\ntimeouts = { response = \"20s\", idle = \"20s\" }";
    let (edge, listener) = played(&format!("[timeouts]\nresponse = \"2s\"\nidle = \"2s\"\n{route}"));
    let mut client = edge.connect();
    client.send(b"GET /api/patient HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (mut server, _) = accept(&listener);
    // The same without the exception has its answer meanwhile.
    let mut other = edge.connect();
    other.send(b"GET /api/quick HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (silent, _) = accept(&listener);
    assert_eq!(other.response().status, 504);
    drop(silent);
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\no").expect("the edge reads");
    assert!(quick_cut(&edge, &listener).ends_with("\r\n\r\no"), "cut");
    server.write_all(b"k\n").expect("the edge reads");
    assert_eq!(client.response().text(), "ok\n");
}

/// A response that stalls, as far as it comes.
fn quick_cut(edge: &Edge, listener: &UnixListener) -> String {
    let mut client = edge.connect();
    client.send(b"GET /api/quick HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (mut server, _) = accept(listener);
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\no").expect("the edge reads");
    String::from_utf8_lossy(&client.read_to_end()).into_owned()
}
