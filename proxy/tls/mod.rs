//! TLS towards clients: certificates, the handshake, and the encrypted stream.
//!
//! Only this module names rustls, tokio-rustls, rcgen and x509-parser, and none of their types is public. Cryptography is
//! aws-lc-rs (on some processors with the AES-GCM of ring, see `cipher_suites`), always passed on explicitly: there is no process-wide
//! default to depend on. The module opens no sockets, keeps
//! no clock (`now` comes in as an argument, deadlines are the caller's) and decides nothing about HTTP.
//!
//! Read [`Certificate::load`] (files to certificate), [`development`] (a certificate for localhost), [`Acceptor`] (the
//! handshake), [`TlsStream`] (what comes out) and [`HandshakeError`] (what goes wrong) in this order.

mod acceptor;
mod authority;
mod certificate;
mod certificate_error;
mod cipher_suites;
mod config;
pub mod development;
#[cfg(test)]
mod fixture;
mod handshake_error;
mod hello;
mod resolver;
mod stream;

pub use acceptor::Acceptor;
pub use certificate::Certificate;
pub use certificate_error::{CertificateError, CertificateWarning};
pub use config::{Settings, TlsError};
pub use handshake_error::{HandshakeError, HandshakeFailure, PLAIN_HTTP_ANSWER};
pub use stream::{Alpn, ProtocolVersion, TlsStream};
