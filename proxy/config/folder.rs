//! `root` with its options, as the operator wrote them: a folder of built files and how it is served.

use std::path::PathBuf;

use super::{PublicEnvironment, Spanned};

/// The folder of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// `root`.
    pub root: Spanned<PathBuf>,
    /// `index`: the file that stands for a folder.
    pub index: Vec<String>,
    /// `spa`: the file that answers navigations to paths that no file has; `true` is `index.html`.
    pub spa: Option<Spanned<String>>,
    /// `early_hints`: navigations get a 103 with the scripts and styles that the page begins with.
    pub early_hints: bool,
    /// `env`: settings of the environment, as a script.
    pub env: Option<PublicEnvironment>,
}
