//! The client: what is known of it from its connection, and of one request from proxies that are trusted.

use std::net::SocketAddr;

use crate::tls::ProtocolVersion;
use crate::units::Scheme;

/// Facts about a client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Its address; `None` on a Unix socket. Port 0 where a proxy told the address alone.
    pub(crate) address: Option<SocketAddr>,
    /// Where it connected to, where a proxy said so. Boxed: an idle connection is little more than this record.
    pub(crate) local: Option<Box<SocketAddr>>,
    /// What it spoke.
    pub(crate) scheme: Scheme,
    /// The version of TLS of the connection.
    pub(crate) tls_version: Option<ProtocolVersion>,
    /// The host that it asked, where a trusted proxy said so.
    pub(crate) host: Option<Box<[u8]>>,
    /// `true` when the peer of the connection may say where a request came from.
    pub(crate) has_trusted_peer: bool,
}

impl Client {
    /// The peer of a connection, of which nothing more is known.
    pub(crate) const fn new(address: Option<SocketAddr>, scheme: Scheme) -> Self {
        Self { address, local: None, scheme, tls_version: None, host: None, has_trusted_peer: false }
    }

    /// `"http"` or `"https"`.
    pub(crate) const fn scheme_name(&self) -> &'static str {
        self.scheme.name()
    }

    /// `true` on TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }
}
