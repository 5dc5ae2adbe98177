//! Upgraded connections: opened only after the upstream's 101, untouched while they live, never cut for silence.

mod raw;

use std::net::TcpStream;

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::support::{Backed, FORWARD, PATIENCE, Stopped, connect_secure, wait_for};

/// As long as a busy machine may need for a handshake.
const QUICK: &str = "[timeouts]\nkeepalive = \"2s\"\nidle = \"2s\"\nbody_idle = \"2s\"\nresponse = \"2s\"\nheader = \"2s\"";

fn open(backed: &Backed, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(backed.edge.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (socket, response) = tokio_tungstenite::tungstenite::client(format!("ws://localhost{path}"), stream).expect("a WebSocket");
    assert_eq!(response.status(), 101);
    socket
}

fn assert_echoes(socket: &mut WebSocket<impl std::io::Read + std::io::Write>, message: Message) {
    socket.send(message.clone()).unwrap();
    assert_eq!(socket.read().unwrap(), message);
}

#[test]
fn messages_of_every_kind_and_size_come_back() {
    let backed = Backed::start("");
    let mut socket = open(&backed, "/ws/echo");
    for bytes in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        assert_echoes(&mut socket, Message::text("x".repeat(bytes)));
        assert_echoes(&mut socket, Message::binary((0..bytes).map(|index| index as u8).collect::<Vec<_>>()));
    }
}

#[test]
fn a_ping_is_answered_by_the_backend() {
    let backed = Backed::start("");
    let mut socket = open(&backed, "/ws/echo");
    socket.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
}

#[test]
fn close_codes_cross_both_ways() {
    let backed = Backed::start("");
    let mut socket = open(&backed, "/ws");
    socket.send(Message::text(r#"{"type":"close","code":4001,"reason":"bye"}"#)).unwrap();
    let frame = loop {
        if let Message::Close(frame) = socket.read().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4001, "bye"));
    let mut socket = open(&backed, "/ws/echo");
    socket.close(Some(CloseFrame { code: CloseCode::from(4002), reason: "mine".into() })).unwrap();
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 4002),
        other => panic!("{other:?}"),
    }
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn a_subprotocol_is_agreed_on() {
    let backed = Backed::start("");
    let mut request = format!("ws://{}/ws/echo", backed.edge.address()).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "chat.v2, chat.v1".parse().unwrap());
    let stream = TcpStream::connect(backed.edge.address()).unwrap();
    let (_, response) = tokio_tungstenite::tungstenite::client(request, stream).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v2");
}

#[test]
fn a_silent_websocket_outlives_every_idle_limit() {
    let backed = Backed::start(QUICK);
    let mut socket = open(&backed, "/ws/echo");
    // An ordinary connection that is as silent is closed twice over meanwhile.
    assert!(backed.connect().is_closed());
    assert!(backed.connect().is_closed());
    assert_echoes(&mut socket, Message::text("still here"));
}

#[test]
fn a_stream_limit_that_is_set_closes_a_silent_websocket() {
    let backed = Backed::start("[timeouts]\nstream = \"100ms\"");
    assert!(open(&backed, "/ws/echo").read().is_err());
}

#[test]
fn a_websocket_over_tls_echoes() {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let backed = Backed::start_with(&format!("{config}\n[tls]\ndev = true\n"));
    let stream = connect_secure(&backed.edge.site, backed.edge.address());
    let (mut socket, _) = tokio_tungstenite::tungstenite::client("wss://localhost/ws/echo", stream).unwrap();
    assert_echoes(&mut socket, Message::binary(vec![7; 300_000]));
}

#[test]
fn two_hundred_websockets_live_at_once() {
    let backed = Backed::start("");
    let mut sockets: Vec<_> = (0..200).map(|_| open(&backed, "/ws/echo")).collect();
    for round in 0..2 {
        for (index, socket) in sockets.iter_mut().enumerate() {
            socket.send(Message::text(format!("{round} {index}"))).unwrap();
        }
        for (index, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.read().unwrap(), Message::text(format!("{round} {index}")));
        }
    }
}

#[test]
fn a_stop_closes_websockets_when_the_grace_has_passed() {
    let backed = Backed::start_with(&FORWARD.replace("grace  = \"1s\"", "grace = \"100ms\""));
    let mut socket = open(&backed, "/ws/echo");
    assert_echoes(&mut socket, Message::text("hello"));
    let Backed { edge, api } = backed;
    let Stopped { status, events, .. } = edge.stop();
    assert!(status.success());
    assert!(events.iter().any(|event| event.contains("were cut")), "{events:?}");
    assert!(socket.read().is_err());
    drop(api);
}

#[test]
fn a_backend_that_dies_ends_its_websockets() {
    let mut backed = Backed::start("");
    let mut socket = open(&backed, "/ws/echo");
    backed.api.kill();
    assert!(socket.read().is_err());
}

#[test]
fn a_websocket_is_one_line_in_the_access_log() {
    let backed = Backed::start("");
    drop(open(&backed, "/ws/echo?token=x"));
    let line = backed.edge.wait_for_access("the upgrade", |line| line["status"] == 101);
    assert_eq!(line["path"], "/ws/echo?token=x");
    wait_for("the backend to see it go", || (backed.get("/api/health", "").status == 200).then_some(()));
}
