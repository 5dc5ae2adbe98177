//! One upstream server: its address, resolved when it is needed and never before, and who waits for it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
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
    Fixed(Box<ServerPeer>),
    /// A name, with the addresses last found.
    Named { host: String, port: u16, resolved: Mutex<Option<(Instant, Vec<SocketAddr>)>> },
}

/// Why a server cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// One sentence for the operator.
    pub message: String,
}

impl Server {
    /// Takes an upstream of the plan.
    ///
    /// # Errors
    /// When the path of a Unix socket is longer than the kernel allows (107 bytes).
    pub fn new(upstream: &plan::Upstream) -> Result<Self, ServerError> {
        let target = match &upstream.address {
            ServerAddress::Unix(path) => {
                let peer = ServerPeer::unix(path).ok_or_else(|| ServerError {
                    message: format!("the socket path {} is too long: the kernel allows 107 bytes", path.display()),
                })?;
                Target::Fixed(Box::new(peer))
            }
            ServerAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => Target::Fixed(Box::new(ServerPeer::tcp(SocketAddr::new(ip, *port)))),
                Err(_) => Target::Named { host: host.clone(), port: *port, resolved: Mutex::new(None) },
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

    /// The peers to try, in order. Resolves a name when what is known is older than a few seconds.
    pub(super) async fn peers(&self) -> io::Result<Peers<'_>> {
        match &self.target {
            Target::Fixed(peer) => Ok(Peers::One(peer)),
            Target::Named { host, port, resolved } => {
                if let Some(addresses) = fresh(resolved) {
                    return Ok(Peers::Many(addresses.into_iter().map(ServerPeer::tcp).collect()));
                }
                let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), *port)).await?.collect();
                if addresses.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
                }
                if let Ok(mut slot) = resolved.lock() {
                    *slot = Some((Instant::now(), addresses.clone()));
                }
                Ok(Peers::Many(addresses.into_iter().map(ServerPeer::tcp).collect()))
            }
        }
    }
}

fn fresh(resolved: &Mutex<Option<(Instant, Vec<SocketAddr>)>>) -> Option<Vec<SocketAddr>> {
    let slot = resolved.lock().ok()?;
    slot.as_ref().filter(|(at, _)| at.elapsed() < RESOLVED_FOR).map(|(_, addresses)| addresses.clone())
}

/// The peers of one server.
pub(super) enum Peers<'a> {
    /// One that is known for good.
    One(&'a ServerPeer),
    /// Those that a name stands for now.
    Many(Vec<ServerPeer>),
}

impl Peers<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &ServerPeer> {
        match self {
            Self::One(peer) => std::slice::from_ref(*peer).iter(),
            Self::Many(peers) => peers.iter(),
        }
    }
}
