//! Which certificate a handshake is given. There is one today; it can be replaced while connections are being accepted.
//!
//! Which names are admitted at all is decided before (`acceptor`), because rustls would answer with the wrong alert.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// Holds the certificate that is served now.
pub(super) struct Resolver {
    current: ArcSwap<CertifiedKey>,
}

impl Resolver {
    pub(super) fn new(certificate: &Certificate) -> Self {
        Self { current: ArcSwap::new(Arc::clone(certificate.pair())) }
    }

    /// Handshakes that begin from now on get `certificate`.
    pub(super) fn replace(&self, certificate: &Certificate) {
        self.current.store(Arc::clone(certificate.pair()));
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}
