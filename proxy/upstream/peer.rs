//! What Pingora's connector is told of a server.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::TcpKeepalive;
use pingora_core::protocols::l4::socket::SocketAddr as Address;
use pingora_core::upstreams::peer::{ALPN, BasicPeer, Peer, PeerOptions};
use pingora_core::utils::tls::CertKey;
use xxhash_rust::xxh3::xxh3_64;

use super::roots::Rooted;
use super::secure::Secure;
use crate::units::Protocol;

/// Probes without an answer after which a host counts as dead.
const KEEPALIVE_PROBES: usize = 4;

/// A server.
#[derive(Clone)]
pub(super) struct ServerPeer {
    basic: BasicPeer,
    /// Of the address, and of what TLS goes by; connections are kept under it.
    key: u64,
    /// Certificate and key that we show.
    client: Option<Arc<CertKey>>,
    /// What connects to it where it is known by the roots of the system.
    rooted: Option<Rooted>,
}

/// Makes the peers of one server: their addresses differ, the rest does not.
#[derive(Clone)]
pub(super) struct PeerMaker {
    /// The time after which TCP probes an idle connection (zero: never), so that a host that lost its power ends tunnels too.
    pub(super) keepalive: Duration,
    /// Where TLS is spoken, and the name that is asked for.
    pub(super) secure: Option<(Secure, String)>,
    /// What is agreed on there.
    pub(super) protocol: Protocol,
}

impl PeerMaker {
    /// A server at an address.
    pub(super) fn tcp(&self, address: SocketAddr) -> ServerPeer {
        let mut basic = BasicPeer::new(&address.to_string());
        if !self.keepalive.is_zero() {
            let keepalive = self.keepalive.max(Duration::from_secs(1));
            basic.options.tcp_keepalive =
                Some(TcpKeepalive { idle: keepalive, interval: keepalive, count: KEEPALIVE_PROBES, user_timeout: Duration::ZERO });
        }
        let Some((secure, name)) = &self.secure else { return ServerPeer::new(basic) };
        basic.sni = secure.sni.clone().unwrap_or_else(|| name.clone());
        basic.options.ca = secure.ca.clone();
        basic.options.alpn = match self.protocol {
            Protocol::Http1 => ALPN::H1,
            Protocol::Http2 => ALPN::H2,
        };
        basic.options.verify_cert = !secure.unverified;
        basic.options.verify_hostname = !secure.unverified;
        let key = xxh3_64(format!("{address} {} {}", basic.sni, secure.id).as_bytes());
        ServerPeer { basic, key, client: secure.client.clone(), rooted: secure.rooted.clone() }
    }
}

impl ServerPeer {
    /// A server behind a Unix socket; `None` when the kernel does not allow so long a path.
    pub(super) fn unix(path: &Path) -> Option<Self> {
        BasicPeer::new_uds(path).ok().map(Self::new)
    }

    /// The path of its Unix socket, if that is what it has.
    pub(super) fn socket_path(&self) -> Option<&Path> {
        match self.basic.address() {
            Address::Unix(address) => address.as_pathname(),
            Address::Inet(_) => None,
        }
    }

    /// What connects to it where it is known by the roots of the system.
    pub(super) fn rooted(&self) -> Option<&Rooted> {
        self.rooted.as_ref()
    }

    fn new(basic: BasicPeer) -> Self {
        Self { key: basic.reuse_hash(), basic, client: None, rooted: None }
    }
}

impl fmt::Display for ServerPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.basic, f)
    }
}

impl Peer for ServerPeer {
    fn address(&self) -> &Address {
        self.basic.address()
    }

    /// As the basic peer: whoever has a name to ask for speaks TLS.
    fn tls(&self) -> bool {
        self.basic.tls()
    }

    fn sni(&self) -> &str {
        self.basic.sni()
    }

    fn get_client_cert_key(&self) -> Option<&Arc<CertKey>> {
        self.client.as_ref()
    }

    fn reuse_hash(&self) -> u64 {
        self.key
    }

    fn get_peer_options(&self) -> Option<&PeerOptions> {
        self.basic.get_peer_options()
    }

    /// Pingora asks the kernel for the peer's name before each reuse and compares it with the address. For a Unix socket that is the path that the
    /// server bound, which need not be the one that we connect to: a socket that was moved into its place, or bound by a relative path, would
    /// never be used twice. The key is of the address, and no other connection is kept under it.
    fn matches_fd<V: AsRawFd>(&self, _fd: V) -> bool {
        true
    }
}
