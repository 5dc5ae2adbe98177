//! Files that are as they were when the build before was loaded: they are taken over from it, and not read again.
//!
//! A file is the same when nothing differs that the system says of it, and its last change was long enough before it was read: one that was read
//! within the grain of its file system's clock may have been changed once more without looking different. So what was just written is read twice,
//! by this load and by the next.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Assets;
use super::coded::CodedForms;
use super::content::Content;
use super::variant::{Form, Variant};
use crate::http::encoding::Coding;

/// The coarsest grain of a file system's clock (FAT: two seconds), and some of what the clock of a file server may be behind.
const CLOCK_GRAIN_MAX: Duration = Duration::from_secs(3);

/// What the system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds; anybody may set it.
    modified: (i64, i64),
    /// The same of the last change (ctime), which nobody can set back.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// When it was changed, as it says.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = (u64::try_from(self.modified.0).ok()?, u32::try_from(self.modified.1).ok()?);
        UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
    }

    /// `true` when a change at `time` or later cannot leave it as it is.
    fn is_settled(&self, time: SystemTime) -> bool {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(CLOCK_GRAIN_MAX);
        let bound = (i64::try_from(time.as_secs()).unwrap_or(i64::MAX), i64::from(time.subsec_nanos()));
        self.modified < bound && self.changed < bound
    }
}

/// What a content was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) stamp: Stamp,
    /// `true` when the bytes are UTF-8.
    pub(super) is_utf8: bool,
}

impl Origin {
    /// Of a file that looked like `stamp` before it was read, by a load that began at `time`. `None` when it may have changed unseen.
    pub(super) fn new(stamp: Stamp, is_utf8: bool, time: SystemTime) -> Option<Self> {
        stamp.is_settled(time).then_some(Self { stamp, is_utf8 })
    }
}

/// What a build before has read, by what its files looked like.
#[derive(Debug, Default)]
pub(super) struct Unchanged<'a> {
    files: HashMap<Stamp, (&'a Variant, Origin)>,
    /// The coded forms of a file.
    forms: HashMap<Stamp, &'a CodedForms>,
}

impl<'a> Unchanged<'a> {
    /// Of no build, when there is none before.
    pub(super) fn since(previous: Option<&'a Assets>) -> Self {
        let mut unchanged = Self::default();
        for asset in previous.into_iter().flat_map(|previous| previous.lookup.assets()) {
            for variant in asset.variants() {
                if let Some(origin) = variant.origin {
                    unchanged.files.insert(origin.stamp, (variant, origin));
                }
            }
            if let (Some(origin), Some(forms)) = (asset.identity.origin, &asset.coded) {
                unchanged.forms.insert(origin.stamp, forms);
            }
        }
        unchanged
    }

    /// What was read from the file that looks like this.
    pub(super) fn find(&self, stamp: &Stamp) -> Option<(&'a Variant, Origin)> {
        self.files.get(stamp).copied()
    }

    /// `true` when the one was verified to be the coded form of the other.
    pub(super) fn is_verified(&self, base: Option<Origin>, coding: Coding, sibling: Option<Origin>) -> bool {
        let (Some(base), Some(sibling)) = (base, sibling) else { return false };
        let form = self.forms.get(&base.stamp).and_then(|forms| forms.get(coding));
        form.and_then(|form| form.origin).is_some_and(|origin| origin.stamp == sibling.stamp)
    }

    /// The form that was made of a file.
    pub(super) fn made(&self, base: Option<Origin>, coding: Coding) -> Option<Form> {
        let form = self.forms.get(&base?.stamp)?.get(coding)?;
        // One without an origin may have been read, right after it was written: what lies in a file was.
        let is_made = form.origin.is_none() && matches!(form.content, Content::Memory(_));
        is_made.then(|| Form { content: form.content.clone(), hash: form.hash, origin: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_once_its_clock_must_have_gone_on() {
        let at = |seconds: u64, nanoseconds: u32| UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        let stamp = Stamp { device: 1, inode: 1, length: 1, modified: (5, 0), changed: (100, 7) };
        let grain = CLOCK_GRAIN_MAX.as_secs();
        assert!(!stamp.is_settled(at(100, 7)) && !stamp.is_settled(at(100 + grain, 7)) && !stamp.is_settled(UNIX_EPOCH));
        assert!(stamp.is_settled(at(100 + grain, 8)));
        // One that claims to be of the future is not believed.
        assert!(!Stamp { modified: (1000, 0), ..stamp }.is_settled(at(500, 0)));
        assert!(Origin::new(stamp, true, at(100, 7)).is_none());
    }
}
