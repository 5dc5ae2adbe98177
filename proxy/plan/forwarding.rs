//! How a route forwards: its options of `proxy`, with the upstream's own addresses put in where they are asked for.

use http::HeaderValue;

use crate::config::{Accel, HostHeader, PathRewrite, ProxyOptions};
use crate::plan::UpstreamServer;

/// How a route forwards.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// The Host that the upstream gets.
    host: HostHeader,
    /// The Host of each server's address, which it may put into absolute URLs whatever it is told.
    own_hosts: Vec<HeaderValue>,
    /// What becomes of the path.
    pub rewrite: Option<PathRewrite>,
    /// Where the files are that the upstream names.
    pub accel: Option<Accel>,
}

impl Forwarding {
    /// Puts the addresses of the servers in.
    pub(super) fn new(options: &ProxyOptions, servers: &[UpstreamServer]) -> Self {
        // A host of a URL is a value of a field always; were it not, "localhost" is what a socket gets too.
        let own_host = |server: &UpstreamServer| {
            HeaderValue::from_str(&server.url.authority()).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
        };
        Self {
            host: options.host.clone(),
            own_hosts: servers.iter().map(own_host).collect(),
            rewrite: options.rewrite.as_ref().map(|rewrite| rewrite.value.clone()),
            accel: options.accel.clone(),
        }
    }

    /// The Host that the server at this place gets; `None`: the client's.
    pub fn host(&self, server: usize) -> Option<&HeaderValue> {
        match &self.host {
            HostHeader::Keep => None,
            HostHeader::Upstream => self.own_hosts.get(server),
            HostHeader::Literal(host) => Some(host),
        }
    }

    /// The Host of the address of the server at this place.
    pub fn own_host(&self, server: usize) -> &[u8] {
        self.own_hosts.get(server).map_or(&[], |host| host.as_bytes())
    }

    /// `true` when servers of the group are told different hosts.
    pub fn differs_by_server(&self) -> bool {
        matches!(self.host, HostHeader::Upstream) && self.own_hosts.len() > 1
    }
}
