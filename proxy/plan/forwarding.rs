//! How a route forwards: its options of `proxy`, with the upstream's own address put in where they ask for it.

use http::HeaderValue;

use crate::config::{Accel, HostHeader, PathRewrite, ProxyOptions};
use crate::units::ServerAddress;

/// How a route forwards.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// The Host that the upstream gets; `None`: the client's.
    pub host: Option<HeaderValue>,
    /// What becomes of the path.
    pub rewrite: Option<PathRewrite>,
    /// Where the files are that the upstream names.
    pub accel: Option<Accel>,
    /// The Host of the upstream's address, which it may put into absolute URLs whatever it is told.
    pub own_host: String,
}

impl Forwarding {
    /// Puts the address of the upstream in.
    pub(super) fn new(options: &ProxyOptions, upstream: Option<&ServerAddress>) -> Self {
        let own_host = upstream.map(authority).unwrap_or_default();
        let host = match &options.host {
            HostHeader::Keep => None,
            HostHeader::Upstream => HeaderValue::from_str(&own_host).ok(),
            HostHeader::Literal(host) => Some(host.clone()),
        };
        Self { host, rewrite: options.rewrite.as_ref().map(|rewrite| rewrite.value.clone()), accel: options.accel.clone(), own_host }
    }
}

/// What a client that connects there by itself would send as Host. A socket has no name.
fn authority(address: &ServerAddress) -> String {
    let (host, port) = match address {
        ServerAddress::Unix(_) => return "localhost".to_owned(),
        ServerAddress::Tcp { host, port } => (host, *port),
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    if port == 80 { host } else { format!("{host}:{port}") }
}
