//! A backend that is not ours: FastAPI on uvicorn, as users have it, behind a Unix socket and kept running by the edge.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::support::{Edge, PATIENCE, python, seen};

fn start() -> Option<Edge> {
    let python = python()?;
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
    let command = format!(
        "[\"{}\", \"-m\", \"uvicorn\", \"app:app\", \"--app-dir\", \"{}\", \"--uds\", \"app.sock\", \"--forwarded-allow-ips\", \"*\"]",
        python.display(),
        app.display()
    );
    Some(Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[limits]\nbody = \"64MiB\"\n[upstream.app]\nto = \"unix:app.sock\"\nwait = \"50s\"\n\
         [process.app]\ncommand = {command}\nenv = {{ PYTHONDONTWRITEBYTECODE = \"1\" }}\n[[route]]\npath = [\"/api\", \"/ws\"]\nproxy = \"app\"\n"
    )))
}

fn open(edge: &Edge) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(edge.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client("ws://localhost/ws", stream).expect("a WebSocket").0
}

#[test]
fn an_application_sees_its_client_and_the_raw_path() {
    let Some(edge) = start() else { return };
    let shown = edge.get("/api/seen?a=%2F&b", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n").json();
    assert_eq!((&shown["path"], &shown["query"]), (&"/api/seen".into(), &"a=%2F&b".into()));
    assert_eq!((&shown["client"], &shown["scheme"]), (&"127.0.0.1".into(), &"http".into()), "uvicorn believes what the edge says");
    assert_eq!(seen(&shown, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen(&shown, "host"), ["localhost"]);
}

#[test]
fn an_upload_and_a_stream_pass() {
    let Some(edge) = start() else { return };
    let file = vec![b'q'; 20 << 20];
    let mut body = b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.bin\"\r\n\r\n".to_vec();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let mut connection = edge.connect();
    let length = body.len();
    connection.send(
        format!("POST /api/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=edge\r\nContent-Length: {length}\r\n\r\n")
            .as_bytes(),
    );
    connection.stream().write_all(&body).unwrap();
    let stored = connection.response().json();
    assert_eq!((&stored["name"], &stored["bytes"]), (&"photo.bin".into(), &file.len().into()));
    let stream = edge.get("/api/stream", "");
    assert_eq!((stream.text().lines().count(), stream.field("transfer-encoding")), (5, Some("chunked")));
}

#[test]
fn websocket_messages_and_close_codes_pass() {
    let Some(edge) = start() else { return };
    let mut socket = open(&edge);
    for message in [Message::text("grüße"), Message::binary(vec![0, 1, 255]), Message::text("y".repeat(200_000))] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.send(Message::text("close")).unwrap();
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4003, "as you wish")),
        other => panic!("{other:?}"),
    }
}
