//! For the tests of this module: certificates in a directory of their own, and clients that trust them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client};

use super::config::provider;
use super::development::{self, Paths};
use super::{Acceptor, Certificate, HandshakeFailure, Settings, TlsStream};
use crate::config::HttpVersions;

/// Both ends of a handshake.
pub(super) type Ends = (std::io::Result<client::TlsStream<DuplexStream>>, Result<TlsStream<DuplexStream>, HandshakeFailure<DuplexStream>>);

/// A directory with a certificate for localhost and the authority that signed it.
pub(super) struct Fixture {
    pub(super) dir: tempfile::TempDir,
    pub(super) paths: Paths,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = development::ensure(dir.path(), &["app.localhost".to_owned()], SystemTime::now()).unwrap();
        Self { dir, paths }
    }

    pub(super) fn certificate(&self) -> Certificate {
        Certificate::load(&self.paths.certificate, &self.paths.key, SystemTime::now()).unwrap()
    }

    /// An acceptor for both versions of HTTP and these names.
    pub(super) fn acceptor(&self, names: &[&str]) -> Acceptor {
        Acceptor::new(self.settings(names)).unwrap()
    }

    pub(super) fn settings(&self, names: &[&str]) -> Settings {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Settings { certificate: self.certificate(), names, http: HttpVersions { h1: true, h2: true } }
    }

    /// A client that trusts the authority, speaks these versions of TLS and offers these protocols.
    pub(super) fn client(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
        let mut config = self.client_with(Arc::new(provider()), versions);
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(1024);
        config
    }

    /// A client that trusts the authority, with other cryptography than the servers'.
    pub(super) fn client_with(&self, provider: Arc<CryptoProvider>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.paths.authority).unwrap()).unwrap();
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// Runs a handshake over a pipe in memory.
pub(super) async fn handshake(acceptor: &Acceptor, client: &Arc<ClientConfig>, name: &str) -> Ends {
    let (near, far) = duplex(64 * 1024);
    let connector = TlsConnector::from(Arc::clone(client));
    tokio::join!(connector.connect(ServerName::try_from(name.to_owned()).unwrap(), near), acceptor.accept(far))
}

/// Writes a self-signed certificate for `names`, changed by `change`, and gives the paths of certificate and key.
pub(super) fn self_signed(dir: &Path, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    change(&mut params);
    let (certificate, key_path) = (dir.join("self.pem"), dir.join("self.key"));
    std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    (certificate, key_path)
}
