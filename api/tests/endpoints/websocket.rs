//! WebSockets and other upgrades, on the real binary.

use crate::program::{Program, get, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Socket = WebSocketStream<UnixStream>;

async fn connect(program: &Program, path: &str) -> Socket {
    let target = format!("ws://backend{path}");
    let stream = program.stream().await;
    within("the handshake", client_async(target, stream)).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Message {
    within("a message", socket.next()).await.unwrap().unwrap()
}

/// The next message of this type; ticks come in between.
async fn next_of(socket: &mut Socket, kind: &str) -> Value {
    loop {
        if let Message::Text(text) = next(socket).await {
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == kind {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn an_echo_socket_returns_text_and_bytes() {
    let program = Program::start().await;
    let mut socket = connect(&program, "/ws/echo").await;
    for message in [Message::text("hello"), Message::binary(Bytes::from(vec![7; 1_000_000])), Message::text("")] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await, message);
    }
    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
    assert!(within("the end", socket.next()).await.is_none());
}

#[tokio::test]
async fn the_first_offered_subprotocol_is_taken() {
    let program = Program::start().await;
    let mut ask = "ws://backend/ws/echo".into_client_request().unwrap();
    ask.headers_mut().insert("sec-websocket-protocol", "chat.v2, chat.v1".parse().unwrap());
    let (_socket, answer) = client_async(ask, program.stream().await).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "chat.v2");
}

#[tokio::test]
async fn everybody_in_the_room_hears_what_one_says_and_the_ticks() {
    let program = Program::start().await;
    let mut first = connect(&program, "/ws").await;
    let mut second = connect(&program, "/api/ws").await;
    assert_eq!(next_of(&mut first, "hello").await["id"], 1);
    assert_eq!(next_of(&mut second, "hello").await["id"], 2);

    first.send(Message::text("good morning")).await.unwrap();
    let said = json!({"type": "say", "from": 1, "text": "good morning"});
    assert_eq!(next_of(&mut second, "say").await, said);
    assert_eq!(next_of(&mut first, "say").await, said);

    let tick = next_of(&mut second, "tick").await;
    assert_eq!(tick["sockets"], 2);
    assert!((0.0..=1.0).contains(&tick["load"].as_f64().unwrap()), "{tick}");
}

#[tokio::test]
async fn a_socket_answers_what_it_is_asked() {
    let program = Program::start().await;
    let mut socket = connect(&program, "/ws").await;
    socket.send(Message::text(r#"{"type":"ping","t":12.5}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "pong").await["t"], 12.5);
    socket.send(Message::text(r#"{"type":"echo","text":"x"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "echo").await["text"], "x");
    socket.send(Message::text(r#"{"type":"close","code":4001,"reason":"enough"}"#)).await.unwrap();
    let frame = loop {
        if let Message::Close(frame) = next(&mut socket).await {
            break frame.unwrap();
        }
    };
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Library(4001), "enough"));
}

#[tokio::test]
async fn a_stop_closes_sockets_with_1001() {
    let mut program = Program::start().await;
    let mut socket = connect(&program, "/ws/echo").await;
    program.terminate();
    let Message::Close(Some(frame)) = next(&mut socket).await else {
        panic!("expected a close frame");
    };
    assert_eq!(frame.code, CloseCode::Away);
    assert!(within("the end", socket.next()).await.is_none());
    assert!(program.exit().await.success());
}

#[tokio::test]
async fn a_plain_get_is_told_to_upgrade() {
    let program = Program::start().await;
    let answer = program.send(get("/ws")).await;
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.headers()["upgrade"], "websocket");
}

#[tokio::test]
async fn bytes_sent_along_with_an_upgrade_are_echoed() {
    let program = Program::start().await;
    let mut stream = program.stream().await;
    stream
        .write_all(
            b"GET /api/upgrade HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
              Upgrade: echo-raw\r\n\r\nfirst",
        )
        .await
        .unwrap();
    stream.write_all(b" second").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    within("the end", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nfirst second"), "{answer}");
}
