//! The upstreams of a plan: named ones in the order of the file, then those that stand as a URL in a route.

use std::time::Duration;

use crate::config::{self, Balance, Diagnostic, Diagnostics, Health, ProxyTarget, Retry, Span, Spanned, UpstreamTls, defaults};
use crate::http::proxy_protocol::Version;
use crate::units::{ServerAddress, ServerUrl};

/// A group of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name, or its whole URL for an inline one: two may be spoken to at one address in two ways, and no name looks like a URL.
    pub name: String,
    /// Its servers; at least one, and one that is no backup.
    pub servers: Vec<UpstreamServer>,
    /// Which of them gets a request.
    pub balance: Balance,
    /// Where they were written.
    pub span: Span,
    /// How long requests are held while none can be reached, or all are busy.
    pub wait: Duration,
    /// How servers with TLS are known.
    pub tls: UpstreamTls,
    /// How many may wait because all are busy.
    pub queue: usize,
    /// The PROXY header that connections to it begin with.
    pub proxy_protocol: Option<Version>,
    /// What is done about servers that fail.
    pub health: Health,
    /// After which failures a request is sent again.
    pub retry: Retry,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Where it is.
    pub url: ServerUrl,
    /// Where that was written.
    pub span: Span,
    /// Its share; from 1 to 256.
    pub weight: u16,
    /// It is asked only while no other can be.
    pub backup: bool,
    /// Requests that it is sent at once.
    pub max_conns: Option<u32>,
}

/// The upstreams while they are collected: named ones first, inline ones as they come, one for each URL.
pub(super) struct Upstreams {
    list: Vec<Upstream>,
    named: usize,
}

impl Upstreams {
    pub(super) fn new(named: &[config::Upstream]) -> Self {
        let list: Vec<_> = named.iter().map(Upstream::new).collect();
        Self { named: list.len(), list }
    }

    pub(super) fn into_list(self) -> Vec<Upstream> {
        self.list
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.list.iter().take(self.named).position(|upstream| upstream.name == name)
    }

    /// The index of what a route names.
    pub(super) fn resolve(&mut self, target: &Spanned<ProxyTarget>, diagnostics: &mut Diagnostics) -> usize {
        match &target.value {
            ProxyTarget::Named(name) => self.named(name).unwrap_or_else(|| {
                diagnostics.push(self.unknown(name, target.span));
                0
            }),
            ProxyTarget::Inline(url) => self.inline(url, target.span),
        }
    }

    /// The servers of the upstream at this index.
    pub(super) fn servers(&self, index: usize) -> &[UpstreamServer] {
        self.list.get(index).map_or(&[], |upstream| &upstream.servers)
    }

    /// The address of the one server of an upstream, for a process that is ready when it accepts.
    pub(super) fn only_server(&self, name: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<ServerAddress> {
        let Some(upstream) = self.named(name).and_then(|index| self.list.get(index)) else {
            diagnostics.push(self.unknown(name, span));
            return None;
        };
        if let [server] = upstream.servers.as_slice() {
            return Some(server.url.address.clone());
        }
        let help = "name the one that this process is: ready = { socket = \"unix:/run/app/api.sock\" }";
        let mistake = Diagnostic::new(span, format!("the upstream `{name}` has several servers, and this process is one of them"));
        diagnostics.push(mistake.related(upstream.span, "these").help(help));
        None
    }

    fn inline(&mut self, url: &ServerUrl, span: Span) -> usize {
        let is_it = |upstream: &Upstream| upstream.servers.first().is_some_and(|server| server.url == *url);
        if let Some(index) = self.list.iter().skip(self.named).position(is_it) {
            return self.named + index;
        }
        self.list.push(Upstream::inline(url, span));
        self.list.len() - 1
    }

    fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let names: Vec<&str> = self.list.iter().take(self.named).map(|upstream| upstream.name.as_str()).collect();
        let close = names.iter().copied().find(|known| strsim::jaro_winkler(known, name) > 0.8);
        let help = match (close, names.as_slice()) {
            (Some(close), _) => format!("did you mean \"{close}\"?"),
            (None, []) => {
                format!("add `[upstream.{name}]` with `to = \"…\"`, or write the address here: \"unix:/path\" or \"http://host:port\"")
            }
            (None, names) => {
                format!("the upstreams are {}; an address is written \"unix:/path\" or \"http://host:port\"", names.join(", "))
            }
        };
        Diagnostic::new(span, format!("there is no upstream `{name}`")).label("not defined").help(help)
    }
}

impl Upstream {
    fn new(upstream: &config::Upstream) -> Self {
        let server = |server: &config::UpstreamServer| UpstreamServer {
            url: server.url.value.clone(),
            span: server.url.span,
            weight: server.weight,
            backup: server.backup,
            max_conns: server.max_conns,
        };
        Self {
            name: upstream.name.value.clone(),
            servers: upstream.to.iter().map(server).collect(),
            balance: upstream.balance.clone(),
            span: upstream.to_span,
            wait: upstream.wait,
            tls: upstream.tls.clone(),
            queue: upstream.queue,
            proxy_protocol: upstream.proxy_protocol,
            health: upstream.health.clone(),
            retry: upstream.retry.clone(),
        }
    }

    fn inline(url: &ServerUrl, span: Span) -> Self {
        let server = UpstreamServer { url: url.clone(), span, weight: defaults::WEIGHT, backup: false, max_conns: None };
        let tls = UpstreamTls { span, ..UpstreamTls::default() };
        Self {
            name: url.to_string(),
            servers: vec![server],
            balance: defaults::BALANCE,
            span,
            wait: defaults::WAIT,
            tls,
            queue: defaults::QUEUE,
            proxy_protocol: None,
            health: Health::default(),
            retry: Retry::default(),
        }
    }
}
