//! Clients that leave: nobody works for them any more soon after.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::support::http2::{Http2, get, run};
use crate::support::{FORWARD, accept, played, played_with};

/// How soon a server is told that nobody waits any more, on a busy machine. It takes no time of its own, and every timeout is a minute.
const SOON: Duration = Duration::from_secs(20);

/// Reads until the edge ends the connection; that must come soon.
fn assert_told(mut server: UnixStream, what: &str) {
    let since = Instant::now();
    let mut buffer = vec![0; 65536];
    while matches!(server.read(&mut buffer), Ok(bytes) if bytes > 0) {}
    assert!(since.elapsed() < SOON, "{what}: told after {:?}", since.elapsed());
}

fn leave(stream: &TcpStream, how: &str) {
    if how == "half" {
        stream.shutdown(Shutdown::Write).expect("a shutdown");
    } else {
        rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("a linger");
    }
}

#[test]
fn an_upload_that_is_left_ends_at_the_upstream_unfinished() {
    let (edge, listener) = played("");
    for how in ["half", "reset"] {
        for framing in ["Content-Length: 1000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
            let mut client = edge.connect();
            client.send(format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\n{framing}").as_bytes());
            let server = accept(&listener);
            leave(client.stream(), how);
            drop(client);
            assert_told(server, how);
        }
    }
}

#[test]
fn a_download_that_is_left_ends_at_the_upstream() {
    let (edge, listener) = played("");
    for how in ["half", "reset"] {
        let mut client = edge.connect();
        client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut server = accept(&listener);
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin").expect("the edge reads");
        client.read_until(b"begin");
        leave(client.stream(), how);
        drop(client);
        assert_told(server, how);
    }
}

#[test]
fn a_stream_that_is_reset_ends_at_the_upstream_in_every_part_of_it() {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let (edge, listener) = played_with(&format!("{config}\n[tls]\ndev = true\n"));
    run(async {
        let client = Http2::connect(&edge).await;
        for part in ["before the head", "in the body", "in the upload"] {
            let mut ready = client.send.clone().ready().await.expect("room for a stream");
            let mut request = get("/api/x");
            *request.method_mut() = if part == "in the upload" { http::Method::POST } else { http::Method::GET };
            let (response, mut stream) = ready.send_request(request, part != "in the upload").expect("a stream");
            if part == "in the upload" {
                stream.send_data(Bytes::from_static(b"abc"), false).expect("data");
            }
            let taking = listener.try_clone().expect("the listener");
            let mut server = tokio::task::spawn_blocking(move || accept(&taking)).await.expect("a request");
            let mut content = None;
            if part == "in the body" {
                server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin").expect("the edge reads");
                let mut body = response.await.expect("a head").into_body();
                assert_eq!(body.data().await.expect("data").expect("data"), &b"begin"[..]);
                content = Some(body);
            }
            stream.send_reset(h2::Reason::CANCEL);
            drop(content);
            tokio::task::spawn_blocking(move || assert_told(server, part)).await.expect("told");
        }
    });
}

#[test]
fn the_end_of_an_http_2_connection_ends_all_its_requests() {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let (edge, listener) = played_with(&format!("{config}\n[tls]\ndev = true\n"));
    run(async {
        let client = Http2::connect(&edge).await;
        let mut servers = Vec::new();
        for _ in 0..3 {
            let mut ready = client.send.clone().ready().await.expect("room for a stream");
            let (response, _) = ready.send_request(get("/api/x"), true).expect("a stream");
            let taking = listener.try_clone().expect("the listener");
            servers.push((tokio::task::spawn_blocking(move || accept(&taking)).await.expect("a request"), response));
        }
        client.driver.abort();
        for (server, _response) in servers {
            tokio::task::spawn_blocking(move || assert_told(server, "the connection")).await.expect("told");
        }
    });
}
