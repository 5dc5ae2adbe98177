//! What a folder looks like from outside, in one number: it changes when anything in it that is served does.
//!
//! Nothing is read: names, sizes, times and inodes are looked at, of the files that a load would take. So it sees a link that was moved elsewhere
//! (Kubernetes, `current -> releases/2`) as well as a file that was written over, on every file system.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::Xxh3;

use super::problem::{LoadError, LoadProblem};
use super::root::Root;
use super::walk;
use crate::config::Selection;

/// The state of a folder: two that are equal are the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u128);

/// A folder as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Tree {
    /// Its state.
    pub fingerprint: Fingerprint,
    /// When anything in it was changed last, by the clock of its file system.
    pub changed: SystemTime,
}

impl Tree {
    /// Looks at the folder `root` and at the later roots of `selection`, which may be absent.
    ///
    /// # Errors
    /// When one is no folder, a folder in it cannot be read, or it has more files than [`FILES_MAX`](super::FILES_MAX).
    pub fn look(root: &Path, selection: &Selection) -> Result<Self, LoadError> {
        let mut look = Look { hasher: Box::new(Xxh3::new()), changed: UNIX_EPOCH };
        look.root(root, selection)?;
        for later in &selection.later_roots {
            match look.root(&later.value, selection) {
                Err(LoadError { problem: LoadProblem::Unreadable(error), .. }) if error.kind() == io::ErrorKind::NotFound => look.number(0),
                other => other?,
            }
        }
        Ok(Self { fingerprint: Fingerprint(look.hasher.digest128()), changed: look.changed })
    }
}

struct Look {
    hasher: Box<Xxh3>,
    changed: SystemTime,
}

impl Look {
    fn root(&mut self, path: &Path, selection: &Selection) -> Result<(), LoadError> {
        let metadata = |path: &Path| fs::symlink_metadata(path).map_err(|error| LoadError::unreadable(path, error));
        let root = Arc::new(Root::open(path, selection.symlinks)?);
        let folder = metadata(root.path())?;
        self.see_time(&metadata(path)?);
        self.see_time(&folder);
        self.name(root.path().as_os_str().as_bytes());
        self.number(folder.dev());
        self.number(folder.ino());
        let mut parent = root.path().to_owned();
        for file in walk::walk(&root, selection.hidden, &mut Vec::new())? {
            self.name(&file.key);
            // What is gone already is a state too; it will be another the next time.
            if let Ok(metadata) = fs::symlink_metadata(&file.path) {
                self.file(&metadata);
            }
            if let Some(folder) = file.path.parent().filter(|folder| *folder != parent) {
                parent = folder.to_owned();
                if let Ok(metadata) = fs::symlink_metadata(folder) {
                    self.see_time(&metadata);
                }
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &[u8]) {
        self.number(name.len() as u64);
        self.hasher.update(name);
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn file(&mut self, metadata: &Metadata) {
        for number in [metadata.dev(), metadata.ino(), metadata.size()] {
            self.number(number);
        }
        for number in [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()] {
            self.number(number.cast_unsigned());
        }
        self.see_time(metadata);
    }

    /// `ctime`, which nobody sets back: archives and `rsync -a` restore the other one.
    fn see_time(&mut self, metadata: &Metadata) {
        let (seconds, nanoseconds) = (u64::try_from(metadata.ctime()), u32::try_from(metadata.ctime_nsec()));
        if let (Ok(seconds), Ok(nanoseconds)) = (seconds, nanoseconds)
            && let Some(changed) = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
        {
            self.changed = self.changed.max(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn look(path: &Path) -> Fingerprint {
        Tree::look(path, &Selection::default()).unwrap().fingerprint
    }

    #[test]
    fn every_kind_of_change_is_another_state_and_no_change_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("assets")).unwrap();
        fs::write(root.join("assets/a.js"), "one").unwrap();
        let mut seen = vec![look(root)];
        assert_eq!(look(root), seen[0]);
        let mut step = |what: &str| {
            let now = look(root);
            assert!(!seen.contains(&now), "{what}");
            assert_eq!(look(root), now, "{what}");
            seen.push(now);
        };
        fs::write(root.join("assets/a.js"), "longer").unwrap();
        step("another size");
        let file = fs::File::options().write(true).open(root.join("assets/a.js")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(9)).unwrap();
        step("another time");
        fs::write(root.join("b.js"), "new").unwrap();
        step("a new file");
        fs::rename(root.join("b.js"), root.join("c.js")).unwrap();
        step("another name");
        fs::remove_file(root.join("c.js")).unwrap();
        fs::write(root.join(".hidden"), "not served").unwrap();
        assert!(Tree::look(root, &Selection::default()).is_ok());
    }

    #[test]
    fn a_hidden_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let before = look(folder.path());
        fs::write(folder.path().join(".lock"), "1").unwrap();
        assert_eq!(look(folder.path()), before);
    }

    #[test]
    fn a_link_that_was_moved_elsewhere_is_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("current");
        for release in ["1", "2"] {
            fs::create_dir_all(folder.path().join(release)).unwrap();
            fs::write(folder.path().join(release).join("index.html"), "same").unwrap();
        }
        symlink("1", &root).unwrap();
        let before = look(&root);
        fs::remove_file(&root).unwrap();
        symlink("2", &root).unwrap();
        assert_ne!(look(&root), before);
    }

    #[test]
    fn a_missing_folder_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = Tree::look(&folder.path().join("gone"), &Selection::default()).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
