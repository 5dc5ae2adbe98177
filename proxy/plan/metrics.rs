//! The plan of `[metrics]`: the limits and deadlines of the whole, on listeners of its own, without a route and without a line in the access log.

use http::{HeaderName, HeaderValue, header};

use super::Plan;
use super::listeners::{self, Listener};
use crate::config::{
    Config, Diagnostic, Diagnostics, GlobalHeaders, HeaderPreset, HeaderRules, HttpVersions, Log, Server, Spanned, TrustedProxies,
};
use crate::units::{Listen, ListenAddress, Scheme};

/// Nothing but the page, its style sheet, and asking again.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Compiles it, if there is one. `public` are the listeners of the sites.
pub(super) fn compile(config: &Config, public: &[Listener], diagnostics: &mut Diagnostics) -> Option<Box<Plan>> {
    let metrics = config.metrics.as_ref()?;
    for listen in &metrics.listen {
        if let Some(listener) = listeners::at(public, &listen.value.address) {
            diagnostics.push(
                Diagnostic::new(listen.span, "the sites are served at this address")
                    .related(listener.span, "here")
                    .help("give metrics an address of their own, such as \"127.0.0.1:9090\": what they tell is not for everybody"),
            );
        }
    }
    match super::compile(of_its_own(config, &metrics.listen)) {
        Ok(plan) => Some(Box::new(plan)),
        Err(more) => {
            more.0.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
            None
        }
    }
}

/// The config that the operator would have to write for it.
fn of_its_own(config: &Config, listen: &[Spanned<Listen>]) -> Config {
    // Whatever the port is, it is plain HTTP.
    let plain = |listen: &Spanned<Listen>| {
        let listen_plain = Listen { scheme: Some(Scheme::Http), address: listen.value.address.clone() };
        Spanned::new(listen_plain, listen.span)
    };
    Config {
        server: Server {
            listen: listen.iter().map(plain).collect(),
            names: Vec::new(),
            http: HttpVersions { h1: true, h2: false },
            https_redirect: None,
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
            ..config.server.clone()
        },
        tls: None,
        headers: headers(),
        upstreams: Vec::new(),
        processes: Vec::new(),
        routes: Vec::new(),
        log: Log { access: None, ..config.log.clone() },
        metrics: None,
        ..config.clone()
    }
}

fn headers() -> GlobalHeaders {
    let fixed = |(name, value): (HeaderName, &'static str)| (name, HeaderValue::from_static(value));
    let set = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY), (header::CACHE_CONTROL, "no-store")].map(fixed);
    GlobalHeaders {
        preset: Spanned::new(HeaderPreset::Strict, Default::default()),
        rules: HeaderRules { set: set.to_vec(), ..HeaderRules::default() },
        csp: None,
    }
}

impl Plan {
    /// The listeners that other machines may reach.
    pub fn exposed(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| is_exposed(&listener.address))
    }
}

/// Whoever passes a socket on knows what it is.
fn is_exposed(address: &ListenAddress) -> bool {
    match address {
        ListenAddress::Tcp { ip, .. } => !ip.is_some_and(|ip| ip.to_canonical().is_loopback()),
        ListenAddress::Unix(_) | ListenAddress::Fd(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(listen: &str) -> Option<usize> {
        let address = Listen::parse(listen).ok()?.address;
        let listen = Listen { scheme: None, address };
        Some(usize::from(is_exposed(&listen.address)))
    }

    #[test]
    fn only_addresses_of_this_machine_are_not_exposed() {
        for listen in ["127.0.0.1:9090", "127.0.0.2:0", "[::1]:9090", "[::ffff:127.0.0.1]:9090", "unix:/run/metrics.sock"] {
            assert_eq!(exposed(listen), Some(0), "{listen}");
        }
        for listen in [":9090", "0.0.0.0:9090", "[::]:9090", "10.0.0.1:9090"] {
            assert_eq!(exposed(listen), Some(1), "{listen}");
        }
    }
}
