//! The client's end of a connection, as far as it is known before the first request.

use std::net::SocketAddr;

use crate::units::Scheme;

/// Facts about a connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The peer's address; `None` on a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// What the connection speaks.
    pub(crate) scheme: Scheme,
}

impl Client {
    /// `"http"` or `"https"`.
    pub(crate) const fn scheme_name(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// `true` on TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }
}
