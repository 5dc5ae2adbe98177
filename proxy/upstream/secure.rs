//! What TLS towards the servers of one upstream goes by: whom we trust, what we show, which name we ask for.
//!
//! All is read at start, so that a missing file is a mistake in the config and not a 502. Verifying is rustls's, through Pingora's connector.

use std::path::Path;
use std::sync::Arc;

use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::roots::{Rooted, SystemRoots};
use crate::config::{Diagnostic, Spanned, UpstreamTls};

/// The settings of one upstream.
#[derive(Clone)]
pub(super) struct Secure {
    /// Authorities in the place of the system's.
    pub(super) ca: Option<Arc<CaType>>,
    /// The system's, where there are no others.
    pub(super) rooted: Option<Rooted>,
    /// Certificate and key that we show.
    pub(super) client: Option<Arc<CertKey>>,
    /// The name that is asked for, in the place of the URL's.
    pub(super) sni: Option<String>,
    /// Whoever answers is believed.
    pub(super) unverified: bool,
    /// Connections with other settings are others.
    pub(super) id: String,
}

impl Secure {
    /// Reads what the table names.
    ///
    /// # Errors
    /// The first file that is missing or is not what it should be, or that the system has no roots where they are needed.
    pub(super) fn load(tls: &UpstreamTls, roots: &SystemRoots) -> Result<Self, Diagnostic> {
        let (ca, rooted) = match &tls.ca {
            Some(path) => (Some(certificates(path)?.into_iter().map(wrapped).collect()), None),
            None => (None, Some(roots.rooted(tls.span)?)),
        };
        let client = match &tls.client {
            Some((cert, key)) => Some(Arc::new(CertKey::new(certificates(cert)?, private_key(key)?))),
            None => None,
        };
        let id = format!("{:?} {:?} {:?} {}", tls.ca, tls.client, tls.sni, tls.unverified);
        Ok(Self { ca, rooted, client, sni: tls.sni.clone(), unverified: tls.unverified, id })
    }
}

fn wrapped(certificate: Vec<u8>) -> WrappedX509 {
    WrappedX509::new(certificate, parse_x509)
}

fn read(path: &Spanned<std::path::PathBuf>) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(&path.value).map_err(|error| {
        Diagnostic::new(path.span, format!("{}: cannot be read: {error}", path.value.display()))
            .help("correct the path, or let this user read it")
    })
}

/// The certificates of a PEM file; at least one, and each well-formed.
fn certificates(path: &Spanned<std::path::PathBuf>) -> Result<Vec<Vec<u8>>, Diagnostic> {
    let text = read(path)?;
    let malformed = |what: &str| {
        let message = format!("{}: {what}", shown(&path.value));
        Diagnostic::new(path.span, message).help("give a PEM file: -----BEGIN CERTIFICATE-----")
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| malformed(&error.to_string()))?;
    // Pingora takes for granted that they can be parsed.
    if !found.iter().all(|certificate| x509_parser::parse_x509_certificate(certificate).is_ok()) {
        return Err(malformed("has a certificate that is malformed"));
    }
    if found.is_empty() {
        return Err(malformed("has no certificate"));
    }
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

fn private_key(path: &Spanned<std::path::PathBuf>) -> Result<Vec<u8>, Diagnostic> {
    let text = read(path)?;
    let wrong = || {
        let message = format!("{}: has no private key that can be used", shown(&path.value));
        Diagnostic::new(path.span, message).help("give a PEM file without a password: -----BEGIN PRIVATE KEY-----")
    };
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| wrong())?.secret_der().to_vec();
    // As Pingora finds out of which kind it is.
    if PrivateKeyDer::try_from(key.as_slice()).is_err() {
        return Err(wrong());
    }
    Ok(key)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
