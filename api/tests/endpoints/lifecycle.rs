//! How the binary starts, stops and dies.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::program::{Program, get, within};
use api::{Address, Listener};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

#[tokio::test]
async fn a_stop_lets_a_stream_finish_and_removes_the_socket() {
    let mut program = Program::start().await;
    let mut answer = program.send(get("/api/stream?count=8&interval=50ms")).await;
    within("the first line", answer.body_mut().frame()).await.unwrap().unwrap();
    program.terminate();
    let rest = within("the rest", answer.into_body().collect()).await.unwrap();
    assert_eq!(rest.to_bytes().iter().filter(|byte| **byte == b'\n').count(), 7);
    assert!(program.exit().await.success());
    assert!(!program.socket().exists());
    assert!(!program.raw().exists());
}

#[tokio::test]
async fn a_request_that_was_sent_before_the_stop_is_answered() {
    let mut program = Program::start().await;
    let mut stream = program.stream().await;
    stream.write_all(b"GET /api/slow?delay=200ms HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    program.terminate();
    let mut answer = String::new();
    within("the close", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn an_endless_stream_ends_whole_when_the_server_stops() {
    let mut program = Program::start().await;
    let mut answer = program.send(get("/api/events?interval=10ms")).await;
    within("the first event", answer.body_mut().frame()).await.unwrap().unwrap();
    program.terminate();
    within("the end", answer.into_body().collect()).await.unwrap();
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn work_that_takes_too_long_is_dropped_at_the_deadline() {
    let mut program = Program::start_with(&["--drain-timeout", "100ms"]).await;
    let mut answer = program.send(get("/api/drip?bytes=1000&interval=1s")).await;
    within("the first byte", answer.body_mut().frame()).await.unwrap().unwrap();
    program.terminate();
    assert!(within("the cut", answer.into_body().collect()).await.is_err());
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_stop() {
    let mut program = Program::start_with(&["--drain-timeout", "60s"]).await;
    let mut idle = program.client().await;
    let used = within("an answer", idle.send_request(get("/api/small"))).await.unwrap();
    used.into_body().collect().await.unwrap();
    let _silent = program.stream().await;
    program.terminate();
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn the_process_dies_as_it_is_told() {
    let mut program = Program::start().await;
    let mut client = program.client().await;
    assert!(client.send_request(get("/api/exit?code=3")).await.is_err());
    assert_eq!(program.exit().await.code(), Some(3));
    assert!(program.socket().exists(), "a crash cleans nothing up");

    let mut program = Program::start().await;
    let mut client = program.client().await;
    assert!(client.send_request(get("/api/abort")).await.is_err());
    assert_eq!(program.exit().await.signal(), Some(6));
}

#[tokio::test]
async fn a_start_delay_comes_before_the_first_connection() {
    let begin = Instant::now();
    let program = Program::start_with(&["--start-delay", "200ms"]).await;
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!(program.send(get("/api/health")).await.status(), 200);
}

#[tokio::test]
async fn several_threads_serve_as_one() {
    let mut program = Program::start_with(&["--threads", "2"]).await;
    assert_eq!(program.send(get("/api/health")).await.status(), 200);
    program.terminate();
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn the_library_serves_in_process_and_refuses_to_crash() {
    let listener = Listener::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
    let Address::Tcp(address) = *listener.address() else {
        panic!("a TCP listener has a TCP address");
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(api::serve(listener, async move {
        let _ = stopped.await;
    }));
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = within("an answer", client.send_request(get("/api/exit"))).await.unwrap();
    assert_eq!(answer.status(), 501);
    stop.send(()).unwrap();
    within("the stop", server).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_waits_to_be_accepted_is_still_served() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /api/small HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let server = tokio::spawn(api::serve(listener, std::future::ready(())));
    let mut answer = String::new();
    within("the close", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    within("the stop", server).await.unwrap();
}

#[tokio::test]
async fn a_request_on_a_kept_connection_is_answered_while_the_stop_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(api::serve(listener, async move {
        let _ = stopped.await;
    }));
    let (mut client, connection) =
        http1::handshake::<_, Full<Bytes>>(TokioIo::new(UnixStream::connect(&path).await.unwrap())).await.unwrap();
    tokio::spawn(connection);
    let first = within("an answer", client.send_request(get("/api/small"))).await.unwrap();
    first.into_body().collect().await.unwrap();

    stop.send(()).unwrap();
    while path.exists() {
        tokio::task::yield_now().await;
    }
    let second = within("an answer", client.send_request(get("/api/small"))).await.unwrap();
    assert_eq!(second.status(), 200);
    within("the stop", server).await.unwrap();
}
