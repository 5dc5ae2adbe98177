//! TLS to the edge, trusting its development authority.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::site::Site;
use super::wait::PATIENCE;

/// A blocking TLS stream.
pub type SecureStream = StreamOwned<ClientConnection, TcpStream>;

/// A config that trusts `certs/ca.pem` of a site and offers these protocols.
pub fn tls_config(site: &Site, protocols: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(site.join("certs/ca.pem")).expect("the development authority") {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Connects as `localhost` and speaks HTTP/1.
pub fn connect_secure(site: &Site, address: SocketAddr) -> SecureStream {
    let stream = TcpStream::connect(address).expect("the edge accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(tls_config(site, &["http/1.1"]), name).expect("a TLS client");
    StreamOwned::new(connection, stream)
}
