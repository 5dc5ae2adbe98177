//! Which files of a folder count.
//!
//! Hidden names do not, except below `/.well-known`, unless `hidden` says so. Symbolic links do as `symlinks` says: when what
//! they lead to lies inside the root, which is how Kubernetes mounts a ConfigMap and how releases are switched, or all, or
//! none. Nothing is opened here but folders.

#![allow(clippy::indexing_slicing, reason = "indexes are handed out by the vector that they index, which never shrinks")]

use std::fs::{self, DirEntry, File, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{LoadError, LoadProblem, Warning, WarningReason};
use super::root::Root;
use super::unchanged::Stamp;
use crate::config::{Hidden, Symlinks};

/// The most files and folders that a root may have; more is a mistake in the config (`root = "/"`), better named than carried out.
pub const FILES_MAX: usize = 200_000;

/// What `mkfs` puts at the top of a volume; only root may read it.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// A file that counts.
#[derive(Debug)]
pub(super) struct WalkedFile {
    /// Its path in the root, beginning with a slash; the bytes are those of the names.
    pub(super) key: Vec<u8>,
    /// Where it is: when it was found, no part of this path was a symbolic link.
    pub(super) path: PathBuf,
    root: Arc<Root>,
}

impl WalkedFile {
    /// Opens what is there now, which need not be a file any more; see [`Root::open_file`].
    pub(super) fn open(&self) -> io::Result<File> {
        self.root.open_file(&self.path)
    }

    /// What it looks like from outside; `None` when it is gone.
    pub(super) fn look(&self) -> Option<Stamp> {
        self.path.symlink_metadata().ok().map(|metadata| Stamp::of(&metadata))
    }

    /// A file of the folder that it lies in, for tests that have no walk.
    #[cfg(test)]
    pub(super) fn at(path: &Path) -> Self {
        let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap());
        let root = Root::open(folder, Symlinks::Inside).unwrap();
        Self { key: [b"/", name.as_bytes()].concat(), path: root.path().join(name), root: Arc::new(root) }
    }
}

/// The files of `root`, sorted by key.
pub(super) fn walk(root: &Arc<Root>, hidden: Hidden, warnings: &mut Vec<Warning>) -> Result<Vec<WalkedFile>, LoadError> {
    let mut walk = Walk { root, hidden, folders: Vec::new(), files: Vec::new(), warnings };
    walk.folders.push(Folder { key: Vec::new(), path: root.path().to_owned(), parent: None });
    let mut next = 0;
    while next < walk.folders.len() {
        walk.folder(next)?;
        next += 1;
    }
    let mut files = walk.files;
    files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(files)
}

/// A folder that was reached, perhaps by a link.
struct Folder {
    key: Vec<u8>,
    path: PathBuf,
    parent: Option<usize>,
}

struct Walk<'a> {
    root: &'a Arc<Root>,
    hidden: Hidden,
    folders: Vec<Folder>,
    files: Vec<WalkedFile>,
    warnings: &'a mut Vec<Warning>,
}

impl Walk<'_> {
    fn folder(&mut self, index: usize) -> Result<(), LoadError> {
        let (key, path) = (self.folders[index].key.clone(), self.folders[index].path.clone());
        let entries = fs::read_dir(&path).map_err(|error| LoadError::unreadable(&path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| LoadError::unreadable(&path, error))?;
            self.entry(index, &key, &entry)?;
        }
        Ok(())
    }

    fn entry(&mut self, folder: usize, folder_key: &[u8], entry: &DirEntry) -> Result<(), LoadError> {
        let name = entry.file_name();
        let name = name.as_bytes();
        if is_left_out(folder_key, name, self.hidden) {
            return Ok(());
        }
        let key = [folder_key, b"/", name].concat();
        let path = entry.path();
        if name.iter().any(u8::is_ascii_control) {
            self.warn(path, WarningReason::UnaskableName);
            return Ok(());
        }
        let kind = entry.file_type().map_err(|error| LoadError::unreadable(&path, error))?;
        if kind.is_symlink() { self.link(folder, key, path) } else { self.take(folder, key, path, kind) }
    }

    fn take(&mut self, folder: usize, key: Vec<u8>, path: PathBuf, kind: FileType) -> Result<(), LoadError> {
        if kind.is_dir() {
            self.folders.push(Folder { key, path, parent: Some(folder) });
        } else if kind.is_file() {
            self.files.push(WalkedFile { key, path, root: Arc::clone(self.root) });
        } else {
            self.warn(path, WarningReason::NotAFile);
        }
        // Folders count too: they cost memory while walking.
        if self.files.len() + self.folders.len() > FILES_MAX {
            return Err(LoadError { path: self.root.path().to_owned(), problem: LoadProblem::TooManyFiles });
        }
        Ok(())
    }

    /// Follows a link to its end, and takes that end if it may lie there.
    fn link(&mut self, folder: usize, key: Vec<u8>, path: PathBuf) -> Result<(), LoadError> {
        if self.root.symlinks() == Symlinks::Deny {
            self.warn(path, WarningReason::LinkDenied);
            return Ok(());
        }
        let target = match path.canonicalize() {
            Ok(target) => target,
            // Permission is denied only on the way out of the root or to something that could not be served either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                self.warn(path, WarningReason::LinkBroken);
                return Ok(());
            }
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                self.warn(path, WarningReason::LinkLoops);
                return Ok(());
            }
            Err(error) => return Err(LoadError::unreadable(path, error)),
        };
        if self.root.symlinks() == Symlinks::Inside && !target.starts_with(self.root.path()) {
            self.warn(path, WarningReason::LinkLeavesRoot);
            return Ok(());
        }
        if self.is_on_the_way(folder, &target) {
            self.warn(path, WarningReason::LinkLoops);
            return Ok(());
        }
        let kind = fs::symlink_metadata(&target).map_err(|error| LoadError::unreadable(&path, error))?.file_type();
        self.take(folder, key, target, kind)
    }

    /// `true` when the walk went through the folder `target` to come to `folder`: to go there again would never end.
    fn is_on_the_way(&self, folder: usize, target: &Path) -> bool {
        let mut at = Some(folder);
        while let Some(index) = at {
            if self.folders[index].path == target {
                return true;
            }
            at = self.folders[index].parent;
        }
        false
    }

    fn warn(&mut self, path: PathBuf, reason: WarningReason) {
        self.warnings.push(Warning { path, reason });
    }
}

fn is_left_out(folder_key: &[u8], name: &[u8], hidden: Hidden) -> bool {
    let at_top = folder_key.is_empty();
    let is_hidden = match hidden {
        Hidden::Missing => name.starts_with(b".") && !(at_top && name == b".well-known"),
        // `..data` and `..2024_01_01`, where Kubernetes has once more what it links to.
        Hidden::Served => name.starts_with(b".."),
    };
    is_hidden || (at_top && name == LOST_AND_FOUND)
}
