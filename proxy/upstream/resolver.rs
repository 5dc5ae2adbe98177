//! Asking for the addresses of names: of the servers of `server.resolver`, or of those of the system, whose hosts file counts before both.
//!
//! Nothing is kept here: how long an answer is believed is `name`'s matter.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// How long one server of names is waited for. A lookup asks again, or another, after it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// A whole lookup, with its repetitions and search domains.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// Addresses of one name that are used.
const ADDRESSES_MAX: usize = 64;

/// Asks.
#[derive(Clone)]
pub struct Resolver {
    resolver: Option<TokioResolver>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The addresses, each once; at least one.
    pub(super) addresses: Vec<IpAddr>,
    /// How long it may be believed.
    pub(super) time_to_live: Duration,
}

impl Resolver {
    /// One that asks these servers, or those of `/etc/resolv.conf` where there are none. A system without any still has its hosts file.
    pub fn new(servers: &[SocketAddr]) -> Self {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio()
                .unwrap_or_else(|_| TokioResolver::builder_with_config(ResolverConfig::from_name_servers(Vec::new()), provider))
        } else {
            TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers.iter().map(name_server).collect()), provider)
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = ANSWER_TIMEOUT;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Self { resolver: builder.build().ok() }
    }

    /// The addresses of a name, of both families.
    ///
    /// # Errors
    /// The cause, for the log.
    pub(super) async fn look_up(&self, host: &str) -> Result<Answer, String> {
        let Some(resolver) = &self.resolver else { return Err("there is nobody to ask for names".to_owned()) };
        let lookup = match tokio::time::timeout(LOOKUP_MAX, resolver.lookup_ip(host)).await {
            Ok(Ok(lookup)) => lookup,
            Ok(Err(error)) => return Err(format!("{host} is not resolved: {error}")),
            Err(_) => return Err(format!("{host} is not resolved within {LOOKUP_MAX:?}")),
        };
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in lookup.iter() {
            if !addresses.contains(&address) && addresses.len() < ADDRESSES_MAX {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(format!("{host} has no address"));
        }
        Ok(Answer { addresses, time_to_live: lookup.valid_until().saturating_duration_since(Instant::now()) })
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}
