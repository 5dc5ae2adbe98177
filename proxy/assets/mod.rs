//! A folder of built files, answered from memory.
//!
//! [`Assets::load`] reads a folder once: it hashes every file, pairs it with its `.br`, `.zst` and `.gz` siblings, decides its media
//! type and cache policy, and serialises its response fields. What is left for a request is one look-up ([`Assets::find`]) and
//! the choice between 200, 206, 304, 412 and 416 ([`reply`](fn@reply)).
//!
//! Nothing here opens a file while a request waits ([`Stored::opened`] is for who has more files on disk than may be open), knows a protocol, or writes
//! to the folder. The look-up is by the bytes of a path in a map that was filled from the folder, so no request can name a file outside it.
//!
//! Where to look next: `root` (where files are opened), `walk` (which files count), `reads` and `reader` (their bytes), `storage` (what is kept where), `load`
//! (files to assets), `order` (the paths that they answer), `policy` (how long they may be cached), `spa` (when the page of the application
//! answers), `reply` (which answer), `coded` (which coding), `siblings` and `background` (where coded forms come from), `precompress` (making
//! siblings); `tree`, `changes` and `kept` for when a new build comes.

mod asset;
mod background;
mod changes;
mod coded;
mod coder;
mod compressible;
mod content;
mod content_reader;
mod environment;
mod error_pages;
mod fingerprint;
mod hints;
mod kept;
mod listing;
mod load;
mod lookup;
mod media_type;
mod multipart;
mod nonce;
mod order;
mod page;
mod parallel;
mod policy;
mod precompress;
mod preconditions;
mod problem;
mod progress;
mod reader;
mod reads;
mod references;
mod reply;
mod root;
mod siblings;
mod spa;
mod spool;
mod storage;
mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod unchanged;
mod variant;
mod vault;
mod walk;

use std::path::Path;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, StatusCode};

pub use self::asset::Asset;
pub use self::changes::Changes;
pub use self::kept::Kept;
pub use self::multipart::{Part, PartData, Parts};
pub use self::nonce::NoncedPage;
pub use self::page::PageOptions;
pub use self::precompress::{Made, PlannedSibling, planned_siblings};
pub use self::problem::{LoadError, LoadProblem, Summary, Warning, WarningReason};
pub use self::reply::{Answer, Body, reply};
pub use self::spool::{SPOOL_BYTES_MAX, Spool};
pub use self::storage::{Delivery, Storage, Taken};
pub use self::stored::{Handle, Stored};
pub use self::tree::{Fingerprint, Tree};
pub use self::vault::{Vault, VaultAnswer, VaultFile};
pub use self::walk::FILES_MAX;

use self::background::Background;
use self::error_pages::ErrorPages;
use self::lookup::{Lookup, Place};
use self::spa::Spa;
use crate::config::{ErrorPage, PublicEnvironment, Selection};
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
    /// The files, relative to the root, that answer in the place of errors.
    pub errors: &'a [ErrorPage],
    /// Whether folders without an index file are answered with a list of what is in them.
    pub listing: bool,
    /// Merges the route's policy for response headers into the fields of a response. Called at load, never per request.
    pub decorate: &'a dyn Fn(Fields) -> Fields,
    /// Files with more bytes than this stay on disk.
    pub memory_file_bytes_max: u64,
    /// What all files together may take, and how they will be sent.
    pub storage: Storage,
    /// The time of the load: a file that claims to be newer has no `Last-Modified` (RFC 9110 §8.8.2.1).
    pub now: SystemTime,
    /// Further roots, which files count, under which paths they answer, and what is said of them.
    pub selection: &'a Selection,
    /// Where coded forms come from.
    pub coded: CodedSources,
    /// The build that is served meanwhile: of its files, those that are unchanged are taken over and not read.
    pub previous: Option<&'a Assets>,
}

/// Where the coded forms of files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodedSources {
    /// From their `.br`, `.zst` and `.gz` siblings. Without it these are files like any other.
    pub siblings: bool,
    /// From compressing the files that have none, in the background.
    pub compress: bool,
}

/// A loaded folder. It never changes, but for coded forms that become ready; a new build is a new one.
#[derive(Debug)]
pub struct Assets {
    lookup: Lookup,
    spa: Option<Spa>,
    background: Background,
    taken: Taken,
    error_pages: ErrorPages,
}

/// What a path names.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// A file, or the index file of a folder that was asked with its slash.
    Asset(&'a Asset),
    /// No file, but a navigation: the page of the application.
    Fallback(&'a Asset),
    /// No index file, but the list of what is in the folder, in the form that `Accept` asks for.
    Listing(&'a Asset),
    /// A folder with an index file or a list that was asked without its slash: redirect to the path with one.
    Directory,
    /// Nothing: 404, not to be stored.
    Missing,
}

impl Assets {
    /// Reads the folder `root`, and those of [`Selection::later_roots`], into memory. The [`Summary`] has what is worth a line in the log.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the root is no folder, when something in it cannot be read, when it has more files than
    /// [`FILES_MAX`], or when a file of [`Options::spa`] or [`Options::errors`] is not there.
    pub fn load(root: &Path, options: &Options<'_>) -> Result<(Self, Summary), LoadError> {
        load::load(root, options)
    }

    /// Begins the work that is left when the folder is served: verifying siblings, and compressing files that have none. It goes on in a
    /// thread of its own until the folder is dropped. What is made takes no more memory than `room_bytes`.
    ///
    /// # Errors
    ///
    /// When there is no thread to be had; then files without verified siblings are served as they are.
    pub fn begin_coding(&self, room_bytes: u64) -> std::io::Result<()> {
        self.background.begin(room_bytes)
    }

    /// Does at once, for the files that answer `path`, what [`begin_coding`](Self::begin_coding) would do later, and for error pages: for who only wants to know what an answer
    /// will be.
    pub fn code_now(&self, path: &[u8], head: &RequestHead) {
        if let Found::Asset(asset) | Found::Fallback(asset) | Found::Listing(asset) = self.find(path, head) {
            self.background.finish(asset);
        }
        for (asset, _) in self.error_pages.all() {
            self.background.finish(asset);
        }
    }

    /// Finds what `path` names. It must come from [`normalize`](crate::http::path::normalize) and be relative to the route:
    /// it begins with a slash, or is empty for the root without its slash. `head` decides whether the request is a navigation.
    pub fn find<'a>(&'a self, path: &[u8], head: &RequestHead) -> Found<'a> {
        match self.lookup.find(path) {
            Some(Place::File(asset)) => Found::Asset(asset),
            Some(Place::Listing(listing)) => Found::Listing(listing.select(head)),
            Some(Place::Folder) => Found::Directory,
            None => match &self.spa {
                Some(spa) if spa::is_navigation(path, head) => Found::Fallback(spa.page()),
                Some(_) | None => Found::Missing,
            },
        }
    }

    /// `true` when a file, or the index file of a folder, is at this path below the route.
    pub fn has_file(&self, path: &[u8]) -> bool {
        matches!(self.lookup.find(path), Some(Place::File(_)))
    }

    /// What it takes: contents, what is kept about them, and the forms that are made in the background (while they are made, what these may take at
    /// most).
    pub fn taken(&self) -> Taken {
        Taken { memory_bytes: self.taken.memory_bytes.saturating_add(self.background.taken_bytes()), ..self.taken }
    }

    /// The paths of the scripts and styles that the page of the application, or else the index file of the root, asks for at once.
    pub fn page_references(&self) -> Vec<String> {
        let page = match (&self.spa, self.lookup.find(b"/")) {
            (Some(spa), _) => spa.page(),
            (None, Some(Place::File(page))) => page,
            (None, Some(Place::Listing(_) | Place::Folder) | None) => return Vec::new(),
        };
        page.identity.content.in_memory().map_or_else(Vec::new, |html| references::of(&html))
    }

    /// Why a request for `path`, which no file has, does not get the page of the application; `None` when it does.
    pub fn no_fallback(&self, path: &[u8], head: &RequestHead) -> Option<&'static str> {
        match &self.spa {
            Some(_) => spa::obstacle(path, head),
            None => Some("the route has no `spa`"),
        }
    }

    /// The file that answers in the place of an error with this status, and its media type, whatever the route says of its files.
    pub fn error_page(&self, status: StatusCode) -> Option<(&Asset, &HeaderValue)> {
        self.error_pages.find(status)
    }
}
