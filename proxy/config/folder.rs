//! `root` with its options, as the operator wrote them: a folder of built files and how it is served.

use std::path::PathBuf;

use super::{Selection, Spanned};

/// The folder of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// `root`, or the first of its folders.
    pub root: Spanned<PathBuf>,
    /// `index`: the file that stands for a folder.
    pub index: Vec<String>,
    /// `spa`: the file that answers navigations to paths that no file has; `true` is `index.html`.
    pub spa: Option<Spanned<String>>,
    /// Which files, under which paths, and what is said of them.
    pub selection: Selection,
}
