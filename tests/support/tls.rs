//! A TLS client that trusts one authority, and certificates of its own to serve.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::client::Response;
use super::wait::PATIENCE;

/// A self-signed certificate, written as `tls.crt` and `tls.key`.
pub struct Certificate {
    /// Of the certificate.
    pub path: PathBuf,
}

impl Certificate {
    /// Makes one for these names and addresses.
    pub fn write(folder: &Path, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let path = folder.join("tls.crt");
        std::fs::write(&path, made.cert.pem()).expect("a file");
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).expect("a file");
        Self { path }
    }
}

/// A client that trusts one authority.
pub struct TlsClient {
    /// Its configuration; what is offered by ALPN may be changed.
    pub config: ClientConfig,
}

impl TlsClient {
    /// Trusts this authority (PEM) and speaks all versions.
    pub fn new(authority: &Path) -> Self {
        Self::with_versions(authority, rustls::ALL_VERSIONS)
    }

    /// The same, with these versions.
    pub fn with_versions(authority: &Path, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).expect("an authority")).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self { config }
    }

    /// Connects and completes the handshake.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn connect(&self, address: SocketAddr, name: &str) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut tls = ClientConnection::new(Arc::new(self.config.clone()), name).expect("a client");
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(tls, tcp))
    }

    /// Sends one request that says `Connection: close`, and reads its response.
    pub fn request(&self, address: SocketAddr, name: &str, request: &str) -> Response {
        let mut stream = self.connect(address, name).expect("a handshake");
        stream.write_all(request.as_bytes()).expect("the edge takes a request");
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => panic!("closed without close_notify"),
                Err(error) => panic!("reading over TLS: {error}"),
            }
        }
        parse(&bytes)
    }
}

/// A response whose body ends with the connection.
fn parse(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let field =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).expect("a field");
    Response { status, fields: lines.map(field).collect(), body: bytes[end + 4..].to_vec(), trailers: Vec::new() }
}
