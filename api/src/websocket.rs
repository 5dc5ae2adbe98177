//! `/ws`, where sockets hear news and talk, and `/ws/echo`, which only echoes.
//!
//! The handshake is checked here (RFC 6455, 4.2); frames are tungstenite's. When the server stops,
//! each socket is closed with 1001. What everybody hears is in [`crate::room`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::backend::Backend;
use crate::reply::{Problem, Reply};
use crate::socket::Socket;
use crate::upgrade::{self, Opening};

/// The largest message and frame, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// How long a closed socket waits for the other side's close.
const GOODBYE: Duration = Duration::from_secs(1);
/// The longest reason in a close frame, in bytes (RFC 6455, 5.5: 125 with the code).
const REASON_BYTES_MAX: usize = 123;

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Hello, ticks, and answers to `Ask`s.
    Room,
    /// Every message comes back.
    Echo,
}

/// What a client may ask for; any other text is said to everybody.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Ask {
    Ping {
        #[serde(default)]
        t: serde_json::Value,
    },
    Echo {
        #[serde(rename = "text")]
        _text: String,
    },
    Close {
        code: u16,
        #[serde(default)]
        reason: String,
    },
}

/// What follows from a message.
enum Reaction {
    Nothing,
    Send(Message),
    Close(CloseFrame),
    /// The client has closed.
    Leave,
}

/// Answers the handshake and starts the conversation.
///
/// # Errors
/// 426 without an upgrade to WebSocket version 13, 400 without a usable key.
pub fn open(talk: Talk, request: &mut Request<Incoming>, backend: &Arc<Backend>) -> Result<Reply, Problem> {
    let mut reply = handshake(request)?;
    if let Some(protocol) = first_protocol(request) {
        reply.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let opening = Opening::of(request);
    let state = Arc::clone(backend);
    backend.drain().spawn(async move {
        let Some((socket, first)) = opening.wait().await else {
            return;
        };
        let mut socket = frames(socket, first).await;
        // A connection that breaks ends the conversation; the other side notices by itself.
        let _ = match talk {
            Talk::Echo => echo(&mut socket, &state).await,
            Talk::Room => converse(&mut socket, &state).await,
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye(&mut socket)).await;
    });
    Ok(reply)
}

fn handshake(request: &Request<Incoming>) -> Result<Reply, Problem> {
    if !upgrade::asked_for("websocket", request) {
        return Err(upgrade::required("websocket"));
    }
    let headers = request.headers();
    if headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        // RFC 6455, 4.4: the answer names the version that would do.
        let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, "only version 13 is spoken here");
        return Err(problem.with(SEC_WEBSOCKET_VERSION, "13"));
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24)
        .ok_or_else(|| Problem::bad("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|error| Problem::bad(error.to_string()))?;
    let mut reply = upgrade::switching("websocket");
    reply.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(reply)
}

fn first_protocol(request: &Request<Incoming>) -> Option<HeaderValue> {
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL)?;
    let first = offered.to_str().ok()?.split(',').next()?.trim();
    HeaderValue::try_from(first).ok().filter(|name| !name.is_empty())
}

async fn frames(socket: Socket, first: Bytes) -> WebSocketStream<Socket> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        // tungstenite keeps this buffer for each socket; the default of 128 KiB is a lot for
        // hundreds of idle ones.
        .read_buffer_size(8 * 1024);
    WebSocketStream::from_partially_read(socket, first.into(), Role::Server, Some(config)).await
}

async fn echo(socket: &mut WebSocketStream<Socket>, backend: &Backend) -> Result<(), Error> {
    let mut closing = std::pin::pin!(backend.drain().closing());
    loop {
        let message = tokio::select! {
            biased;
            message = socket.next() => message,
            () = &mut closing => return socket.close(Some(going_away())).await,
        };
        match message.transpose()? {
            Some(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await?,
            Some(Message::Close(_)) | None => return Ok(()),
            Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
        }
    }
}

async fn converse(socket: &mut WebSocketStream<Socket>, backend: &Backend) -> Result<(), Error> {
    let mut seat = backend.room().join();
    let hello = serde_json::json!({ "type": "hello", "id": seat.id() });
    socket.send(Message::text(hello.to_string())).await?;
    loop {
        let reaction = tokio::select! {
            message = socket.next() => react(message.transpose()?, seat.id(), backend),
            news = seat.news() => news.map_or(Reaction::Leave, |text| {
                Reaction::Send(Message::Text(text))
            }),
            () = backend.drain().closing() => Reaction::Close(going_away()),
        };
        match reaction {
            Reaction::Nothing => {}
            Reaction::Send(message) => socket.send(message).await?,
            Reaction::Close(frame) => return socket.close(Some(frame)).await,
            Reaction::Leave => return Ok(()),
        }
    }
}

fn react(message: Option<Message>, id: u64, backend: &Backend) -> Reaction {
    match message {
        Some(Message::Text(text)) => react_to_text(text, id, backend),
        Some(message @ Message::Binary(_)) => Reaction::Send(message),
        // tungstenite answers pings itself.
        Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Reaction::Nothing,
        Some(Message::Close(_)) | None => Reaction::Leave,
    }
}

fn react_to_text(text: Utf8Bytes, id: u64, backend: &Backend) -> Reaction {
    match serde_json::from_str(&text) {
        Ok(Ask::Ping { t }) => {
            let pong = serde_json::json!({ "type": "pong", "t": t });
            Reaction::Send(Message::text(pong.to_string()))
        }
        Ok(Ask::Echo { .. }) => Reaction::Send(Message::Text(text)),
        Ok(Ask::Close { code, reason }) => Reaction::Close(close_frame(code, &reason)),
        Err(_) => {
            let say = serde_json::json!({ "type": "say", "from": id, "text": text.as_str() });
            backend.room().tell(say.to_string());
            Reaction::Nothing
        }
    }
}

/// A close frame with this code; 1008 in place of a code that must not be sent (RFC 6455, 7.4).
fn close_frame(code: u16, reason: &str) -> CloseFrame {
    let code = CloseCode::from(code);
    let code = if code.is_allowed() { code } else { CloseCode::Policy };
    let end = reason
        .char_indices()
        .map(|(start, character)| start + character.len_utf8())
        .take_while(|end| *end <= REASON_BYTES_MAX)
        .last()
        .unwrap_or(0);
    CloseFrame { code, reason: Utf8Bytes::from(reason.get(..end).unwrap_or_default()) }
}

fn going_away() -> CloseFrame {
    CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::from_static("the server stops") }
}

/// Reads until the close has gone both ways, as RFC 6455, 7.1.1 has it.
async fn goodbye(socket: &mut WebSocketStream<Socket>) {
    while let Some(Ok(_)) = socket.next().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        assert_eq!(close_frame(4001, "bye").reason.as_str(), "bye");
        let long = "é".repeat(100);
        let frame = close_frame(4001, &long);
        assert_eq!(frame.reason.len(), 122);
        assert_eq!(frame.code, CloseCode::Library(4001));
    }

    #[test]
    fn a_close_code_that_must_not_be_sent_is_replaced() {
        assert_eq!(close_frame(1005, "").code, CloseCode::Policy);
        assert_eq!(close_frame(1000, "").code, CloseCode::Normal);
    }
}
