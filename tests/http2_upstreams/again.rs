//! Requests that a server of HTTP/2 refuses or breaks off: which of them are asked again, and with what of their body.

use super::{ask, asked, config, played};
use crate::support::http2_server::Http2Server;
use crate::support::{Client, Edge, Site, wait_for};

#[test]
fn a_stream_that_was_refused_is_asked_again_whatever_it_asks_for() {
    let (edge, server) = played();
    let answer = ask(&edge, "POST /api/refused-once HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((answer.status, answer.text().as_str()), (200, "taken"));
    assert_eq!(server.asked("/api/refused-once"), 2);
}

#[test]
fn a_body_that_was_waited_for_is_told_again_however_long_it_is() {
    let buffered = "buffer_request = true\n[limits]\nbuffer_memory = \"1MiB\"\n";
    let site = Site::new(&config("h2c://unix:api.sock", buffered).replace("wait = \"0s\"", "wait = \"0s\"\nretry = { on = [503] }"));
    let server = Http2Server::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    // Above what is kept of a body that was not waited for (32 KiB).
    for bytes in [1_000, 40_000, 200_000] {
        let body = "b".repeat(bytes);
        let path = format!("/api/503-once?{bytes}");
        let answer = ask(&edge, &format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n{body}"));
        assert_eq!((answer.status, answer.body.len(), server.asked(&path)), (200, bytes, 2));
    }
}

#[test]
fn a_body_whose_beginning_was_waited_for_is_told_again_from_there() {
    let site = Site::new(&config("h2c://unix:api.sock", "buffer_request = \"16KiB\"\n"));
    let server = Http2Server::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    let mut client = Client::connect(edge.addresses[1]);
    client.send(b"POST /api/refused-late-once HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("4e20\r\n{}\r\n", "b".repeat(20_000)).as_bytes());
    // Refused with all of that, and more of it not there.
    wait_for("the second time", || (server.asked("/api/refused-late-once") == 2).then_some(()));
    client.send(b"3\r\nend\r\n0\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status, answer.text()), (200, format!("{}end", "b".repeat(20_000))));
}

#[test]
fn a_reset_before_the_head_is_a_502_and_is_repeated_for_those_alone_who_may() {
    let (edge, server) = played();
    assert_eq!(asked(&edge, "/api/reset").status, 502);
    assert_eq!(server.asked("/api/reset"), 3, "a GET is asked for three times at most");
    assert_eq!(ask(&edge, "POST /api/reset?post HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status, 502);
    assert_eq!(server.asked("/api/reset?post"), 1);
}
