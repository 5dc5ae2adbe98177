//! Leaving HTTP: the 101, the bare connection behind it, and the `echo-raw` protocol, which shows
//! that an edge passes on upgrades that are not WebSockets.
//!
//! WebSockets are in [`crate::websocket`]; they use the same [`Opening`].

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::io::AsyncWriteExt;

use crate::backend::Backend;
use crate::reply::{self, Problem, Reply};
use crate::socket::Socket;

/// The name of the protocol that echoes bytes.
const ECHO_RAW: &str = "echo-raw";

/// A connection that is about to leave HTTP.
pub struct Opening(OnUpgrade);

impl Opening {
    /// Takes the connection of `request`, which must be answered with [`switching`].
    pub fn of(request: &mut Request<Incoming>) -> Self {
        Self(hyper::upgrade::on(request))
    }

    /// The bare connection once the 101 is sent, and the bytes that came with the request. `None`
    /// when the client left before.
    pub async fn wait(self) -> Option<(Socket, Bytes)> {
        let upgraded = self.0.await.ok()?;
        let parts = downcast::<TokioIo<Socket>>(upgraded).ok()?;
        Some((parts.io.into_inner(), parts.read_buf))
    }
}

/// A 101 to `protocol`.
#[must_use]
pub fn switching(protocol: &'static str) -> Reply {
    let mut reply = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(protocol));
    reply
}

/// Whether the request asks to switch to `protocol`: RFC 9110, 7.8. HTTP/1.1 only, and both
/// `Upgrade` and `Connection: upgrade` must be there.
#[must_use]
pub fn asked_for(protocol: &str, request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_11
        && lists(request.headers(), &CONNECTION, "upgrade")
        && lists(request.headers(), &UPGRADE, protocol)
}

/// Any method on `/api/upgrade`.
///
/// # Errors
/// 426 when the request does not ask for `echo-raw`.
pub fn echo(request: &mut Request<Incoming>, backend: &Arc<Backend>) -> Result<Reply, Problem> {
    if !asked_for(ECHO_RAW, request) {
        return Err(required(ECHO_RAW));
    }
    let opening = Opening::of(request);
    let drain = backend.drain().clone();
    backend.drain().spawn(async move {
        let Some((socket, first)) = opening.wait().await else {
            return;
        };
        tokio::select! {
            // Either end breaking off ends the echo; there is nobody to tell.
            _ = echo_bytes(socket, first) => {}
            () = drain.closing() => {}
        }
    });
    Ok(switching(ECHO_RAW))
}

/// A 426 that names the protocol (RFC 9110, 15.5.22 requires it).
#[must_use]
pub fn required(protocol: &'static str) -> Problem {
    Problem::new(StatusCode::UPGRADE_REQUIRED, "an upgrade is required").with(UPGRADE, protocol)
}

async fn echo_bytes(mut socket: Socket, first: Bytes) -> std::io::Result<()> {
    socket.write_all(&first).await?;
    let (mut reader, mut writer) = tokio::io::split(socket);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

/// Whether the comma-separated field `name` has `token` in it, whatever the case.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_any_case_in_any_field() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive"));
        headers.append(CONNECTION, HeaderValue::from_static("x-a , UpGrade"));
        assert!(lists(&headers, &CONNECTION, "upgrade"));
        assert!(!lists(&headers, &CONNECTION, "x-b"));
        assert!(!lists(&headers, &UPGRADE, "upgrade"));
    }
}
