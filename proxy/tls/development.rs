//! A certificate for localhost, so that HTTPS works on a developer's machine: a local authority to be trusted once, and a
//! certificate that it signs, made at the first run and made again when they get old.
//!
//! This is about the files; what is in the certificates is `authority`. Never used for a public name; those have `certificate`.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{error, fmt, io};

use super::authority::Authority;
use super::certificate::{self, Certificate};

/// Made again when it expires within this time.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The authority's certificate, `ca.pem`: what a browser or `curl --cacert` is to trust.
    pub authority: PathBuf,
    /// The chain for localhost, `localhost.pem`: its certificate and the authority's.
    pub certificate: PathBuf,
    /// The key for localhost, `localhost.key`, mode 0600.
    pub key: PathBuf,
    /// What this start did.
    pub made: Made,
}

/// What [`ensure`] had to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Nothing: everything was there.
    Nothing,
    /// A new certificate, from the authority that was there.
    Certificate,
    /// A new authority, to be trusted anew, and a certificate.
    Authority,
}

/// Why there is no development certificate.
#[derive(Debug)]
pub enum DevelopmentError {
    /// There are no good files, and none can be written.
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate could not be made.
    NotMade {
        /// Why.
        detail: String,
    },
}

impl DevelopmentError {
    /// The way out, one sentence.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotWritable { .. } => "make the directory writable, or run once where it is, or set `cert` and `key` in place of `dev`",
            Self::NotMade { .. } => "remove the files in the directory and start again",
        }
    }
}

impl fmt::Display for DevelopmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWritable { path, source } => {
                write!(f, "{}: cannot write the development certificate, and there is no good one: {source}", path.display())
            }
            Self::NotMade { detail } => write!(f, "the development certificate cannot be made: {detail}"),
        }
    }
}

impl error::Error for DevelopmentError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NotWritable { source, .. } => Some(source),
            Self::NotMade { .. } => None,
        }
    }
}

impl From<rcgen::Error> for DevelopmentError {
    fn from(error: rcgen::Error) -> Self {
        Self::NotMade { detail: error.to_string() }
    }
}

/// Makes sure that `dir` has a certificate for `localhost`, `127.0.0.1`, `::1` and those of `names` (in lower case) that are below
/// `localhost`, like `app.localhost`, and that it is good for another 30 days. Other names are not the authority's to vouch for
/// and left out.
///
/// There is no `*.localhost` in it: OpenSSL and browsers do not let a wildcard stand directly below a top-level name, and to
/// rustls a certificate with such a name under a constrained authority is malformed.
///
/// Starts at the same time wait for each other. When nothing can be written, files that are still valid are used.
///
/// # Errors
///
/// [`DevelopmentError::NotWritable`] when there is nothing valid and `dir` cannot be written.
pub fn ensure(dir: &Path, names: &[String], now: SystemTime) -> Result<Paths, DevelopmentError> {
    let below = names.iter().filter(|name| name.ends_with(".localhost") && !name.starts_with('*')).map(String::as_str);
    let store = Store { dir, names: ["localhost"].into_iter().chain(below).collect() };
    if store.is_good(now + RENEW_BEFORE) && store.is_good(now) {
        return Ok(store.paths(Made::Nothing));
    }
    match store.renew(now) {
        Err(DevelopmentError::NotWritable { .. }) if store.is_good(now) => Ok(store.paths(Made::Nothing)),
        other => other,
    }
}

/// The directory with the four files.
struct Store<'a> {
    dir: &'a Path,
    /// The DNS names that the certificate must have; `localhost` first.
    names: Vec<&'a str>,
}

impl Store<'_> {
    fn paths(&self, made: Made) -> Paths {
        Paths { authority: self.dir.join("ca.pem"), certificate: self.dir.join("localhost.pem"), key: self.dir.join("localhost.key"), made }
    }

    fn authority_key(&self) -> PathBuf {
        self.dir.join("ca.key")
    }

    /// Whether certificate and key fit, are valid at `time`, and come from the authority that is there.
    fn is_good(&self, time: SystemTime) -> bool {
        let paths = self.paths(Made::Nothing);
        let Ok(leaf) = Certificate::load(&paths.certificate, &paths.key, time) else { return false };
        let Ok(authority) = certificate::read_chain(&paths.authority) else { return false };
        self.names.iter().all(|name| leaf.covers(name))
            && leaf.valid_from() <= time
            && time < leaf.valid_until()
            && leaf.pair().cert.get(1).is_some_and(|issuer| authority.first() == Some(issuer))
    }

    fn renew(&self, now: SystemTime) -> Result<Paths, DevelopmentError> {
        let not_writable = |source| DevelopmentError::NotWritable { path: self.dir.to_owned(), source };
        fs::create_dir_all(self.dir).map_err(not_writable)?;
        // Held until it is dropped; another start waits here and then finds good files.
        let lock = File::open(self.dir).map_err(not_writable)?;
        lock.lock().map_err(not_writable)?;
        if self.is_good(now + RENEW_BEFORE) && self.is_good(now) {
            return Ok(self.paths(Made::Nothing));
        }

        let (authority, made) = match self.authority(now) {
            Some(authority) => (authority, Made::Certificate),
            None => (self.make_authority(now)?, Made::Authority),
        };
        let issued = authority.issue(&self.names, now)?;
        let paths = self.paths(made);
        write(&paths.key, &issued.key_pem, Access::Owner)?;
        write(&paths.certificate, &issued.chain_pem, Access::Everyone)?;
        Ok(paths)
    }

    /// The authority that is there, if its key fits and it is good for another 30 days.
    fn authority(&self, now: SystemTime) -> Option<Authority> {
        let authority = Authority::load(&self.paths(Made::Nothing).authority, &self.authority_key(), now)?;
        (authority.valid_until() >= now + RENEW_BEFORE).then_some(authority)
    }

    fn make_authority(&self, now: SystemTime) -> Result<Authority, DevelopmentError> {
        let authority = Authority::new(now)?;
        write(&self.authority_key(), &authority.key_pem(), Access::Owner)?;
        write(&self.paths(Made::Nothing).authority, authority.pem(), Access::Everyone)?;
        Ok(authority)
    }
}

/// Who may read a file.
enum Access {
    Owner,
    Everyone,
}

/// Writes a file whole or not at all: under another name first, which is then renamed.
fn write(path: &Path, text: &str, access: Access) -> Result<(), DevelopmentError> {
    let not_writable = |source| DevelopmentError::NotWritable { path: path.to_owned(), source };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // What a start that was killed left behind has its own permissions, which `mode` does not change.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(not_writable(error)),
        _ => {}
    }
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everyone => 0o644,
    };
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).map_err(not_writable)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::super::authority::{AUTHORITY_LIFE, DAY, LEAF_LIFE};
    use super::*;

    fn contents(paths: &Paths) -> [Vec<u8>; 3] {
        [&paths.authority, &paths.certificate, &paths.key].map(|path| fs::read(path).unwrap())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_certificates_are_made_once_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("nested/certs");
        let first = ensure(&certs, &[], SystemTime::now()).unwrap();
        assert_eq!(first.made, Made::Authority);
        let before = contents(&first);
        let second = ensure(&certs, &[], SystemTime::now()).unwrap();
        assert_eq!(second.made, Made::Nothing);
        assert_eq!(before, contents(&second));
    }

    #[test]
    fn keys_are_readable_by_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ensure(dir.path(), &[], SystemTime::now()).unwrap();
        assert_eq!([mode(&paths.key), mode(&dir.path().join("ca.key"))], [0o600; 2]);
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ca.key", "ca.pem", "localhost.key", "localhost.pem"], "nothing else is left behind");
    }

    #[test]
    fn a_certificate_near_its_end_is_made_again_by_the_same_authority() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let first = contents(&ensure(dir.path(), &[], now).unwrap());
        let unchanged = ensure(dir.path(), &[], now + LEAF_LIFE - 31 * DAY).unwrap();
        assert_eq!(unchanged.made, Made::Nothing);
        let renewed = ensure(dir.path(), &[], now + LEAF_LIFE - 29 * DAY).unwrap();
        assert_eq!(renewed.made, Made::Certificate);
        let second = contents(&renewed);
        assert_eq!(first[0], second[0], "the authority need not be trusted anew");
        assert_ne!(first[1], second[1]);
    }

    #[test]
    fn an_authority_near_its_end_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        ensure(dir.path(), &[], now).unwrap();
        assert_eq!(ensure(dir.path(), &[], now + AUTHORITY_LIFE - 29 * DAY).unwrap().made, Made::Authority);
    }

    #[test]
    fn damaged_files_are_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let paths = ensure(dir.path(), &[], now).unwrap();
        fs::copy(dir.path().join("ca.key"), &paths.key).unwrap();
        assert_eq!(ensure(dir.path(), &[], now).unwrap().made, Made::Certificate, "a key that does not fit");
        fs::write(&paths.certificate, "").unwrap();
        assert_eq!(ensure(dir.path(), &[], now).unwrap().made, Made::Certificate, "an empty certificate");
        fs::remove_file(&paths.authority).unwrap();
        assert_eq!(ensure(dir.path(), &[], now).unwrap().made, Made::Authority, "no authority");
    }

    #[test]
    fn names_below_localhost_are_in_the_certificate_and_a_new_one_makes_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let names = ["app.localhost", "example.com", "*.localhost"].map(str::to_owned);
        ensure(dir.path(), &[], now).unwrap();
        let paths = ensure(dir.path(), &names, now).unwrap();
        assert_eq!(paths.made, Made::Certificate);
        let leaf = Certificate::load(&paths.certificate, &paths.key, now).unwrap();
        assert_eq!(leaf.names(), ["localhost", "app.localhost", "127.0.0.1", "::1"]);
        assert_eq!(ensure(dir.path(), &names, now).unwrap().made, Made::Nothing);
        assert_eq!(ensure(dir.path(), &[], now).unwrap().made, Made::Nothing);
    }

    #[test]
    fn a_leaf_lives_no_longer_than_browsers_allow() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ensure(dir.path(), &[], SystemTime::now()).unwrap();
        let leaf = Certificate::load(&paths.certificate, &paths.key, SystemTime::now()).unwrap();
        assert!(leaf.valid_until().duration_since(leaf.valid_from()).unwrap() <= 397 * DAY);
    }

    #[test]
    fn starts_at_the_same_time_agree() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let made: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| ensure(dir.path(), &[], now).unwrap().made)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made != Made::Nothing).count(), 1, "{made:?}");
        assert!(Store { dir: dir.path(), names: vec!["localhost"] }.is_good(now));
    }

    #[test]
    fn where_nothing_can_be_written_valid_files_are_used_and_their_absence_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let certs = dir.path().join("certs");
        let paths = ensure(&certs, &[], now).unwrap();
        // A directory in the place of the temporary file cannot be removed as a file, not even by root.
        fs::create_dir(certs.join("localhost.key.new")).unwrap();
        let late = now + LEAF_LIFE - 29 * DAY;
        assert_eq!(ensure(&certs, &[], late).unwrap().made, Made::Nothing, "old, but still valid");
        fs::remove_file(&paths.certificate).unwrap();
        let error = ensure(&certs, &[], now).unwrap_err();
        assert!(error.to_string().contains("localhost.key: cannot write the development certificate"), "{error}");
    }

    /// OpenSSL is a second opinion; where it is not installed there is none.
    #[test]
    fn openssl_accepts_the_chain_for_localhost_and_nothing_else_from_the_authority() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let paths = ensure(dir.path(), &[], now).unwrap();
        let verify = |file: &Path, name: &[&str]| {
            let mut command = Command::new("openssl");
            command.arg("verify").args(["-x509_strict", "-purpose", "sslserver", "-CAfile"]).arg(&paths.authority);
            command.args(name).arg(file).output()
        };
        let Ok(output) = verify(&paths.certificate, &["-verify_hostname", "localhost"]) else { return };
        assert!(output.status.success(), "{output:?}");
        assert!(verify(&paths.certificate, &["-verify_ip", "127.0.0.1"]).unwrap().status.success());
        assert!(verify(&paths.certificate, &["-verify_ip", "::1"]).unwrap().status.success());

        let authority = Store { dir: dir.path(), names: vec!["localhost"] }.authority(now).unwrap();
        let forged = dir.path().join("forged.pem");
        fs::write(&forged, authority.issue(&["example.com"], now).unwrap().chain_pem).unwrap();
        let output = verify(&forged, &[]).unwrap();
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("permitted subtree violation"), "{output:?}");
    }
}
