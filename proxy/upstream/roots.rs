//! The authorities of the system: looked for once at start, loaded once when the first connection needs them, and shared by all upstreams and workers.
//! They are some hundred certificates, and reading them takes as long as all else that is done at a start.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

use pingora_core::connectors::TransportConnector;
use pingora_core::tls::{RootCertStore, load_platform_certs_incl_env_into_store};

use super::connector;
use crate::config::{Diagnostic, Span};

/// Whether the system has them, for all upstreams of a plan.
#[derive(Clone, Default)]
pub struct SystemRoots(OnceCell<Rooted>);

/// Makes the connections that are known by them.
#[derive(Clone, Default)]
pub(super) struct Rooted(Arc<OnceLock<TransportConnector>>);

impl SystemRoots {
    /// What connects to servers that are known by them. They are looked for when this is first asked; `span` is what needs them.
    ///
    /// # Errors
    /// When the system has none.
    pub(super) fn rooted(&self, span: Span) -> Result<Rooted, Diagnostic> {
        if let Some(rooted) = self.0.get() {
            return Ok(rooted.clone());
        }
        let mut store = RootCertStore::empty();
        if load_platform_certs_incl_env_into_store(&mut store).is_ok() && !store.is_empty() {
            return Ok(self.0.get_or_init(Rooted::default).clone());
        }
        let help = "install the package ca-certificates, or write tls = { ca = \"/path/to/ca.pem\" }";
        Err(Diagnostic::new(span, "this system has no authorities to know a TLS server by").help(help))
    }
}

impl Rooted {
    /// The connector. That the roots can be loaded was seen at start; should that have changed since, nobody is trusted.
    pub(super) fn transport(&self) -> &TransportConnector {
        self.0.get_or_init(|| std::panic::catch_unwind(connector::with_roots).unwrap_or_else(|_| connector::without_roots()))
    }
}
