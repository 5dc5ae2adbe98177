//! The server of the tests, in the process: HTTP/1 replies of one size, and an echo on `/ws/…`. It lives as long as the runtime of a test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

/// The bytes of every body.
pub const BODY_BYTES: usize = 1024;
/// A masked message of [`crate::frame`].
const FRAME_BYTES: usize = 38;

/// A plain listener.
pub async fn plain() -> SocketAddr {
    let (listener, address) = listen().await;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream));
        }
    });
    address
}

/// A TLS listener for HTTP/1 that sends so many tickets after a full handshake.
pub async fn tls(tickets_per_handshake: usize) -> SocketAddr {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .expect("a key of the certificate");
    config.ticketer = Ticketer::new().expect("a ticketer");
    config.send_tls13_tickets = tickets_per_handshake;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            spawn_local(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    });
    address
}

/// An address at which nothing listens.
pub async fn nobody() -> SocketAddr {
    listen().await.1
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.is_ok_and(|bytes| bytes > 0) {
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        if request.starts_with(b"GET /ws/") {
            return echo(stream).await;
        }
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n{}", "x".repeat(BODY_BYTES));
        if stream.write_all(reply.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        request.clear();
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut echoed = stream.write_all(switch).await;
    let mut frame = [0; FRAME_BYTES];
    while echoed.is_ok() && stream.flush().await.is_ok() && stream.read_exact(&mut frame).await.is_ok() {
        let (head, payload) = frame.split_at(6);
        let mut reply = vec![head[0], head[1] & 0x7f];
        reply.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ head[2 + at % 4]));
        echoed = stream.write_all(&reply).await;
    }
}
