//! Files that no client can ask for: an upstream, which knows who may have them, names them in its answers (`accel`).
//!
//! They are opened when they are named, not loaded before: they come and go. What is named is looked up below the one folder and through no link,
//! so that no name leads out of it; only plain files count.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use super::media_type::{MediaType, TextEncoding};
use super::multipart;
use super::preconditions;
use super::problem::LoadError;
use super::reply::Body;
use super::root::Root;
use super::stored::{Identity, Stored};
use crate::config::{Accel, Symlinks};
use crate::http::conditional::{Outcome, Strength, Validators};
use crate::http::range::{self, Selection};
use crate::http::request::{Known, Method, RequestHead};
use crate::http::{date, path};

/// A date tells two contents apart when the file has been left alone for longer than a second (RFC 9110 §8.8.2.2); two, for clocks are rough.
const DATE_IS_STRONG_AFTER_SECONDS: u64 = 2;

/// The folder of `accel`.
#[derive(Debug)]
pub struct Vault {
    root: Root,
    /// The folder as the config names it: so does the application.
    named: PathBuf,
    prefix: String,
}

/// A file of it, open.
#[derive(Debug)]
pub struct VaultFile {
    stored: Arc<Stored>,
    length: u64,
    etag: String,
    /// Seconds since the epoch; `None` for a time that says nothing.
    modified: Option<u64>,
    strength: Strength,
    /// By its name.
    pub media_type: HeaderValue,
}

/// What a request for a file gets.
#[derive(Debug)]
pub struct VaultAnswer {
    /// 200, 206, 304, 412 or 416.
    pub status: http::StatusCode,
    /// `ETag`, `Last-Modified`, `Accept-Ranges` and `Content-Range`, as far as there is something to say.
    pub fields: Vec<(&'static str, String)>,
    /// Bytes of content; `None` when there can be none.
    pub length: Option<u64>,
    /// The content.
    pub body: Body,
}

impl Vault {
    /// Opens the folder.
    ///
    /// # Errors
    /// It is not there, is no folder, or cannot be read.
    pub fn open(accel: &Accel) -> Result<Self, LoadError> {
        let root = Root::open(&accel.root.value, Symlinks::Inside)?;
        Ok(Self { root, named: accel.root.value.clone(), prefix: accel.prefix.clone() })
    }

    /// What `X-Accel-Redirect` names: a path as in a URL, escaped, perhaps with a query that means nothing here. `None` when it is not below the prefix.
    pub fn by_url(&self, value: &[u8]) -> Option<PathBuf> {
        // With a slash at its end it is a folder's, which paths of the file system do not tell.
        let raw = value.split(|&byte| byte == b'?').next().filter(|raw| !raw.ends_with(b"/"))?;
        let normal = path::normalize(raw).ok()?;
        self.below(Path::new(OsStr::from_bytes(normal.strip_prefix(self.prefix.as_bytes())?)))
    }

    /// What `X-Sendfile` names: a path of the file system. `None` when it does not begin with the folder, as the config or as the system calls it.
    pub fn by_path(&self, value: &[u8]) -> Option<PathBuf> {
        let path = Path::new(OsStr::from_bytes(value));
        self.below(path.strip_prefix(&self.named).or_else(|_| path.strip_prefix(self.root.path())).ok()?)
    }

    /// A path that names something below, whatever is there.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_))) && path.components().next().is_some();
        is_plain.then(|| self.root.path().join(path))
    }

    /// Opens a file that was named. It may wait for a disk.
    ///
    /// # Errors
    /// It is not there, is no plain file, is reached by a link, or cannot be read.
    pub fn file(&self, path: &Path, now: SystemTime) -> io::Result<VaultFile> {
        let file = self.root.open_file(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is no plain file"));
        }
        let length = metadata.len();
        let since_epoch = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let age = now.duration_since(UNIX_EPOCH).unwrap_or_default().checked_sub(since_epoch);
        Ok(VaultFile {
            etag: format!("\"{:x}-{length:x}\"", since_epoch.as_nanos()),
            // The epoch is what build tools write who want no time; a time to come is none yet (RFC 9110 §8.8.2.1).
            modified: age.map(|_| since_epoch.as_secs()).filter(|&seconds| seconds > 0),
            strength: if age.is_some_and(|age| age.as_secs() > DATE_IS_STRONG_AFTER_SECONDS) { Strength::Strong } else { Strength::Weak },
            media_type: MediaType::of(path.as_os_str().as_bytes()).header_value(TextEncoding::Other),
            stored: Arc::new(Stored::open(file, Identity::of(&metadata), length)),
            length,
        })
    }
}

impl VaultFile {
    /// Answers a request. Conditions and ranges are a GET's and a HEAD's; whatever else was asked gets the whole file.
    pub fn answer(&self, request: &RequestHead) -> VaultAnswer {
        let is_read = matches!(request.method(), Method::Get | Method::Head);
        let outcome = if is_read { self.outcome(request) } else { Outcome::ProceedWhole };
        let status = |code| http::StatusCode::from_u16(code).unwrap_or_default();
        let mut fields = vec![("etag", self.etag.clone())];
        if let Some(modified) = self.modified {
            fields.push(("last-modified", String::from_utf8_lossy(&date::format(modified)).into_owned()));
        }
        let selection = match (outcome, request.method()) {
            (Outcome::NotModified, _) => return VaultAnswer { status: status(304), fields, length: None, body: Body::Empty },
            (Outcome::Failed, _) => return VaultAnswer { status: status(412), fields, length: Some(0), body: Body::Empty },
            (Outcome::Proceed, Method::Get) => {
                request.joined(Known::Range).map_or(Selection::Whole, |value| range::select(&value, self.length))
            }
            (Outcome::Proceed | Outcome::ProceedWhole, _) => Selection::Whole,
        };
        fields.push(("accept-ranges", "bytes".to_owned()));
        match selection {
            Selection::Part(part) => {
                fields.push(("content-range", multipart::content_range(part, self.length)));
                VaultAnswer { status: status(206), fields, length: Some(part.length()), body: self.body(part.first, part.length()) }
            }
            Selection::Unsatisfiable => {
                fields.push(("content-range", format!("bytes */{}", self.length)));
                VaultAnswer { status: status(416), fields, length: Some(0), body: Body::Empty }
            }
            // Several parts may be answered with the whole (RFC 9110 §14.2).
            Selection::Whole | Selection::Parts(_) => {
                let body = if request.method() == Method::Head { Body::Empty } else { self.body(0, self.length) };
                VaultAnswer { status: status(200), fields, length: Some(self.length), body }
            }
        }
    }

    fn body(&self, offset: u64, length: u64) -> Body {
        if length == 0 { Body::Empty } else { Body::Stored { file: Arc::clone(&self.stored), offset, length } }
    }

    fn outcome(&self, request: &RequestHead) -> Outcome {
        preconditions::outcome(
            request,
            &Validators { etag: self.etag.as_bytes(), last_modified: self.modified, date_strength: self.strength },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{Span, Spanned};
    use crate::http::request::Version;

    fn vault() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("files");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("a/report one.pdf"), "0123456789").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        symlink("../secret", root.join("link")).unwrap();
        let accel = Accel { prefix: "/protected/".into(), root: Spanned::new(root, Span::default()) };
        let vault = Vault::open(&accel).unwrap();
        (folder, vault)
    }

    fn opened(vault: &Vault, path: Option<PathBuf>) -> bool {
        path.is_some_and(|path| vault.file(&path, SystemTime::now()).is_ok())
    }

    #[test]
    fn only_plain_files_below_the_folder_are_given_out() {
        let (folder, vault) = vault();
        for value in ["/protected/a/report%20one.pdf", "/protected/a/report one.pdf?x", "/protected//a/./b/../report%20one.pdf"] {
            assert!(opened(&vault, vault.by_url(value.as_bytes())), "{value}");
        }
        for value in [
            "/protected/../secret",
            "/protected/%2e%2e/secret",
            "/protected/..%2Fsecret",
            "/protected/link",
            "/protected/a",
            "/protected/",
            "/protected",
            "/protectedx/a",
            "/protected/a/report%20one.pdf/",
            "/protected/a/missing",
            "/protected/%00",
            "//etc/passwd",
            "/etc/passwd",
            "",
        ] {
            assert!(!opened(&vault, vault.by_url(value.as_bytes())), "{value}");
        }
        let root = folder.path().join("files").display().to_string();
        assert!(opened(&vault, vault.by_path(format!("{root}/a/report one.pdf").as_bytes())));
        for value in
            [format!("{root}/../secret"), format!("{root}/link"), root.clone(), format!("{root}x/a"), "/etc/passwd".into(), "a".into()]
        {
            assert!(!opened(&vault, vault.by_path(value.as_bytes())), "{value}");
        }
    }

    #[test]
    fn conditions_and_ranges_are_honoured() {
        let (_folder, vault) = vault();
        let file = vault.file(&vault.by_url(b"/protected/a/report%20one.pdf").unwrap(), SystemTime::now()).unwrap();
        assert_eq!(file.media_type, "application/pdf");
        let answer = |method: &str, field: (&str, &str)| {
            let mut request = RequestHead::default();
            request.start(Version::Http11, method.as_bytes(), b"/");
            request.push(field.0.as_bytes(), field.1.as_bytes());
            let answer = file.answer(&request);
            (answer.status.as_u16(), answer.length)
        };
        let etag = file.etag.as_str();
        for (method, field, expected) in [
            ("GET", ("x", ""), (200, Some(10))),
            ("HEAD", ("Range", "bytes=0-1"), (200, Some(10))),
            ("POST", ("Range", "bytes=0-1"), (200, Some(10))),
            ("GET", ("Range", "bytes=2-4"), (206, Some(3))),
            ("GET", ("Range", "bytes=10-"), (416, Some(0))),
            ("GET", ("If-None-Match", etag), (304, None)),
            ("GET", ("If-Match", "\"x\""), (412, Some(0))),
        ] {
            assert_eq!(answer(method, field), expected, "{method} {field:?}");
        }
    }
}
