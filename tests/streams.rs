//! Responses that come bit by bit reach the client bit by bit.

use std::io::{Read, Write};

use crate::support::{Backed, Client, Edge, accept, played, wait_for};

fn get(edge: &Edge, path: &str) -> Client {
    let mut client = edge.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client
}

#[test]
fn an_event_is_read_before_the_next_one_is_sent() {
    let (edge, listener) = played("");
    for kind in ["text/event-stream", "application/x-ndjson", "text/html"] {
        let mut client = get(&edge, "/api/events");
        let mut server = accept(&listener);
        write!(server, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(client.head().field("content-type"), Some(kind), "the head does not wait for the first event");
        for index in 0..20 {
            let event = format!("data: {index}\n\n");
            write!(server, "{:x}\r\n{event}\r\n", event.len()).unwrap();
            assert_eq!(client.chunk(), event.as_bytes());
        }
        write!(server, "0\r\n\r\n").unwrap();
        assert!(client.chunk().is_empty());
    }
}

#[test]
fn a_part_of_a_chunk_does_not_wait_for_its_rest() {
    let (edge, listener) = played("");
    let mut client = get(&edge, "/api/events");
    let mut server = accept(&listener);
    write!(server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nbegin").unwrap();
    client.head();
    assert_eq!(client.chunk(), b"begin");
}

#[test]
fn a_body_with_a_length_is_passed_on_byte_by_byte() {
    let (edge, listener) = played("");
    let mut client = get(&edge, "/api/drip");
    let mut server = accept(&listener);
    write!(server, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n").unwrap();
    client.head();
    for byte in b"abcdefghijklmnopqrst" {
        server.write_all(&[*byte]).unwrap();
        assert_eq!(client.read_until(&[*byte]), [*byte]);
    }
}

#[test]
fn an_upload_reaches_the_upstream_byte_by_byte() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    client.send(b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0");
    let mut server = accept(&listener);
    let mut byte = [0];
    server.read_exact(&mut byte).unwrap();
    for digit in b"123456789" {
        client.send(&[*digit]);
        server.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [*digit]);
    }
    server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(client.response().status, 204);
}

#[test]
fn an_event_stream_outlives_the_idle_limit_of_ordinary_responses() {
    // As long as a busy machine may need for a request and the head of its response, and shorter than the silence between two events.
    let backed = Backed::start("[timeouts]\nidle = \"2s\"\nresponse = \"2s\"\nbody_idle = \"2s\"\nkeepalive = \"2s\"");
    let mut client = get(&backed.edge, "/api/events?interval=2500ms&count=3");
    assert_eq!(client.response().text().matches("data:").count(), 3);
}

#[test]
fn an_ordinary_response_that_stalls_is_cut_by_the_idle_limit() {
    let (edge, listener) = played("[timeouts]\nidle = \"100ms\"");
    let mut client = get(&edge, "/api/drip");
    let mut server = accept(&listener);
    write!(server, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc").unwrap();
    client.head();
    assert_eq!(client.read_to_end(), b"abc");
    let line = edge.wait_for_access("the cut response", |line| line["path"] == "/api/drip");
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("timeouts.idle")), "{line}");
}

#[test]
fn a_client_that_leaves_ends_the_stream_at_the_upstream() {
    for head in ["Content-Type: text/event-stream\r\n", ""] {
        let (edge, listener) = played("");
        let mut client = get(&edge, "/api/events");
        let mut server = accept(&listener);
        write!(server, "HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n").unwrap();
        client.head();
        assert_eq!(client.chunk(), b"data:");
        drop(client);
        // It ends though the upstream says nothing more.
        let mut byte = [0];
        assert!(matches!(server.read(&mut byte), Ok(0)), "the upstream is not told that the client left");
    }
}

#[test]
fn a_client_that_leaves_before_the_response_head_ends_the_request_at_the_upstream() {
    let (edge, listener) = played("");
    let client = get(&edge, "/api/slow");
    let mut server = accept(&listener);
    drop(client);
    let mut byte = [0];
    assert!(matches!(server.read(&mut byte), Ok(0)), "the upstream is not told that the client left");
}

#[test]
fn a_stream_that_was_left_is_in_the_access_log() {
    let backed = Backed::start("");
    let mut client = get(&backed.edge, "/api/events?interval=5ms");
    client.head();
    drop(client);
    wait_for("the line", || backed.edge.access_lines().into_iter().find(|line| line.contains("/api/events")));
}
