//! One upstream server: where it is, and what is known of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pingora_core::upstreams::peer::Peer;
use tokio::sync::Notify;

use super::ledger::Ledger;
use super::name::Name;
use super::peer::{PeerMaker, ServerPeer};
use super::resolver::Resolver;
use super::roots::SystemRoots;
use super::secure::Secure;
use super::state::ServerState;
use crate::config::Diagnostic;
use crate::plan;
use crate::units::{Protocol, Scheme, ServerAddress, ServerUrl};

/// An upstream server.
pub struct Server {
    /// For logs.
    name: String,
    /// As it is written in a config; what hashes go by.
    url: String,
    scheme: Scheme,
    protocol: Protocol,
    target: Target,
    weight: u16,
    is_backup: bool,
    state: Arc<ServerState>,
}

/// What counts for all servers.
#[derive(Clone)]
pub struct Settings {
    /// The time after which TCP probes an idle connection; zero is never.
    pub tcp_keepalive: Duration,
    /// Who is asked for names.
    pub resolver: Resolver,
    /// By which servers are known whose upstream names no other authorities.
    pub roots: SystemRoots,
}

/// What connections go to.
#[expect(clippy::large_enum_variant, reason = "one for each server, and the usual one is found without another step")]
pub(super) enum Target {
    /// A Unix socket or an IP address: known for good.
    Fixed(ServerPeer),
    /// A name.
    Named(Arc<Name>),
}

impl Server {
    /// Takes a server of the plan. `alone` is the name of its upstream when that has no other; `freed` is told of each request that ends.
    pub(super) fn new(
        planned: &plan::UpstreamServer,
        alone: Option<&str>,
        (settings, secure): (&Settings, Option<&Secure>),
        slow_start: Duration,
        freed: Option<Arc<Notify>>,
    ) -> Result<Self, Diagnostic> {
        let url = planned.url.to_string();
        Ok(Self {
            name: alone.map_or_else(|| url.clone(), str::to_owned),
            target: Target::new(planned, settings, secure)?,
            weight: planned.weight,
            is_backup: planned.backup,
            scheme: planned.url.scheme,
            protocol: planned.url.protocol,
            state: Arc::new(ServerState::new(planned.max_conns, freed, slow_start)),
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

    /// Whether it is spoken to in TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What it is spoken to in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
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

    /// What is told of it, and what no choice goes by.
    pub(super) fn ledger(&self) -> &Ledger {
        self.state.ledger()
    }

    /// Leaves its place to the next of its addresses: for requests that ask for no idle connection, which would have moved the turn on.
    pub fn pass_turn(&self) {
        if let Target::Named(name) = &self.target {
            name.next_turn();
        }
    }

    /// What connections go to.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// What connections to it are told apart by: the address in this turn, and what TLS goes by. `None` while a name has no address.
    pub(super) fn address(&self, turn: impl Fn(&Name) -> usize) -> Option<u64> {
        match &self.target {
            Target::Fixed(peer) => Some(peer.reuse_hash()),
            Target::Named(name) => Some(name.known()?.in_turn(turn(name)).next()?.peer().reuse_hash()),
        }
    }
}

impl Target {
    fn new(planned: &plan::UpstreamServer, settings: &Settings, secure: Option<&Secure>) -> Result<Self, Diagnostic> {
        let secure = match &planned.url {
            ServerUrl { scheme: Scheme::Https, address: ServerAddress::Tcp { host, .. }, .. } => {
                secure.map(|secure| (secure.clone(), host.clone()))
            }
            ServerUrl { .. } => None,
        };
        let maker = PeerMaker { keepalive: settings.tcp_keepalive, secure, protocol: planned.url.protocol };
        Ok(match &planned.url.address {
            ServerAddress::Unix(path) => Self::Fixed(ServerPeer::unix(path).ok_or_else(|| {
                let message = format!("the socket path {} is too long: the kernel allows 107 bytes", path.display());
                Diagnostic::new(planned.span, message).help("use a shorter path, such as one below /run")
            })?),
            ServerAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => Self::Fixed(maker.tcp(SocketAddr::new(ip, *port))),
                Err(_) => Self::Named(Name::new(host, *port, maker, settings.resolver.clone())),
            },
        })
    }
}
