//! What the operator may choose about TLS, and everything that is fixed, each choice with its reason.
//!
//! No handshakes here (`acceptor`) and no files (`certificate`).

use std::sync::Arc;
use std::{error, fmt};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer, kx_group};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};

use super::certificate::Certificate;
use super::cipher_suites::AesGcm;
use super::resolver::Resolver;
use crate::config::HttpVersions;

/// What a TLS listener serves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Served to every client whose name is admitted, and to clients that send none.
    pub certificate: Certificate,
    /// The names that are served, in lower case; empty: any. A client that asks for another one gets an `unrecognized_name` alert.
    pub names: Vec<String>,
    /// Offered by ALPN.
    pub http: HttpVersions,
}

/// Why TLS cannot be set up although the certificate is good. The operator cannot cause it: the system's randomness failed.
#[derive(Debug)]
pub struct TlsError {
    source: rustls::Error,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS cannot be set up: {}", self.source)
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(source: rustls::Error) -> Self {
        Self { source }
    }
}

/// aws-lc-rs with its cipher suites (all of them AEAD with forward secrecy; see [`AesGcm`] for whose code encrypts), and these key
/// exchanges: the post-quantum hybrid first, the two that every client has, and P-384 for those whose rules ask for it.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: AesGcm::fastest().cipher_suites(),
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        ..aws_lc_rs::default_provider()
    }
}

/// Keys that encrypt session tickets: made at random, replaced every six hours, a ticket is good for at most twelve.
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    Ok(Ticketer::new()?)
}

/// The configuration of rustls for `http`, with certificates from `resolver` and session tickets from `ticketer`.
pub(super) fn server_config(
    http: HttpVersions,
    resolver: Arc<Resolver>,
    ticketer: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = alpn(http);
    // Stateless tickets resume any number of clients; the default is a table of 256 sessions behind a lock.
    config.ticketer = ticketer;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // A client uses a TLS 1.3 ticket once (RFC 8446 §C.4). A browser has one HTTP/2 connection to a site and one for its
    // WebSocket, and a reload of the page opens both again.
    config.send_tls13_tickets = 2;
    // 0-RTT can be replayed (RFC 8446 §8).
    config.max_early_data_size = 0;
    // Every suite is strong, so the client's order decides: a device without AES instructions puts ChaCha20 first.
    config.ignore_client_order = false;
    Ok(config)
}

/// RFC 7301 §3.2: the server's order decides, so HTTP/2 goes first.
fn alpn(http: HttpVersions) -> Vec<Vec<u8>> {
    let mut protocols = Vec::new();
    if http.h2 {
        protocols.push(b"h2".to_vec());
    }
    if http.h1 {
        protocols.push(b"http/1.1".to_vec());
        // Clients that speak 1.0 say so (`curl --http1.0`), and would get an alert for it.
        protocols.push(b"http/1.0".to_vec());
    }
    protocols
}
