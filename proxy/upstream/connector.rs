//! A worker's connections: new ones, idle ones, and held requests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pingora_core::ErrorType;
use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::Stream;
use pingora_core::upstreams::peer::{ALPN, Peer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::denied;
use super::idle::Idle;
use super::name::{Answered, Known, Name};
use super::peer::ServerPeer;
use super::roots::Rooted;
use super::server::{Server, Target};
use crate::units::Protocol;

/// Connections that Pingora keeps: it makes them, and `idle` keeps them.
const KEPT_BY_PINGORA: usize = 1;
/// Addresses of one name that may use up the time for one connection.
const ADDRESSES_TIMED_OUT_MAX: usize = 3;

/// Why no connection to a server could be had; each with the words for the log.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody answers there (refused, no such socket, no such name, backlog full), and waiting was not wanted.
    Unreachable(String),
    /// Somebody may answer there, but we are not allowed to ask.
    Denied(String),
    /// Nobody answered there for as long as requests are held, or too many are held already.
    NotReady(String),
    /// Somebody answers there, but TLS with them fails, or they are not who they should be.
    Untrusted(String),
    /// The connect took longer than `timeouts.connect`.
    TimedOut(String),
}

/// Makes and keeps the connections of one worker.
pub struct Connector {
    /// For plain connections, and for those that are known by authorities of their own; see `roots` for the others.
    transport: TransportConnector,
    idle: Idle<Stream>,
    connect_timeout: Duration,
}

/// A connection to a server. Dropped, it is closed; [`Connector::release`] keeps it for the next request.
pub struct Connection {
    stream: Stream,
    key: u64,
    reused: bool,
}

impl Connector {
    /// A connector without connections. A `connect_timeout` of zero is none.
    pub fn new(connect_timeout: Duration) -> Self {
        Self { transport: without_roots(), idle: Idle::default(), connect_timeout }
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    fn transport<'a>(&'a self, peer: &'a ServerPeer) -> &'a TransportConnector {
        peer.rooted().map_or(&self.transport, Rooted::transport)
    }

    /// An idle connection to this server that still looks alive.
    pub fn reuse(&self, server: &Server) -> Option<Connection> {
        // The one whose turn it is, or none: whoever has an idle connection would else get all requests.
        let key = server.address(Name::next_turn)?;
        let stream = self.idle.take(key)?;
        Some(Connection { stream, key, reused: true })
    }

    /// A new connection to this server.
    pub(super) async fn connect_to(&self, server: &Server) -> Result<Connection, ConnectError> {
        let name = match server.target() {
            Target::Fixed(peer) => return self.connect(server, peer, self.connect_timeout).await,
            Target::Named(name) => name,
        };
        let unresolved = |cause: String| ConnectError::Unreachable(format!("{}: {cause}", server.name()));
        // A lookup has a limit of its own, and whoever is not resolved may be soon.
        let known = name.addresses().await.map_err(unresolved)?;
        let failed = match self.attempt_known(server, &known, name.last_turn()).await {
            Ok(connection) => return Ok(connection),
            Err(failed) => failed,
        };
        match self.within(self.connect_timeout, (server, "connection"), name.others_than(&known)).await.unwrap_or_default() {
            Some(others) => self.attempt_known(server, &others, name.last_turn()).await,
            None => Err(failed),
        }
    }

    /// Tries the addresses of a name.
    async fn attempt_known(&self, server: &Server, known: &Known, turn: usize) -> Result<Connection, ConnectError> {
        // One that does not answer must not take the time of those behind it; one that refuses takes none.
        let waits = known.len().clamp(1, ADDRESSES_TIMED_OUT_MAX);
        let limit = self.connect_timeout / u32::try_from(waits).unwrap_or(u32::MAX);
        let mut timed_out = 0;
        let mut last = ConnectError::Unreachable(format!("{}: no address", server.name()));
        for candidate in known.in_turn(turn) {
            match self.connect(server, candidate.peer(), limit).await {
                Ok(connection) => {
                    candidate.note(Answered::Yes);
                    return Ok(connection);
                }
                Err(error) => {
                    timed_out += usize::from(matches!(error, ConnectError::TimedOut(_)));
                    last = error;
                }
            }
            candidate.note(Answered::No);
            if timed_out >= waits {
                break;
            }
        }
        Err(last)
    }

    async fn connect(&self, server: &Server, peer: &ServerPeer, limit: Duration) -> Result<Connection, ConnectError> {
        match self.within(limit, (server, "connection"), Box::pin(self.transport(peer).new_stream(peer))).await? {
            Ok(stream) => Ok(Connection { stream, key: peer.reuse_hash(), reused: false }),
            Err(error) if is_tls(&error) => {
                let cause = describe(&error);
                // RFC 7301 §3.2: the alert of who has none of the protocols that were offered, which was one.
                let is_told = cause.contains("NoApplicationProtocol");
                let cause = if is_told { format!("{}: {cause}", not_spoken(server.protocol())) } else { cause };
                Err(ConnectError::Untrusted(format!("{}: {cause}", server.name())))
            }
            Err(error) => Err(match peer.socket_path().filter(|_| is_denied(&error)) {
                Some(path) => ConnectError::Denied(format!("{}: {}", server.name(), denied::cause(path))),
                None => ConnectError::Unreachable(format!("{}: {}", server.name(), describe(&error))),
            }),
        }
    }

    /// Waits so long for what is needed of a server; zero is no limit.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        (server, what): (&Server, &str),
        work: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        if limit.is_zero() {
            return Ok(work.await);
        }
        let share = if limit < self.connect_timeout { ", its share of timeouts.connect" } else { "" };
        let timed_out = |_| ConnectError::TimedOut(format!("{}: no {what} within {limit:?}{share}", server.name()));
        tokio::time::timeout(limit, work).await.map_err(timed_out)
    }

    /// Keeps a connection for the next request. Only for one on which nothing is under way.
    pub fn release(&self, connection: Connection) {
        self.idle.put(connection.key, connection.stream);
    }

    /// Lets go of connections that nobody takes any more, for as long as it is polled; one for each worker.
    pub async fn sweep(&self) {
        self.idle.sweep().await;
    }
}

/// A connector that trusts nobody but whom a peer names.
pub(super) fn without_roots() -> TransportConnector {
    let mut options = ConnectorOptions::new(KEPT_BY_PINGORA);
    // Pingora loads a store of authorities for each connector, and panics when it cannot: an empty one.
    options.ca_file = Some("/dev/null".to_owned());
    TransportConnector::new(Some(options))
}

/// A connector that trusts the roots of the system; Pingora panics when they cannot be loaded.
pub(super) fn with_roots() -> TransportConnector {
    TransportConnector::new(Some(ConnectorOptions::new(KEPT_BY_PINGORA)))
}

/// `true` when somebody answers, but not in TLS that we trust: waiting does not change that.
fn is_tls(error: &pingora_core::Error) -> bool {
    matches!(error.etype(), ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError)
}

/// The words of the operating system at the root of Pingora's error, which itself tells the whole peer with all its options.
fn describe(error: &pingora_core::Error) -> String {
    match root(error) {
        Ok(io) => io.to_string(),
        // A failed handshake has its cause in words alone.
        Err(last) => last.context.as_ref().map_or_else(|| last.etype.as_str().to_owned(), |context| context.as_str().to_owned()),
    }
}

/// What the operating system said; else the last of Pingora's errors on the way there.
fn root(error: &pingora_core::Error) -> Result<&io::Error, &pingora_core::Error> {
    let mut cause: Option<&dyn std::error::Error> = error.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return Ok(io);
        }
        if let Some(nested) = current.downcast_ref::<Box<pingora_core::Error>>() {
            return root(nested);
        }
        if let Some(nested) = current.downcast_ref::<pingora_core::Error>() {
            return root(nested);
        }
        cause = current.source();
    }
    Err(error)
}

/// `true` when the operating system forbids it.
fn is_denied(error: &pingora_core::Error) -> bool {
    root(error).is_ok_and(|io| io.kind() == io::ErrorKind::PermissionDenied)
}

impl Connection {
    /// What connections to this address are kept under.
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// What is wrong with it when another protocol than HTTP/2 was agreed on in TLS, or none.
    pub(super) fn check_http2(&self) -> Result<(), String> {
        let allows = self.stream.get_ssl_digest().is_none() || self.stream.selected_alpn_proto() == Some(ALPN::H2);
        if allows { Ok(()) } else { Err(not_spoken(Protocol::Http2)) }
    }

    /// `true` when it has carried a request before: the server may have closed it without our knowing yet.
    pub fn is_reused(&self) -> bool {
        self.reused
    }
}

/// The words for a server that has another protocol.
fn not_spoken(protocol: Protocol) -> String {
    let name = match protocol {
        Protocol::Http1 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    };
    format!("the server does not speak {name} in TLS")
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
