//! FastAPI's WebSockets with the `websockets` client: many at once, every close code, and clients that die.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{before_python, foreign, python_in};
use crate::support::{Edge, run, wait_for};

const UVICORN: [&str; 9] = ["-m", "uvicorn", "app:app", "--uds", "app.sock", "--log-level", "critical", "--ws-ping-interval", "600"];

/// How soon a server sees it on a busy machine. It takes no time of its own, and nothing else would end the connection for minutes.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn five_hundred_websockets_talk_at_once_and_every_close_code_crosses_both_ways() {
    let Some((edge, _peer)) = before_python(&UVICORN) else { return };
    let Some(mut command) = python_in(&edge.site, &[]) else { return };
    let output = run(command.arg(foreign().join("swarm.py")).arg(edge.address().port().to_string()).arg("500"));
    assert_eq!(output.trim(), "all well");
}

fn closes(edge: &Edge) -> Vec<serde_json::Value> {
    edge.get("/api/closes", "").json().as_array().expect("closes").clone()
}

/// A client that is killed takes its socket with it; where it had not read all, the socket is reset.
fn assert_seen_soon(edge: &Edge, leave: impl FnOnce(TcpStream)) {
    let stream = TcpStream::connect(edge.address()).expect("the edge accepts");
    let url = format!("ws://{}/ws", edge.address());
    let (mut socket, _) = tokio_tungstenite::tungstenite::client(url, stream.try_clone().expect("a stream")).expect("a WebSocket");
    socket.send("hello".into()).expect("it takes a message");
    socket.read().expect("an echo");
    let before = closes(edge).len();
    socket.send("not read any more".into()).expect("it takes a message");
    let started = Instant::now();
    drop(socket);
    leave(stream);
    wait_for("the server to see it", || (closes(edge).len() > before).then_some(()));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(closes(edge)[before][0], 1006);
}

#[test]
fn a_server_sees_soon_that_a_client_was_killed() {
    let Some((edge, _peer)) = before_python(&UVICORN) else { return };
    assert_seen_soon(&edge, drop);
    assert_seen_soon(&edge, |stream| {
        let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    });
}
