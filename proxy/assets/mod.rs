//! A folder of built files, answered from memory.
//!
//! [`Assets::load`] reads a folder once: it hashes every file, pairs it with its `.br` and `.gz` siblings, decides its media
//! type and cache policy, and serialises its response fields. What is left for a request is one look-up ([`Assets::find`]) and
//! the choice between 200, 206, 304, 412 and 416 ([`reply`](fn@reply)).
//!
//! Nothing here opens a file while a request waits, knows a protocol, or writes to the folder. The look-up is by the bytes of
//! a path in a map that was filled from the folder, so no request can name a file outside it.
//!
//! Where to look next: `walk` (which files count), `load` (files to assets), `policy` (how long they may be cached), `spa`
//! (when the page of the application answers), `reply` (which answer).

mod asset;
mod content;
mod environment;
mod fingerprint;
mod hints;
mod load;
mod lookup;
mod media_type;
mod nonce;
mod page;
mod policy;
mod problem;
mod reply;
mod spa;
#[cfg(test)]
mod tests;
mod variant;
mod walk;

use std::path::Path;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue};

pub use self::asset::Asset;
pub use self::nonce::NoncedPage;
pub use self::page::PageOptions;
pub use self::problem::{LoadError, LoadProblem, Summary, Warning, WarningReason};
pub use self::reply::{Answer, Body, reply};
pub use self::walk::FILES_MAX;

use self::lookup::{Lookup, Place};
use self::spa::Spa;
use crate::config::PublicEnvironment;
use crate::http::request::RequestHead;

/// The fields of a response, in the order in which they are sent.
pub type Fields = Vec<(HeaderName, HeaderValue)>;

/// How a folder is served.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The names of the file that stands for its folder; the first that exists is taken.
    pub index: &'a [String],
    /// The file, relative to the root, that answers navigations to paths that no file has.
    pub spa: Option<&'a str>,
    /// Variables that a script of the folder has.
    pub environment: Option<&'a PublicEnvironment>,
    /// What is made of pages.
    pub pages: PageOptions,
    /// Merges the route's policy for response headers into the fields of a response. Called at load, never per request.
    pub decorate: &'a dyn Fn(Fields) -> Fields,
    /// Files with more bytes than this stay on disk and are kept open.
    pub memory_file_bytes_max: u64,
    /// The time of the load: a file that claims to be newer has no `Last-Modified` (RFC 9110 §8.8.2.1).
    pub now: SystemTime,
}

/// A loaded folder. It never changes; a new build is a new one.
#[derive(Debug)]
pub struct Assets {
    lookup: Lookup,
    spa: Option<Spa>,
}

/// What a path names.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// A file, or the index file of a folder that was asked with its slash.
    Asset(&'a Asset),
    /// No file, but a navigation: the page of the application.
    Fallback(&'a Asset),
    /// A folder with an index file that was asked without its slash: redirect to the path with one.
    Directory,
    /// Nothing: 404, not to be stored.
    Missing,
}

impl Assets {
    /// Reads the folder `root` into memory. The [`Summary`] has what is worth a line in the log.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the root is no folder, when something in it cannot be read, when it has more files than
    /// [`FILES_MAX`] or when the file of [`Options::spa`] is not there.
    pub fn load(root: &Path, options: &Options<'_>) -> Result<(Self, Summary), LoadError> {
        load::load(root, options)
    }

    /// Finds what `path` names. It must come from [`normalize`](crate::http::path::normalize) and be relative to the route:
    /// it begins with a slash, or is empty for the root without its slash. `head` decides whether the request is a navigation.
    pub fn find<'a>(&'a self, path: &[u8], head: &RequestHead) -> Found<'a> {
        match self.lookup.find(path) {
            Some(Place::File(asset)) => Found::Asset(asset),
            Some(Place::Folder) => Found::Directory,
            None => match &self.spa {
                Some(spa) if spa::is_navigation(path, head) => Found::Fallback(spa.page()),
                Some(_) | None => Found::Missing,
            },
        }
    }
}
