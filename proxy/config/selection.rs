//! Which files of a root are served, under which paths, and what is said of them: the options of `root` beside `index` and `spa`.

use std::path::PathBuf;

use http::HeaderValue;

use super::{FilePattern, Spanned, defaults};

/// The options.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// `root`, from its second folder on: a path that the folders before do not have is looked for there.
    pub later_roots: Vec<Spanned<PathBuf>>,
    /// `try`: what a path is taken for, in this order; the first that is there answers.
    pub order: Vec<Attempt>,
    /// `hidden`: what becomes of names that begin with a dot.
    pub hidden: Hidden,
    /// `symlinks`.
    pub symlinks: Symlinks,
    /// `mime`: these endings before all others.
    pub mime: Vec<MimeRule>,
    /// `immutable`: the files whose content never changes; `None`: those with a hash in their name.
    pub immutable: Option<Vec<FilePattern>>,
    /// `html_cache`: the `Cache-Control` of pages.
    pub html_cache: HeaderValue,
}

/// What a path is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// `{path}`: a file of this name.
    File,
    /// `{path}.html`: a file of this name with this ending, which begins with a dot.
    Ending(String),
    /// `{path}/`: a folder with an index file. Asked without its slash it is a redirect to the path with one.
    Folder,
}

/// What becomes of names that begin with a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// They are not there, but for `/.well-known` (RFC 8615).
    Missing,
    /// They are served, but for names that begin with two dots, which are Kubernetes' own.
    Served,
}

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// Those that end inside of the root.
    Inside,
    /// All, wherever they end.
    Follow,
    /// None.
    Deny,
}

/// The media type of an ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MimeRule {
    /// With its dot, in lower case.
    pub ending: String,
    /// The media type, perhaps with parameters: a valid value of a header.
    pub media_type: String,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            later_roots: Vec::new(),
            order: defaults::TRY.to_vec(),
            hidden: defaults::HIDDEN,
            symlinks: defaults::SYMLINKS,
            mime: Vec::new(),
            immutable: None,
            html_cache: HeaderValue::from_static(defaults::HTML_CACHE),
        }
    }
}
