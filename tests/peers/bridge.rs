//! A port that speaks plain HTTP/1, and an edge behind it that is spoken to in another way: for WebSocket clients that know no TLS and no HTTP/2.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::Edge;
use crate::support::http2::{Http2, get};
use crate::support::tls_config;

/// How the edge is spoken to.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// HTTP/1 over TLS.
    Tls,
    /// A stream of HTTP/2 for each WebSocket (RFC 8441), all on one connection.
    Http2,
}

/// A running bridge. Dropped, it ends.
pub struct Bridge {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Starts one to the first listener of an edge.
    pub fn start(edge: &Edge, way: Way) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let target = edge.address();
        let config = tls_config(&edge.site, &["http/1.1"]);
        let streams = match way {
            Way::Tls => None,
            Way::Http2 => Some(runtime.block_on(async {
                let mut client = Http2::connect(edge).await;
                // The edge's settings have come with its first answer.
                client.request(get("/"), &[], None).await.expect("an answer");
                assert!(client.send.is_extended_connect_protocol_enabled());
                client.send
            })),
        };
        let bridging = async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &streams {
                    None => drop(tokio::spawn(over_tls(stream, target, TlsConnector::from(Arc::clone(&config))))),
                    Some(streams) => drop(tokio::spawn(over_stream(stream, streams.clone()))),
                }
            }
        };
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = bridging => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn over_tls(mut stream: TcpStream, target: SocketAddr, connector: TlsConnector) -> io::Result<()> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut secure = connector.connect(name, TcpStream::connect(target).await?).await?;
    copy_bidirectional(&mut stream, &mut secure).await.map(drop)
}

/// The words of a request head: the target, and its fields.
struct Head(Vec<String>);

impl Head {
    /// Reads one. Nothing may come behind it: a client waits for its 101.
    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await?);
        }
        Ok(Self(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()))
    }

    fn target(&self) -> &str {
        self.0.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("/")
    }

    fn fields(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
    }
}

async fn over_stream(mut stream: TcpStream, streams: SendRequest<Bytes>) -> io::Result<()> {
    let head = Head::read(&mut stream).await?;
    let mut request =
        Request::connect(format!("https://localhost{}", head.target())).extension(h2::ext::Protocol::from_static("websocket"));
    let mut key = String::new();
    for (name, value) in head.fields() {
        match name.as_str() {
            "sec-websocket-key" => value.clone_into(&mut key),
            name if name.starts_with("sec-websocket-") => request = request.header(name, value),
            _ => {}
        }
    }
    let request = request.body(()).map_err(io::Error::other)?;
    let (response, up) = streams.ready().await.map_err(io::Error::other)?.send_request(request, false).map_err(io::Error::other)?;
    let response = response.await.map_err(io::Error::other)?;
    stream.write_all(switched(&response, &key).as_bytes()).await?;
    let (reader, writer) = stream.into_split();
    let (sent, received) = tokio::join!(send(reader, up), receive(response.into_body(), writer));
    sent.and(received)
}

/// What HTTP/1 says in the place of a 200 on such a stream.
fn switched(response: &Response<RecvStream>, key: &str) -> String {
    if response.status() != 200 {
        return format!("HTTP/1.1 {} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", response.status().as_u16());
    }
    let accept = derive_accept_key(key.as_bytes());
    let mut head =
        format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        for value in response.headers().get_all(name) {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
        }
    }
    head + "\r\n"
}

async fn send(mut reader: OwnedReadHalf, mut up: SendStream<Bytes>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bytes = reader.read(&mut buffer).await.unwrap_or(0);
        if bytes == 0 {
            return up.send_data(Bytes::new(), true).map_err(io::Error::other);
        }
        let mut data = Bytes::copy_from_slice(&buffer[..bytes]);
        while !data.is_empty() {
            up.reserve_capacity(data.len());
            let room = poll_fn(|cx| up.poll_capacity(cx)).await;
            let room = room.ok_or_else(|| io::Error::other("the stream is closed"))?.map_err(io::Error::other)?;
            up.send_data(data.split_to(room.min(data.len())), false).map_err(io::Error::other)?;
        }
    }
}

async fn receive(mut down: RecvStream, mut writer: OwnedWriteHalf) -> io::Result<()> {
    while let Some(piece) = down.data().await {
        let piece = piece.map_err(io::Error::other)?;
        down.flow_control().release_capacity(piece.len()).map_err(io::Error::other)?;
        writer.write_all(&piece).await?;
    }
    writer.shutdown().await
}
