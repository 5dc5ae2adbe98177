//! One upstream server: its address, resolved when it is needed and never before, and what is known of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::peer::ServerPeer;
use super::state::ServerState;
use crate::config::Diagnostic;
use crate::plan;
use crate::units::ServerAddress;

/// How long a resolved name is believed. Short, because containers move; a lookup is only made when a new connection is.
const RESOLVED_FOR: Duration = Duration::from_secs(5);

/// An upstream server.
pub struct Server {
    /// For logs.
    name: String,
    /// As it is written in a config; what hashes go by.
    url: String,
    target: Target,
    weight: u16,
    is_backup: bool,
    state: Arc<ServerState>,
}

/// What counts for all servers.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The time after which TCP probes an idle connection; zero is never.
    pub tcp_keepalive: Duration,
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

impl Server {
    /// Takes a server of the plan. `alone` is the name of its upstream when that has no other; `freed` is told of each request that ends.
    pub(super) fn new(
        planned: &plan::UpstreamServer,
        alone: Option<&str>,
        settings: Settings,
        freed: Option<Arc<Notify>>,
    ) -> Result<Self, Diagnostic> {
        let url = planned.url.to_string();
        Ok(Self {
            name: alone.map_or_else(|| url.clone(), str::to_owned),
            target: Target::new(planned, settings)?,
            weight: planned.weight,
            is_backup: planned.backup,
            state: Arc::new(ServerState::new(planned.max_conns, freed)),
            url,
        })
    }

    /// The name for logs: that of the upstream where this is its one server, else the URL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, as it is written in a config.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its share.
    pub fn weight(&self) -> u16 {
        self.weight
    }

    /// It is asked only while no other can be.
    pub fn is_backup(&self) -> bool {
        self.is_backup
    }

    /// What is known of it while requests go to it.
    pub fn state(&self) -> &Arc<ServerState> {
        &self.state
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

impl Target {
    fn new(planned: &plan::UpstreamServer, settings: Settings) -> Result<Self, Diagnostic> {
        Ok(match &planned.url.address {
            ServerAddress::Unix(path) => {
                let peer = ServerPeer::unix(path).ok_or_else(|| {
                    let message = format!("the socket path {} is too long: the kernel allows 107 bytes", path.display());
                    Diagnostic::new(planned.span, message).help("use a shorter path, such as one below /run")
                })?;
                Self::Fixed(Arc::new([peer]))
            }
            ServerAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => Self::Fixed(Arc::new([ServerPeer::tcp(SocketAddr::new(ip, *port), settings.tcp_keepalive)])),
                Err(_) => Self::Named(Name {
                    host: host.clone(),
                    port: *port,
                    keepalive: settings.tcp_keepalive,
                    known: Mutex::new(None),
                    asking: tokio::sync::Mutex::default(),
                }),
            },
        })
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
