//! The PROXY protocol: in front, where a trusted balancer says whose connection it is, and behind, where the edge says it.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::support::{Backed, Client, FORWARD, PATIENCE, accept, played_with, seen, tls_config};

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13\xc0\x00\x02\x07\x0a\x00\x00\x01\x12\x34\x01\xbb\x04\x00\x04\x00\x00\x00\x00";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n";
const REQUEST: &[u8] = b"GET /api/echo HTTP/1.1\r\nHost: a\r\n\r\n";

fn start(trusted: &str) -> Backed {
    let server = format!("grace = \"1s\"\nproxy_protocol = true\ntrusted_proxies = \"{trusted}\"");
    Backed::start_with(&format!("{}\n[timeouts]\nheader = \"2s\"\n", FORWARD.replace("grace  = \"1s\"", &server)))
}

/// The address that the upstream is told, of a connection that begins with these bytes.
fn told(backed: &Backed, first: &[u8]) -> String {
    let mut client = backed.connect();
    client.send(&[first, REQUEST].concat());
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.text());
    seen(&response.json(), "x-forwarded-for").join("|")
}

fn is_closed(client: &mut Client) -> bool {
    client.read_to_end().is_empty()
}

#[test]
fn a_trusted_balancer_says_whose_connection_it_is() {
    let backed = start("private");
    for header in [V1, V2] {
        assert_eq!(told(&backed, header), "192.0.2.7");
    }
    // The client of a header is no proxy itself: what it says of others is not believed.
    let mut client = backed.connect();
    client.send(&[V1, b"GET /api/echo?claimed HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"].concat());
    assert_eq!(seen(&client.response().json(), "x-forwarded-for"), ["192.0.2.7"]);
    backed.edge.wait_for_access("the line of the client", |line| line["path"] == "/api/echo?claimed" && line["client"] == "192.0.2.7");
    // A health check of the balancer itself.
    assert_eq!(told(&backed, b"PROXY UNKNOWN\r\n"), "127.0.0.1");
    assert_eq!(told(&backed, b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"), "127.0.0.1");
    // In pieces, as a slow network brings it.
    let mut client = backed.connect();
    for piece in V2.chunks(5) {
        client.send(piece);
    }
    client.send(REQUEST);
    assert_eq!(seen(&client.response().json(), "x-forwarded-for"), ["192.0.2.7"]);
}

#[test]
fn a_trusted_balancer_that_says_nothing_or_nonsense_is_not_served() {
    let backed = start("private");
    let mut bad_length = V2.to_vec();
    bad_length[15] = 11;
    for (first, cause) in [
        (REQUEST, "no PROXY header"),
        (&bad_length, "a PROXY header that is too short for its addresses"),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4660\r\n", "a malformed PROXY line"),
        (&[b"PROXY UNKNOWN ".as_slice(), &[b'f'; 200]].concat(), "a PROXY line of more than 107 bytes"),
        (b"PROXY TCP4 192.0.2.7 ", "the PROXY header did not come within timeouts.header"),
    ] {
        let mut client = backed.connect();
        client.send(first);
        assert!(is_closed(&mut client), "{cause}");
        backed.edge.wait_for_access(cause, |line| line["cause"] == cause);
    }
    let mut client = backed.connect();
    client.send(V1.get(..20).expect("a start"));
    client.finish();
    assert!(is_closed(&mut client));
    backed.edge.wait_for_access("the end", |line| line["cause"] == "the PROXY header breaks off");
}

#[test]
fn a_stranger_has_no_say_and_is_served_as_who_he_is() {
    let backed = start("10.0.0.0/8");
    assert_eq!(told(&backed, b""), "127.0.0.1");
    let mut client = backed.connect();
    client.send(&[V1, REQUEST].concat());
    assert_eq!(client.response().status, 400);
}

#[test]
fn an_upstream_is_told_the_client_on_a_connection_of_its_own() {
    for (version, begins) in
        [("v1", &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01")]
    {
        let upstream = format!("[upstream.api]\nto = \"unix:api.sock\"\nwait = \"0s\"\nproxy_protocol = \"{version}\"\n");
        let (edge, listener) =
            played_with(&format!("[server]\nlisten = [\"127.0.0.1:0\"]\n{upstream}[[route]]\npath = \"/\"\nproxy = \"api\"\n"));
        let mut client = edge.connect();
        for _ in 0..2 {
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let (mut stream, _) = listener.accept().expect("a connection for each request");
            let mut first = vec![0; begins.len()];
            stream.read_exact(&mut first).expect("a header");
            assert_eq!(first, begins, "{version}");
            let mut rest = Vec::new();
            let mut byte = [0];
            while !rest.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).expect("a request");
                rest.push(byte[0]);
            }
            assert!(String::from_utf8_lossy(&rest).contains("GET / HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
            assert_eq!(client.response().text(), "ok");
        }
    }
    let (edge, listener) = played_with("[server]\nlisten = [\"127.0.0.1:0\"]\n[[route]]\npath = \"/\"\nproxy = \"unix:api.sock\"\n");
    let mut client = edge.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    accept(&listener).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn the_header_comes_before_the_handshake() {
    let server = "grace = \"1s\"\nproxy_protocol = true\ntrusted_proxies = \"private\"";
    let listen = "listen = [\"https://127.0.0.1:0\"]";
    let config = FORWARD.replace("grace  = \"1s\"", server).replace("listen = [\"127.0.0.1:0\"]", listen);
    let backed = Backed::start_with(&format!("{config}\n[tls]\ndev = true\n"));
    let mut stream = TcpStream::connect(backed.edge.address()).expect("the edge accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(V2).expect("a header");
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(tls_config(&backed.edge.site, &["http/1.1"]), name).expect("a TLS client");
    let mut secure = StreamOwned::new(connection, stream);
    secure.write_all(b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    let _ = secure.read_to_string(&mut answer);
    assert!(answer.contains("[\"x-forwarded-for\",\"192.0.2.7\"]") && answer.contains("[\"x-forwarded-proto\",\"https\"]"), "{answer}");
}
