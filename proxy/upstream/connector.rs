//! A worker's connections: new ones, idle ones, and held requests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::Stream;
use pingora_core::upstreams::peer::Peer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::server::Server;

/// Idle connections that one worker keeps, over all servers.
const IDLE_MAX: usize = 256;
/// An idle connection is kept for less than the 5 s after which Node closes its end, so that the two do not race.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// Why no connection to a server could be had; each with the words for the log.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody answers there (refused, no such socket, no such name, backlog full), and waiting was not wanted.
    Unreachable(String),
    /// Nobody answered there for as long as requests are held, or too many are held already.
    NotReady(String),
    /// The connect took longer than `timeouts.connect`.
    TimedOut(String),
}

/// Makes and keeps the connections of one worker.
pub struct Connector {
    transport: TransportConnector,
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
        let mut options = ConnectorOptions::new(IDLE_MAX);
        // Pingora loads a store of authorities for each connector, and panics when it cannot. No upstream speaks TLS yet: an empty one.
        options.ca_file = Some("/dev/null".to_owned());
        Self { transport: TransportConnector::new(Some(options)), connect_timeout }
    }

    /// An idle connection to this server that still looks alive.
    pub async fn reuse(&self, server: &Server) -> Option<Connection> {
        for peer in server.known_peers()?.iter() {
            if let Some(stream) = self.transport.reused_stream(peer).await {
                return Some(Connection { stream, key: peer.reuse_hash(), reused: true });
            }
        }
        None
    }

    /// A new connection to this server.
    pub(super) async fn attempt(&self, server: &Server) -> Result<Connection, ConnectError> {
        let unreachable = |error: &dyn std::fmt::Display| ConnectError::Unreachable(format!("{}: {error}", server.name()));
        let peers = self.within(self.connect_timeout, server, server.peers()).await?.map_err(|error| unreachable(&error))?;
        // A peer that does not answer must not take the time of those behind it.
        let limit = self.connect_timeout / u32::try_from(peers.len()).unwrap_or(u32::MAX).max(1);
        let mut last = unreachable(&"no address");
        for peer in peers.iter() {
            match self.within(limit, server, Box::pin(self.transport.new_stream(peer))).await {
                Ok(Ok(stream)) => return Ok(Connection { stream, key: peer.reuse_hash(), reused: false }),
                Ok(Err(error)) => last = unreachable(&describe(&error)),
                Err(timed_out) => last = timed_out,
            }
        }
        Err(last)
    }

    async fn within<T>(&self, limit: Duration, server: &Server, work: impl Future<Output = T>) -> Result<T, ConnectError> {
        if limit.is_zero() {
            return Ok(work.await);
        }
        let timed_out = |_| ConnectError::TimedOut(format!("{}: no connection within {:?}", server.name(), self.connect_timeout));
        tokio::time::timeout(limit, work).await.map_err(timed_out)
    }

    /// Keeps a connection for the next request. Only for one on which nothing is under way.
    pub fn release(&self, connection: Connection) {
        self.transport.release_stream(connection.stream, connection.key, Some(IDLE_FOR));
    }
}

/// The words of the operating system at the root of Pingora's error, which itself tells the whole peer with all its options.
fn describe(error: &pingora_core::Error) -> String {
    let mut cause: Option<&dyn std::error::Error> = error.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return io.to_string();
        }
        if let Some(nested) = current.downcast_ref::<Box<pingora_core::Error>>() {
            return describe(nested);
        }
        if let Some(nested) = current.downcast_ref::<pingora_core::Error>() {
            return describe(nested);
        }
        cause = current.source();
    }
    error.etype.as_str().to_owned()
}

impl Connection {
    /// `true` when it has carried a request before: the server may have closed it without our knowing yet.
    pub fn is_reused(&self) -> bool {
        self.reused
    }
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
