//! What a new build changed, in numbers: for the line in the log.

use super::Assets;

/// How many files differ between two builds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that only the new build has.
    pub added: usize,
    /// Files with other bytes than before.
    pub changed: usize,
    /// Files that only the old build had.
    pub removed: usize,
}

impl Changes {
    /// Compares two builds by paths and contents.
    pub fn between(old: &Assets, new: &Assets) -> Self {
        let mut changes = Self::default();
        let mut common = 0;
        for (path, asset) in new.lookup.files() {
            match old.lookup.file(path) {
                None => changes.added += 1,
                Some(before) => {
                    common += 1;
                    changes.changed += usize::from(before.identity.etag() != asset.identity.etag());
                }
            }
        }
        changes.removed = old.lookup.files().count().saturating_sub(common);
        changes
    }
}
