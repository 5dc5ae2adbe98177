//! Python servers on Unix sockets: requests of every kind, one after the other on one connection.

use super::before_python;
use crate::support::{Client, Edge};

const UVICORN: [&str; 7] = ["-m", "uvicorn", "app:app", "--uds", "app.sock", "--log-level", "warning"];
const GUNICORN_ASYNC: [&str; 9] =
    ["-m", "gunicorn", "app:app", "-k", "uvicorn.workers.UvicornWorker", "--workers", "2", "--bind", "unix:app.sock"];
const GUNICORN_SYNC: [&str; 7] = ["-m", "gunicorn", "wsgi:app", "--workers", "2", "--bind", "unix:app.sock"];

const UPLOAD_BYTES: usize = 20 << 20;

fn ask(client: &mut Client, method: &str, path: &str) -> crate::support::Response {
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client.response_to(method)
}

fn upload(client: &mut Client) {
    client.send(format!("POST /api/sum HTTP/1.1\r\nHost: localhost\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n").as_bytes());
    client.send(&vec![b'u'; UPLOAD_BYTES]);
    assert_eq!(client.response().json()["bytes"], UPLOAD_BYTES);
    client.send(b"POST /api/sum HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..100 {
        client.send(b"4e20\r\n");
        client.send(&[b'c'; 20_000]);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.response().json()["bytes"], 2_000_000);
}

/// Every line of the stream is only sent when the one before it has arrived here.
fn assert_streams(edge: &Edge, client: &mut Client) {
    client.send(b"GET /api/paced HTTP/1.1\r\nHost: localhost\r\n\r\n");
    edge.site.write("go-0", b"");
    assert_eq!(client.head().field("transfer-encoding"), Some("chunked"));
    for step in 0..4 {
        assert_eq!(client.chunk(), format!("line {step}\n").into_bytes());
        edge.site.write(&format!("go-{}", step + 1), b"");
    }
    assert!(client.chunk().is_empty());
    client.read_until(b"\r\n");
}

fn assert_serves(edge: &Edge) {
    let mut client = edge.connect();
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "GET", "/api/page").text(), "a page of the API");
        let head = ask(&mut client, "HEAD", "/api/page");
        assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some("17"), 0));
        let none = ask(&mut client, "DELETE", "/api/none");
        assert_eq!((none.status, none.field("content-length"), none.field("transfer-encoding")), (204, None, None));
    }
    upload(&mut client);
    assert_streams(edge, &mut client);
    assert_eq!(ask(&mut client, "GET", "/api/page").status, 200, "the connection outlives it all");
    assert!(client.buffer.is_empty());
}

#[test]
fn uvicorn_serves_every_kind_of_request_on_one_connection() {
    let Some((edge, _peer)) = before_python(&UVICORN) else { return };
    assert_serves(&edge);
}

#[test]
fn gunicorn_with_uvicorn_workers_serves_every_kind_of_request_on_one_connection() {
    let Some((edge, _peer)) = before_python(&GUNICORN_ASYNC) else { return };
    assert_serves(&edge);
}

#[test]
fn gunicorn_with_sync_workers_serves_every_kind_of_request_on_one_connection() {
    let Some((edge, _peer)) = before_python(&GUNICORN_SYNC) else { return };
    assert_serves(&edge);
}
