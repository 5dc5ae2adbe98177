//! Connections to the server under load: TCP, and TLS 1.3 with one curve.
//!
//! The server is not authenticated, on purpose: it is on this machine, its certificate is its own, and checking it would be CPU of the
//! load, not of the server. This must never become a client for anything else.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::failure::Failure;

/// What a client says about itself when it shakes hands.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Every handshake is a full one; `protocols` are those of ALPN.
    #[expect(clippy::expect_used, reason = "neither the provider nor the name depends on anything outside; every test goes through here")]
    pub fn new(protocols: &[&[u8]]) -> Self {
        // Both servers shall compute the same: one curve, which each of them has.
        let provider = CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&version::TLS13])
            .expect("TLS 1.3 of the provider")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::disabled();
        Self { connector: TlsConnector::from(Arc::new(config)), name: ServerName::try_from("localhost").expect("a name") }
    }

    /// The same with a store of tickets of its own.
    pub fn with_tickets(&self) -> Self {
        let mut config = ClientConfig::clone(self.connector.config());
        config.resumption = Resumption::in_memory_sessions(8);
        Self { connector: TlsConnector::from(Arc::new(config)), name: self.name.clone() }
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// The server does not accept, or breaks off.
    pub async fn connect(&self, to: SocketAddr) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = connect(to).await?;
        self.connector.connect(self.name.clone(), stream).await.map_err(|error| Failure::Tls(error.kind()))
    }
}

/// Connects.
///
/// # Errors
/// The server does not accept.
pub async fn connect(to: SocketAddr) -> Result<TcpStream, Failure> {
    let failure = |error: std::io::Error| Failure::Connect(error.kind());
    let stream = TcpStream::connect(to).await.map_err(failure)?;
    stream.set_nodelay(true).map_err(failure)?;
    Ok(stream)
}

/// Takes every certificate.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // The certificates of the benchmarks are ECDSA P-256.
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
