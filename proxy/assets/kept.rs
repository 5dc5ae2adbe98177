//! Files of earlier builds: a page that was opened before a deploy still asks for its chunks, by names that the new build does not have.
//!
//! Only files whose names change with their contents are kept, so that none of them can be answered in the place of a newer one. A page, or a file
//! without a hash in its name, is gone with its build. They stay in memory (or open, if they are large) for the time that the route says, within
//! limits; the ones of the latest builds are kept first.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Assets;
use super::asset::Asset;
use super::policy::Policy;

/// The most files that are kept of all earlier builds of a root.
const KEPT_FILES_MAX: usize = 10_000;
/// The most bytes of them in memory, when there is room: some dozen builds of a large application.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most of them that are on disk: each is an open file.
const KEPT_OPEN_MAX: usize = 256;

/// What is left of earlier builds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    files: Arc<HashMap<Box<[u8]>, KeptFile>>,
}

#[derive(Debug, Clone)]
struct KeptFile {
    asset: Arc<Asset>,
    until: Instant,
}

impl KeptFile {
    /// With memory of its own: a part of what its whole build has in one piece would keep all of that.
    fn detached(self) -> Self {
        Self { asset: self.asset.detached(), ..self }
    }

    fn cost(&self) -> Cost {
        let mut cost = Cost { files: 1, ..Cost::default() };
        for variant in self.asset.variants() {
            cost.bytes += variant.content.memory_bytes() + variant.bookkeeping_bytes();
            cost.open += usize::from(variant.content.is_on_disk());
        }
        cost
    }
}

/// What keeping costs.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    files: usize,
    bytes: u64,
    open: usize,
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes, open: self.open + other.open }
    }

    fn is_bearable(self, bytes_max: u64) -> bool {
        self.files <= KEPT_FILES_MAX && self.bytes <= bytes_max.min(KEPT_BYTES_MAX) && self.open <= KEPT_OPEN_MAX
    }
}

impl Kept {
    /// What is kept once `new` serves in the place of `old`: what was kept before, and of `old` what is immutable, for `time`; in no more memory than
    /// `bytes_max`.
    #[must_use]
    pub fn after(&self, old: &Assets, new: &Assets, (now, time): (Instant, Duration), bytes_max: u64) -> Self {
        let of_old = old.lookup.files().filter(|(_, asset)| asset.policy == Policy::Immutable);
        let of_old = of_old.map(|(path, asset)| (path, KeptFile { asset: Arc::clone(asset), until: now + time }));
        let before = self.files.iter().map(|(path, file)| (&**path, file.clone()));
        // In this order: a file that was kept, came back and went again is kept anew.
        let mut files: HashMap<&[u8], KeptFile> = before.chain(of_old).collect();
        files.retain(|path, file| file.until > now && !new.has_file(path));
        let mut files: Vec<(&[u8], KeptFile)> = files.into_iter().collect();
        files.sort_by_cached_key(|(path, file)| (Reverse(file.until), file.cost().bytes, path.to_vec()));
        let mut total = Cost::default();
        let within = files.into_iter().filter(|(_, file)| {
            let more = total.and(file.cost());
            let fits = more.is_bearable(bytes_max);
            if fits {
                total = more;
            }
            fits
        });
        Self { files: Arc::new(within.map(|(path, file)| (path.into(), file.detached())).collect()) }
    }

    /// The same without what has been kept for long enough; `None` when nothing has.
    pub fn without_expired(&self, now: Instant) -> Option<Self> {
        let left: HashMap<_, _> =
            self.files.iter().filter(|(_, file)| file.until > now).map(|(path, file)| (path.clone(), file.clone())).collect();
        (left.len() < self.files.len()).then(|| Self { files: Arc::new(left) })
    }

    /// When the next of them has been kept for long enough.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.files.values().map(|file| file.until).min()
    }

    /// The bytes of memory that they take.
    pub fn memory_bytes(&self) -> u64 {
        self.files.values().map(|file| file.cost().bytes).sum()
    }

    /// How many files are kept.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The file of an earlier build at this path below the route.
    pub fn find(&self, path: &[u8]) -> Option<&Asset> {
        self.files.get(path).map(|file| &*file.asset)
    }
}
