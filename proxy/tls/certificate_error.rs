//! What can be wrong with a certificate and its key, as data: which file, what about it, and the way out.
//!
//! An error keeps Transom from starting (or a reload from happening); a warning is logged and the certificate is served.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{error, fmt, io};

/// Why a certificate and key cannot be used. `Display` says what is wrong, [`help`](Self::help) what to do.
#[derive(Debug)]
pub enum CertificateError {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has PEM or DER in it that cannot be decoded.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file has no `CERTIFICATE` section.
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file has no `PRIVATE KEY` section of any kind.
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is protected by a passphrase.
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind or size that is not supported, or damaged.
    UnusableKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The key is not the one of the first certificate.
    KeyMismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
}

impl CertificateError {
    /// The file that is wrong.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. }
            | Self::Malformed { path, .. }
            | Self::NoCertificate { path }
            | Self::NoKey { path }
            | Self::EncryptedKey { path }
            | Self::UnusableKey { path, .. } => path,
            Self::KeyMismatch { key, .. } => key,
        }
    }

    /// The way out, one sentence, for the line below the error.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path; in a container, check that the file is mounted",
                io::ErrorKind::PermissionDenied => "give the user that Transom runs as the right to read it",
                _ => "check that it is a regular file that can be read",
            },
            Self::Malformed { .. } => "write it again from its source; it must be PEM (text between BEGIN and END lines)",
            Self::NoCertificate { .. } => {
                "it must have a BEGIN CERTIFICATE section, the server's certificate first, then its issuers; are `cert` and `key` swapped?"
            }
            Self::NoKey { .. } => "it must have a BEGIN PRIVATE KEY section; are `cert` and `key` swapped?",
            Self::EncryptedKey { .. } => "nobody can type a passphrase at start: decrypt it with `openssl pkey -in KEY -out NEW-KEY`",
            Self::UnusableKey { .. } => "use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits",
            Self::KeyMismatch { .. } => {
                "both files must come from the same issuance, and the server's certificate must be the first in its file"
            }
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => write!(f, "{}: cannot be read: {source}", path.display()),
            Self::Malformed { path, detail } => write!(f, "{}: is damaged: {detail}", path.display()),
            Self::NoCertificate { path } => write!(f, "{}: has no certificate in it", path.display()),
            Self::NoKey { path } => write!(f, "{}: has no private key in it", path.display()),
            Self::EncryptedKey { path } => write!(f, "{}: the private key is encrypted", path.display()),
            Self::UnusableKey { path, detail } => write!(f, "{}: the private key cannot be used: {detail}", path.display()),
            Self::KeyMismatch { certificate, key } => {
                write!(f, "{}: is not the key of the certificate in {}", key.display(), certificate.display())
            }
        }
    }
}

impl error::Error for CertificateError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Malformed { .. }
            | Self::NoCertificate { .. }
            | Self::NoKey { .. }
            | Self::EncryptedKey { .. }
            | Self::UnusableKey { .. }
            | Self::KeyMismatch { .. } => None,
        }
    }
}

/// What is wrong with a certificate that can be served all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateWarning {
    /// A certificate of the chain has expired; clients refuse it.
    Expired {
        /// The file.
        path: PathBuf,
        /// Which certificate of the file, from 1.
        position: usize,
        /// How long ago.
        ago: Duration,
    },
    /// A certificate of the chain is not valid yet; clients refuse it.
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// Which certificate of the file, from 1.
        position: usize,
        /// How long until it is.
        until: Duration,
    },
    /// Every user of the machine can read the key.
    KeyReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl CertificateWarning {
    /// The way out, one sentence.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "renew it",
            Self::NotYetValid { .. } => "check the clock of this machine",
            Self::KeyReadableByOthers { .. } => {
                "take the right away with `chmod o= KEY` (Kubernetes: `defaultMode: 0440` on the secret volume)"
            }
        }
    }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { path, position, ago } => {
                write!(f, "{}: certificate {position} expired {} ago", path.display(), Span(*ago))
            }
            Self::NotYetValid { path, position, until } => {
                write!(f, "{}: certificate {position} becomes valid only in {}", path.display(), Span(*until))
            }
            Self::KeyReadableByOthers { path, mode } => {
                write!(f, "{}: the private key is readable by every user (mode {mode:04o})", path.display())
            }
        }
    }
}

/// A length of time as a person says it: whole days, or hours below two days, or minutes below two hours.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs() / 60;
        match minutes {
            0..120 => write!(f, "{minutes} minutes"),
            120..2880 => write!(f, "{} hours", minutes / 60),
            _ => write!(f, "{} days", minutes / 1440),
        }
    }
}
