//! `root` with its options, as the operator wrote them: a folder of built files and how it is served.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ErrorPage, PublicEnvironment, Selection, Spanned};

/// The folder of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// `root`, or the first of its folders.
    pub root: Spanned<PathBuf>,
    /// `index`: the file that stands for a folder.
    pub index: Vec<String>,
    /// `spa`: the file that answers navigations to paths that no file has; `true` is `index.html`.
    pub spa: Option<Spanned<String>>,
    /// `watch`: whether a new build is noticed and swapped in.
    pub watch: bool,
    /// `keep_previous`: how long the hashed files of earlier builds are still answered; zero for not at all.
    pub keep_previous: Duration,
    /// Which files, under which paths, and what is said of them.
    pub selection: Selection,
    /// `early_hints`: navigations get a 103 with the scripts and styles that the page begins with.
    pub early_hints: bool,
    /// `env`: settings of the environment, as a script.
    pub env: Option<PublicEnvironment>,
    /// `errors`: the files that answer in the place of Transom's own error pages.
    pub errors: Vec<ErrorPage>,
    /// `listing`: a folder without an index file is answered with a list of what is in it.
    pub listing: bool,
}

impl Folder {
    /// Its folders, in the order in which they are asked.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.root).chain(&self.selection.later_roots).map(|root| root.value.as_path())
    }
}
