//! `root` with its options, as the operator wrote them: a folder of built files and how it is served.

use std::path::PathBuf;

use super::{ErrorPage, Spanned};

/// The folder of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// `root`.
    pub root: Spanned<PathBuf>,
    /// `index`: the file that stands for a folder.
    pub index: Vec<String>,
    /// `spa`: the file that answers navigations to paths that no file has; `true` is `index.html`.
    pub spa: Option<Spanned<String>>,
    /// `errors`: the files that answer in the place of Transom's own error pages.
    pub errors: Vec<ErrorPage>,
    /// `listing`: a folder without an index file is answered with a list of what is in it.
    pub listing: bool,
}
