//! A certificate chain and its private key, read from PEM files and checked.
//!
//! It does not verify the chain against any root: what to trust is the client's business. Where it is served from is
//! `resolver`, what can be wrong with it is `certificate_error`.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fmt, fs};

use rustls::InconsistentKeys;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use super::certificate_error::{CertificateError, CertificateWarning};
use super::config::provider;

/// A chain with its key, ready to be served. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    pair: Arc<CertifiedKey>,
    names: Vec<String>,
    valid_from: SystemTime,
    valid_until: SystemTime,
    warnings: Vec<CertificateWarning>,
}

impl Certificate {
    /// Reads the chain (leaf first) from the file `certificate` and the key from the file `key`; both may be the same file.
    /// `now` decides which warnings there are.
    ///
    /// # Errors
    ///
    /// Everything that would make every handshake fail: see [`CertificateError`].
    pub fn load(certificate: &Path, key: &Path, now: SystemTime) -> Result<Self, CertificateError> {
        let chain = read_chain(certificate)?;
        let parsed = chain.iter().map(|der| Facts::parse(certificate, der)).collect::<Result<Vec<_>, _>>()?;
        let Some(leaf) = parsed.first() else {
            return Err(CertificateError::NoCertificate { path: certificate.to_owned() });
        };

        let mut warnings = Vec::new();
        for (index, facts) in parsed.iter().enumerate() {
            let (path, position) = (certificate.to_owned(), index + 1);
            if let Ok(ago) = now.duration_since(facts.valid_until) {
                warnings.push(CertificateWarning::Expired { path, position, ago });
            } else if let Some(until) = facts.valid_from.duration_since(now).ok().filter(|until| !until.is_zero()) {
                warnings.push(CertificateWarning::NotYetValid { path, position, until });
            }
        }
        warnings.extend(key_mode_warning(key));

        let pair = CertifiedKey::from_der(chain, read_key(key)?, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() }
            }
            rustls::Error::InvalidCertificate(detail) => {
                CertificateError::Malformed { path: certificate.to_owned(), detail: detail.to_string() }
            }
            other => CertificateError::UnusableKey { path: key.to_owned(), detail: other.to_string() },
        })?;
        Ok(Self { pair: Arc::new(pair), names: leaf.names.clone(), valid_from: leaf.valid_from, valid_until: leaf.valid_until, warnings })
    }

    /// The DNS names (in lower case, `*.` kept) and IP addresses that the certificate is for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the certificate is for the DNS name or IP address `name` (in lower case): `*.` stands for one label (RFC 9525 §6.3).
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|own| own == name || parent.is_some_and(|parent| own.strip_prefix("*.") == Some(parent)))
    }

    /// When the leaf becomes valid.
    #[must_use]
    pub fn valid_from(&self) -> SystemTime {
        self.valid_from
    }

    /// When the leaf expires.
    #[must_use]
    pub fn valid_until(&self) -> SystemTime {
        self.valid_until
    }

    /// What was not right when it was loaded, to be logged.
    #[must_use]
    pub fn warnings(&self) -> &[CertificateWarning] {
        &self.warnings
    }

    /// What rustls serves.
    pub(super) fn pair(&self) -> &Arc<CertifiedKey> {
        &self.pair
    }
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("valid_from", &self.valid_from)
            .field("valid_until", &self.valid_until)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// The certificates of a PEM file, in its order; at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(path)?;
    let chain =
        CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().map_err(|error| malformed(path, &error.to_string()))?;
    if chain.is_empty() { Err(CertificateError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read(path)?;
    // PKCS #8 says it in the BEGIN line, OpenSSL's old format in a header (`Proc-Type: 4,ENCRYPTED`).
    if memchr::memmem::find(&text, b"ENCRYPTED").is_some() {
        return Err(CertificateError::EncryptedKey { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey { path: path.to_owned() },
        other => malformed(path, &other.to_string()),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Unreadable { path: path.to_owned(), source })
}

fn malformed(path: &Path, detail: &str) -> CertificateError {
    CertificateError::Malformed { path: path.to_owned(), detail: detail.to_owned() }
}

/// Only "others" count: a key that a group may read (`root:ssl-cert 0640`) is common practice.
fn key_mode_warning(path: &Path) -> Option<CertificateWarning> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then(|| CertificateWarning::KeyReadableByOthers { path: path.to_owned(), mode })
}

/// What one certificate says about itself.
struct Facts {
    names: Vec<String>,
    valid_from: SystemTime,
    valid_until: SystemTime,
}

impl Facts {
    fn parse(path: &Path, der: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| malformed(path, &error.to_string()))?;
        let alternatives = parsed.subject_alternative_name().map_err(|error| malformed(path, &error.to_string()))?;
        let names = alternatives.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        Ok(Self {
            names: names.iter().filter_map(name_text).collect(),
            valid_from: time(parsed.validity().not_before),
            valid_until: time(parsed.validity().not_after),
        })
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        // Mail addresses, URIs and the like: no client of an HTTP server asks for them.
        _ => None,
    }
}

/// A date before 1970 is 1970: long expired either way.
fn time(time: ASN1Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::super::fixture::{Fixture, self_signed};
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn load(certificate: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        Certificate::load(certificate, key, SystemTime::now())
    }

    #[test]
    fn the_names_of_a_certificate_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = self_signed(dir.path(), &["Example.com", "*.example.com", "127.0.0.1", "::1"], |_| {});
        let certificate = load(&certificate, &key).unwrap();
        assert_eq!(certificate.names(), ["example.com", "*.example.com", "127.0.0.1", "::1"]);
        assert!(certificate.covers("example.com") && certificate.covers("www.example.com") && certificate.covers("::1"));
        assert!(!certificate.covers("a.b.example.com") && !certificate.covers("com") && !certificate.covers(""));
    }

    #[test]
    fn a_missing_file_is_told_with_its_path() {
        let fixture = Fixture::new();
        let missing = fixture.dir.path().join("missing.pem");
        let error = load(&missing, &fixture.paths.key).unwrap_err();
        assert!(error.to_string().contains("missing.pem: cannot be read"), "{error}");
        assert!(error.help().contains("mounted"), "{}", error.help());
        assert!(matches!(load(&fixture.paths.certificate, &missing), Err(CertificateError::Unreadable { path, .. }) if path == missing));
    }

    #[test]
    fn swapped_certificate_and_key_are_told() {
        let fixture = Fixture::new();
        let error = load(&fixture.paths.key, &fixture.paths.certificate).unwrap_err();
        assert!(matches!(&error, CertificateError::NoCertificate { path } if *path == fixture.paths.key));
        assert!(error.help().contains("swapped"));
        let error = load(&fixture.paths.certificate, &fixture.paths.certificate).unwrap_err();
        assert!(matches!(&error, CertificateError::NoKey { path } if *path == fixture.paths.certificate));
    }

    #[test]
    fn a_key_of_another_certificate_is_told() {
        let fixture = Fixture::new();
        let error = load(&fixture.paths.certificate, &fixture.dir.path().join("ca.key")).unwrap_err();
        assert!(matches!(error, CertificateError::KeyMismatch { .. }), "{error}");
        assert!(error.to_string().contains("ca.key: is not the key of the certificate in"), "{error}");
    }

    #[test]
    fn damaged_files_are_told() {
        let fixture = Fixture::new();
        let path = fixture.dir.path().join("damaged.pem");
        fs::write(&path, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(load(&path, &fixture.paths.key), Err(CertificateError::Malformed { .. })));
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(load(&path, &fixture.paths.key), Err(CertificateError::Malformed { .. })));
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(load(&fixture.paths.certificate, &path), Err(CertificateError::UnusableKey { .. })));
        fs::write(&path, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n").unwrap();
        assert!(matches!(load(&fixture.paths.certificate, &path), Err(CertificateError::EncryptedKey { .. })));
    }

    #[test]
    fn one_file_may_hold_certificate_and_key() {
        let fixture = Fixture::new();
        let both = fixture.dir.path().join("both.pem");
        let text = [fs::read(&fixture.paths.key).unwrap(), fs::read(&fixture.paths.certificate).unwrap()].concat();
        fs::write(&both, text).unwrap();
        assert_eq!(load(&both, &both).unwrap().pair().cert.len(), 2);
    }

    #[test]
    fn an_expired_certificate_is_a_warning_with_its_age() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let (certificate, key) = self_signed(dir.path(), &["example.com"], |params| params.not_after = (now - 12 * DAY).into());
        let loaded = load(&certificate, &key).unwrap();
        let texts: Vec<_> = loaded.warnings().iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text.ends_with("self.pem: certificate 1 expired 12 days ago")), "{texts:?}");
    }

    #[test]
    fn a_certificate_of_tomorrow_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let (certificate, key) = self_signed(dir.path(), &["example.com"], |params| params.not_before = (now + DAY).into());
        let loaded = load(&certificate, &key).unwrap();
        assert!(loaded.warnings().iter().any(|warning| matches!(warning, CertificateWarning::NotYetValid { position: 1, .. })));
    }

    #[test]
    fn a_key_that_every_user_can_read_is_a_warning_and_one_for_a_group_is_not() {
        let fixture = Fixture::new();
        fs::set_permissions(&fixture.paths.key, Permissions::from_mode(0o644)).unwrap();
        let warnings = fixture.certificate().warnings().to_vec();
        assert_eq!(warnings, [CertificateWarning::KeyReadableByOthers { path: fixture.paths.key.clone(), mode: 0o644 }]);
        fs::set_permissions(&fixture.paths.key, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(fixture.certificate().warnings(), []);
    }
}
