//! One upstream server: its address, resolved when it is needed and never before, and who waits for it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hold::Hold;
use super::peer::ServerPeer;
use crate::plan;
use crate::units::ServerAddress;

/// How long a resolved name is believed. Short, because containers move; a lookup is only made when a new connection is.
const RESOLVED_FOR: Duration = Duration::from_secs(5);

/// An upstream server.
pub struct Server {
    name: String,
    target: Target,
    wait: Duration,
    pub(super) hold: Hold,
}

enum Target {
    /// A Unix socket or an IP address: known for good.
    Fixed(Peers),
    /// A name.
    Named(Name),
}

/// Peers in the order in which they are tried.
pub(super) type Peers = Arc<[ServerPeer]>;

/// A name with the addresses that it was last found to have.
struct Name {
    host: String,
    port: u16,
    keepalive: Duration,
    /// When they were found, and the peers; none before the first lookup.
    known: Mutex<Option<(Instant, Peers)>>,
    /// Held while the name is looked up, so that a crowd of requests is one question.
    asking: tokio::sync::Mutex<()>,
}

/// Why a server cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// One sentence for the operator.
    pub message: String,
}

impl Server {
    /// Takes an upstream of the plan. `keepalive` is the time after which TCP probes an idle connection; zero is never.
    ///
    /// # Errors
    /// When the path of a Unix socket is longer than the kernel allows (107 bytes).
    pub fn new(upstream: &plan::Upstream, keepalive: Duration) -> Result<Self, ServerError> {
        let target = match &upstream.address {
            ServerAddress::Unix(path) => {
                let peer = ServerPeer::unix(path).ok_or_else(|| ServerError {
                    message: format!("the socket path {} is too long: the kernel allows 107 bytes", path.display()),
                })?;
                Target::Fixed(Arc::new([peer]))
            }
            ServerAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => Target::Fixed(Arc::new([ServerPeer::tcp(SocketAddr::new(ip, *port), keepalive)])),
                Err(_) => Target::Named(Name {
                    host: host.clone(),
                    port: *port,
                    keepalive,
                    known: Mutex::new(None),
                    asking: tokio::sync::Mutex::default(),
                }),
            },
        };
        Ok(Self { name: upstream.name.clone(), target, wait: upstream.wait, hold: Hold::default() })
    }

    /// The name for logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long requests are held while it cannot be reached.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// The peers that are known, however old that knowledge is: an idle connection to one of them is as good as it ever was.
    pub(super) fn known_peers(&self) -> Option<Peers> {
        match &self.target {
            Target::Fixed(peers) => Some(Arc::clone(peers)),
            Target::Named(name) => name.known().map(|(_, peers)| peers),
        }
    }

    /// The peers for a new connection. A name is looked up again when what is known is older than a few seconds; when that fails, the old addresses
    /// are still the best there are.
    pub(super) async fn peers(&self) -> io::Result<Peers> {
        match &self.target {
            Target::Fixed(peers) => Ok(Arc::clone(peers)),
            Target::Named(name) => name.peers().await,
        }
    }
}

impl Name {
    fn known(&self) -> Option<(Instant, Peers)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self) -> Option<Peers> {
        self.known().filter(|(at, _)| at.elapsed() < RESOLVED_FOR).map(|(_, peers)| peers)
    }

    async fn peers(&self) -> io::Result<Peers> {
        if let Some(peers) = self.fresh() {
            return Ok(peers);
        }
        let _asking = self.asking.lock().await;
        if let Some(peers) = self.fresh() {
            return Ok(peers);
        }
        match self.look_up().await {
            Ok(peers) => {
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&peers)));
                Ok(peers)
            }
            Err(error) => self.known().map(|(_, peers)| peers).ok_or(error),
        }
    }

    async fn look_up(&self) -> io::Result<Peers> {
        let addresses = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let peers: Peers = addresses.map(|address| ServerPeer::tcp(address, self.keepalive)).collect();
        if peers.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} has no address", self.host)));
        }
        Ok(peers)
    }
}
