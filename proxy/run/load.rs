//! A config file to a plan.

use std::path::Path;

use super::fatal::Fatal;
use crate::config::{self, Diagnostics, Environment, Source};
use crate::plan::{self, Plan};

/// A config that was read and compiled.
#[derive(Debug)]
pub struct Loaded {
    /// The file, for diagnostics that come later.
    pub source: Source,
    /// What it says.
    pub plan: Plan,
}

/// Reads and compiles a file, and makes its folder the working directory: a relative path in it means the same wherever it is started from.
///
/// # Errors
/// The file cannot be read, or is wrong.
pub fn load(path: &Path, environment: &Environment) -> Result<Loaded, Fatal> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Fatal::Unreadable { path: name.clone(), error })?;
    let source = Source { name, text };
    let wrong = |diagnostics: Diagnostics| Fatal::diagnostics(&diagnostics, &source);
    let config = config::read(&source, environment).map_err(wrong)?;
    let plan = plan::compile(config).map_err(wrong)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::env::set_current_dir(folder).map_err(|error| Fatal::Unreadable { path: folder.display().to_string(), error })?;
    }
    Ok(Loaded { source, plan })
}
