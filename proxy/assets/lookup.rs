//! From a path to its place: one look-up in a map whose keys are the decoded bytes of paths.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::asset::Asset;
use super::listing::Listing;

/// What stands at a path.
#[derive(Debug)]
pub(super) enum Place {
    /// A file, or the index file of a folder (whose path ends in a slash).
    File(Arc<Asset>),
    /// The list of a folder without an index file (whose path ends in a slash).
    Listing(Arc<Listing>),
    /// A folder with an index file or a list, without its slash.
    Folder,
}

/// All paths of a loaded folder.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    places: HashMap<Box<[u8]>, Place, BuildHasherDefault<PathHasher>>,
}

impl Lookup {
    pub(super) fn find(&self, path: &[u8]) -> Option<&Place> {
        self.places.get(path)
    }

    /// The file at its own path.
    pub(super) fn file(&self, path: &[u8]) -> Option<&Asset> {
        match self.places.get(path)? {
            Place::File(asset) => Some(asset),
            Place::Listing(_) | Place::Folder => None,
        }
    }

    /// Every file once, with its own path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&[u8], &Arc<Asset>)> {
        self.places.iter().filter_map(|(path, place)| match place {
            Place::File(asset) if **path == *asset.key => Some((&**path, asset)),
            Place::File(_) | Place::Listing(_) | Place::Folder => None,
        })
    }

    /// Every file, as often as it has paths.
    pub(super) fn assets(&self) -> impl Iterator<Item = &Arc<Asset>> {
        self.places.values().filter_map(|place| match place {
            Place::File(asset) => Some(asset),
            Place::Listing(_) | Place::Folder => None,
        })
    }

    /// Takes in a path; the first place that a path was given stays.
    ///
    /// Normalising keeps `%5C` as it is, because it separates nothing, and browsers turn a raw backslash into a slash. A file
    /// whose name has a backslash is therefore asked for with `%5C`, and stands under both spellings.
    pub(super) fn insert(&mut self, path: &[u8], place: impl Fn() -> Place) {
        if memchr::memchr(b'\\', path).is_some() {
            self.insert_one(escape_backslashes(path), place());
        }
        self.insert_one(path.into(), place());
    }

    fn insert_one(&mut self, path: Box<[u8]>, place: Place) {
        self.places.entry(path).or_insert(place);
    }
}

fn escape_backslashes(path: &[u8]) -> Box<[u8]> {
    let mut escaped = Vec::with_capacity(path.len() + 2);
    for &byte in path {
        match byte {
            b'\\' => escaped.extend_from_slice(b"%5C"),
            other => escaped.push(other),
        }
    }
    escaped.into_boxed_slice()
}

/// XXH3 of the path. It has no secret seed: the keys are the operator's, a request can only look up and never add, so that
/// no client can make the map slow.
#[derive(Debug, Default)]
pub(super) struct PathHasher(u64);

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ xxh3_64(bytes);
    }

    /// The length that `[u8]` hashes before its bytes; XXH3 covers it already.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
