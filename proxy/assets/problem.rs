//! What can go wrong while a folder is loaded: errors that end the load, and warnings that do not.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::walk::FILES_MAX;
use crate::config::Span;

/// What a load took in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that are served, coded siblings included.
    pub files: usize,
    /// Files of the first root, coded siblings not counted: without any there is no build.
    pub first_root_files: usize,
    /// Bytes of their contents in memory, identical contents counted once.
    pub memory_bytes: u64,
    /// Bytes of memory that are taken beside the contents: paths and response fields.
    pub bookkeeping_bytes: u64,
    /// Files that were read; the others are unchanged since the build before.
    pub read_files: usize,
    /// Bytes of the files that stay on disk.
    pub disk_bytes: u64,
    /// What was left out, in the order of the paths.
    pub warnings: Vec<Warning>,
}

/// Something in the folder that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub path: PathBuf,
    /// Why.
    pub reason: WarningReason,
}

/// Why something is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarningReason {
    /// A symbolic link to something that is not in the root.
    LinkLeavesRoot,
    /// A symbolic link where none is followed.
    LinkDenied,
    /// A folder of `root` behind the first that is not there.
    RootAbsent,
    /// A symbolic link to nothing, or to what may not be looked at.
    LinkBroken,
    /// A symbolic link to a folder that it lies in.
    LinkLoops,
    /// A device, a FIFO or a socket.
    NotAFile,
    /// A control character in the name: no request can ask for it.
    UnaskableName,
    /// It has the name of the script that is made of the environment.
    Environment,
    /// A page that is too large to be kept in memory, where nonces are put into pages.
    PageWithoutNonce,
    /// Files that have no room in memory; it is about the root.
    MemoryFull {
        /// How many.
        files: usize,
        /// Their bytes.
        bytes: u64,
        /// The largest of them.
        largest: PathBuf,
    },
    /// A coded sibling without a byte.
    CodedEmpty,
    /// A coded sibling that cannot be read.
    CodedUnreadable(String),
    /// A `.gz` sibling that is not in the gzip format.
    CodedNotGzip,
    /// A `.zst` sibling that is not in the Zstandard format.
    CodedNotZstd,
    /// A `.zst` sibling whose reader needs more memory than browsers give (RFC 9659).
    CodedWindowTooLarge {
        /// What it needs, in bytes.
        window: u64,
    },
    /// A `.br` sibling with a "large window", which is an extension of RFC 7932 that browsers do not have.
    CodedLargeWindow,
    /// A sibling that was made from other bytes than the file has now, as its length says.
    CodedLengthDiffers {
        /// The length of the original, as the sibling says (modulo 2³² in gzip: RFC 1952 §2.3.1, ISIZE).
        says: u64,
        /// The length of the file.
        file: u64,
    },
    /// A sibling that was made from other bytes than the file has now, as decoding it shows.
    CodedStale,
    /// A sibling that cannot be decoded.
    CodedUndecodable(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.reason == WarningReason::PageWithoutNonce {
            return write!(out, "{path} stays on disk, so a `{{nonce}}` in it is not replaced; make it smaller");
        }
        if let WarningReason::MemoryFull { files, bytes, largest } = &self.reason {
            return write!(
                out,
                "`limits.assets_memory` has no room for all of {path}: {files} files with {bytes} bytes are served from disk, the largest is {}",
                largest.display()
            );
        }
        write!(out, "{path} is not served: ")?;
        match &self.reason {
            WarningReason::LinkLeavesRoot => out.write_str("a symbolic link that leaves the root"),
            WarningReason::LinkDenied => out.write_str("a symbolic link, and `symlinks` is \"deny\""),
            WarningReason::RootAbsent => {
                out.write_str("the folder is not there; the files of a build before are missed at the first deploy only")
            }
            WarningReason::LinkBroken => out.write_str("a symbolic link to nothing that can be reached"),
            WarningReason::LinkLoops => out.write_str("a symbolic link to a folder that it lies in"),
            WarningReason::NotAFile => out.write_str("neither a file nor a folder"),
            WarningReason::UnaskableName => out.write_str("its name has a control character, which no request may have"),
            WarningReason::Environment => out.write_str("`env` of the route makes the script of this name"),
            WarningReason::PageWithoutNonce | WarningReason::MemoryFull { .. } => Ok(()),
            WarningReason::CodedEmpty => out.write_str("empty, so it cannot be a coded form of its base file"),
            WarningReason::CodedUnreadable(error) => write!(out, "cannot be read ({error}); its base file is served without it"),
            WarningReason::CodedNotGzip => out.write_str("not gzip; its base file is served without it"),
            WarningReason::CodedNotZstd => out.write_str("not Zstandard; its base file is served without it"),
            WarningReason::CodedWindowTooLarge { window } => {
                write!(
                    out,
                    "its window of {} MiB is larger than the 8 MiB that browsers take; compress it with `zstd -19` or less",
                    window >> 20
                )
            }
            WarningReason::CodedLargeWindow => out.write_str("Brotli with a large window, which browsers do not read; compress it without"),
            WarningReason::CodedLengthDiffers { says, file } => {
                write!(out, "made from {says} bytes where its base file has {file}; compress the file again")
            }
            WarningReason::CodedStale => {
                out.write_str("made from other bytes than its base file has now; compress the file again (`transom compress`)")
            }
            WarningReason::CodedUndecodable(error) => write!(out, "cannot be decoded ({error}); compress the file again"),
        }
    }
}

/// Why a folder cannot be served.
#[derive(Debug)]
pub struct LoadError {
    /// The path at which the load ended.
    pub path: PathBuf,
    /// What went wrong there.
    pub problem: LoadProblem,
}

/// What went wrong.
#[derive(Debug)]
pub enum LoadProblem {
    /// The root, or something in it, cannot be read.
    Unreadable(io::Error),
    /// The root is not a folder.
    NotAFolder,
    /// More files and folders than [`FILES_MAX`].
    TooManyFiles,
    /// The page of the application is not in the folder.
    NoSpaFile,
    /// An error page is not in the folder; where that was named.
    NoErrorPage(Span),
}

impl LoadError {
    /// Where the config names what is missing, when that is not the root itself.
    pub fn span(&self) -> Option<Span> {
        match self.problem {
            LoadProblem::NoErrorPage(span) => Some(span),
            LoadProblem::Unreadable(_) | LoadProblem::NotAFolder | LoadProblem::TooManyFiles | LoadProblem::NoSpaFile => None,
        }
    }

    pub(super) fn unreadable(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self { path: path.into(), problem: LoadProblem::Unreadable(error) }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            LoadProblem::Unreadable(error) => write!(out, "cannot read {path}: {error}"),
            LoadProblem::NotAFolder => write!(out, "{path} is not a folder"),
            LoadProblem::TooManyFiles => {
                write!(out, "{path} has more than {FILES_MAX} files and folders; is it the folder of a built site?")
            }
            LoadProblem::NoSpaFile => write!(out, "{path}, which is to answer navigations, is not there"),
            LoadProblem::NoErrorPage(_) => write!(out, "{path}, which is to answer errors, is not there"),
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            LoadProblem::Unreadable(error) => Some(error),
            LoadProblem::NotAFolder | LoadProblem::TooManyFiles | LoadProblem::NoSpaFile | LoadProblem::NoErrorPage(_) => None,
        }
    }
}
