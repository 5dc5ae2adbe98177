//! Why the program cannot start or go on, and the status that it exits with.

use std::fmt;
use std::io::{self, IsTerminal};

use crate::assets::LoadError;
use crate::config::{Diagnostics, Source};

/// A reason to end.
#[derive(Debug)]
pub enum Fatal {
    /// The config is wrong: the rendered diagnostics.
    Config(String),
    /// The config cannot be read.
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The system does not give what is needed.
    System {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// A folder that was named on the command line cannot be read.
    Folder(LoadError),
    /// Some of what was to be done was not; what, has been told.
    Incomplete {
        /// How many files.
        failed: usize,
    },
    /// A worker thread ended.
    WorkerFailed,
}

impl Fatal {
    /// The exit status (sysexits.h): 78 for a config that is wrong or missing, 1 for the rest.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Unreadable { .. } => 78,
            Self::System { .. } | Self::Folder(_) | Self::Incomplete { .. } | Self::WorkerFailed => 1,
        }
    }

    /// Renders diagnostics, in colour on a terminal.
    pub(super) fn diagnostics(diagnostics: &Diagnostics, source: &Source) -> Self {
        Self::Config(if io::stderr().is_terminal() { diagnostics.render_styled(source) } else { diagnostics.render(source) })
    }

    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(rendered) => f.write_str(rendered.trim_end()),
            Self::Unreadable { path, error } if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "error: there is no {path}\nhelp: write one, or name another with `-c FILE`")
            }
            Self::Unreadable { path, error } => write!(f, "error: cannot read {path}: {error}"),
            Self::System { what, error } => write!(f, "error: cannot {what}: {error}"),
            Self::Folder(error) => write!(f, "error: {error}\nhelp: name the folder of the built site"),
            Self::Incomplete { failed: 1 } => f.write_str("error: 1 file could not be written; see above"),
            Self::Incomplete { failed } => write!(f, "error: {failed} files could not be written; see above"),
            Self::WorkerFailed => f.write_str("error: a worker ended; see the log above"),
        }
    }
}

impl std::error::Error for Fatal {}
