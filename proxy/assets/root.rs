//! One folder of `root`: opened once, and where its files are opened from.
//!
//! A path that the walk found may be another thing when it is opened: in between somebody can put a symbolic link in the place
//! of a folder. So unless links are followed wherever they end, a file is opened from the open folder down, through nothing
//! that is a link: by `openat2` where the kernel has it, else part by part. Which links count is for `walk` to say.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::problem::{LoadError, LoadProblem, Warning, WarningReason};
use crate::config::{Selection, Symlinks};

/// A file is opened without waiting for the other end of a FIFO, and without following a link that took its place.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A folder on the way to it.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A folder that files are served from.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    folder: OwnedFd,
    symlinks: Symlinks,
}

impl Root {
    /// Opens the folder at `path`, which may be reached by links: it is the operator who names it.
    pub(super) fn open(path: &Path, symlinks: Symlinks) -> Result<Self, LoadError> {
        let path = path.canonicalize().map_err(|error| LoadError::unreadable(path, error))?;
        if !path.is_dir() {
            return Err(LoadError { path, problem: LoadProblem::NotAFolder });
        }
        match rustix::fs::openat(CWD, &path, FOLDER, Mode::empty()) {
            Ok(folder) => Ok(Self { path, folder, symlinks }),
            Err(error) => Err(LoadError::unreadable(path, error.into())),
        }
    }

    /// Its canonical path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which links are followed in it.
    pub(super) fn symlinks(&self) -> Symlinks {
        self.symlinks
    }

    /// Opens what is at `path`, in which the walk found no link. It may be something else than a file by now: look again.
    pub(super) fn open_file(&self, path: &Path) -> io::Result<File> {
        if self.symlinks == Symlinks::Follow {
            return Ok(File::from(rustix::fs::openat(CWD, path, FILE, Mode::empty())?));
        }
        let below = path.strip_prefix(&self.path).map_err(|_| io::Error::from(Errno::XDEV))?;
        let opened = match open_beneath(self.folder.as_fd(), below) {
            // No kernel before 5.6 has it, and some sandboxes forbid what they do not know.
            Err(Errno::NOSYS | Errno::PERM) => open_part_by_part(self.folder.as_fd(), below),
            other => other,
        };
        Ok(File::from(opened?))
    }
}

/// The folders of `root`, in their order: `first`, and those of [`Selection::later_roots`] that are there. The build before is
/// not there yet at the first deploy, so that such a folder is worth a warning and no more.
pub(super) fn open_all(first: &Path, selection: &Selection, warnings: &mut Vec<Warning>) -> Result<Vec<Arc<Root>>, LoadError> {
    let mut roots = vec![Arc::new(Root::open(first, selection.symlinks)?)];
    for later in &selection.later_roots {
        match Root::open(&later.value, selection.symlinks) {
            Ok(root) => roots.push(Arc::new(root)),
            Err(LoadError { path, problem: LoadProblem::Unreadable(error) }) if error.kind() == io::ErrorKind::NotFound => {
                warnings.push(Warning { path, reason: WarningReason::RootAbsent });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(roots)
}

fn open_beneath(folder: BorrowedFd<'_>, below: &Path) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(folder, below, FILE, Mode::empty(), resolve))
}

/// What `openat2` does, in as many calls as the path has parts: each is opened in the folder before it and must be no link.
fn open_part_by_part(folder: BorrowedFd<'_>, below: &Path) -> rustix::io::Result<OwnedFd> {
    let mut parts = below.components().peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        // `..` is left to nobody, and an absolute path does not lie below anything.
        let Component::Normal(name) = part else { return Err(Errno::XDEV) };
        let flags = if parts.peek().is_some() { FOLDER } else { FILE };
        at = Some(open_part(at.as_ref().map_or(folder, AsFd::as_fd), name, flags)?);
    }
    at.ok_or(Errno::ISDIR)
}

fn open_part(folder: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::empty()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tempfile::TempDir;

    use super::*;

    type Opening = fn(BorrowedFd<'_>, &Path) -> rustix::io::Result<OwnedFd>;
    const OPENINGS: [(&str, Opening); 2] = [("openat2", open_beneath), ("part by part", open_part_by_part)];

    fn site() -> TempDir {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir_all(parent.path().join("www/a/b")).unwrap();
        fs::create_dir_all(parent.path().join("outside")).unwrap();
        fs::write(parent.path().join("www/a/b/file"), "inside").unwrap();
        fs::write(parent.path().join("www/file"), "inside").unwrap();
        fs::write(parent.path().join("outside/file"), "secret").unwrap();
        parent
    }

    fn root(parent: &TempDir) -> Root {
        Root::open(&parent.path().join("www"), Symlinks::Inside).unwrap()
    }

    #[test]
    fn both_ways_open_files_below_and_nothing_else() {
        let parent = site();
        let root = root(&parent);
        symlink("../outside", root.path.join("out")).unwrap();
        symlink("../../outside/file", root.path.join("a/out")).unwrap();
        symlink("a", root.path.join("over")).unwrap();
        symlink("/", root.path.join("top")).unwrap();
        for (way, open) in OPENINGS {
            let opened = |path: &str| open(root.folder.as_fd(), Path::new(path));
            for path in ["file", "a/b/file"] {
                let mut text = String::new();
                File::from(opened(path).unwrap()).read_to_string(&mut text).unwrap();
                assert_eq!(text, "inside", "{way}: {path}");
            }
            for (path, errors) in [
                ("out/file", &[Errno::LOOP, Errno::NOTDIR][..]),
                ("over/b/file", &[Errno::LOOP, Errno::NOTDIR]),
                ("top/etc/passwd", &[Errno::LOOP, Errno::NOTDIR]),
                ("a/out", &[Errno::LOOP]),
                ("../outside/file", &[Errno::XDEV]),
                ("a/../../outside/file", &[Errno::XDEV]),
                ("/etc/passwd", &[Errno::XDEV]),
                ("gone", &[Errno::NOENT]),
                ("file/x", &[Errno::NOTDIR]),
            ] {
                let error = opened(path).expect_err(path);
                assert!(errors.contains(&error), "{way}: {path}: {error:?}");
            }
        }
    }

    #[test]
    fn a_path_that_does_not_lie_in_the_root_is_not_opened() {
        let parent = site();
        let root = root(&parent);
        for path in [parent.path().join("outside/file"), parent.path().join("www/../outside/file"), "/etc/passwd".into()] {
            assert!(root.open_file(&path).is_err(), "{}", path.display());
        }
        assert!(root.open_file(&root.path.join("file")).is_ok());
    }

    /// A folder that is a link to the outside every other moment, while its file is opened again and again.
    #[test]
    fn no_race_between_walk_and_open_leads_outside() {
        const SWAPS: usize = 2_000;
        let parent = site();
        let root = root(&parent);
        let (folder, aside) = (root.path.join("a/b"), parent.path().join("aside"));
        let link = parent.path().join("link");
        symlink(parent.path().join("outside"), &link).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..SWAPS {
                    fs::rename(&folder, &aside).unwrap();
                    fs::rename(&link, &folder).unwrap();
                    fs::rename(&folder, &link).unwrap();
                    fs::rename(&aside, &folder).unwrap();
                }
                done.store(true, Ordering::Release);
            });
            while !done.load(Ordering::Acquire) {
                for (way, open) in OPENINGS {
                    let Ok(opened) = open(root.folder.as_fd(), Path::new("a/b/file")) else { continue };
                    let mut text = String::new();
                    File::from(opened).read_to_string(&mut text).unwrap();
                    assert_eq!(text, "inside", "{way}");
                }
            }
        });
    }
}
