//! From the files of a folder to its assets: reading, pairing with coded siblings, index files, the page of the application.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::asset::Asset;
use super::background::{self, Background, Job, Unverified};
use super::coded::CodedForms;
use super::content::{Content, ReadFile, Reader};
use super::lookup::{Lookup, Place};
use super::media_type::{MediaType, TextEncoding};
use super::policy::Policy;
use super::problem::{LoadError, LoadProblem, Summary, Warning, WarningReason};
use super::siblings;
use super::spa::Spa;
use super::variant::{self, Common, Variant, Vary};
use super::walk::{self, WalkedFile};
use super::{Assets, Options};
use crate::http::encoding::Coding;
use crate::http::fields::FieldBlock;

/// How many bytes of originals have their siblings verified at load, which takes some milliseconds for each megabyte: so a small site is
/// whole from its first request on, and a large one does not start later. The rest is verified while the site is served.
const VERIFIED_AT_LOAD_BYTES_MAX: u64 = 4 << 20;

/// What a short file counts as: making a decoder takes as long as decoding this much.
const VERIFIED_BYTES_MIN: u64 = 16 << 10;

/// 1990-01-01. Images and archives that are to come out the same each time set the time of their files to 1970, 1980 (ZIP) or
/// 1985 (npm); such a time would say of every build that it is the old one.
const LAST_MODIFIED_MIN: u64 = 631_152_000;

pub(super) fn load(root: &Path, options: &Options<'_>) -> Result<(Assets, Summary), LoadError> {
    let root = root.canonicalize().map_err(|error| LoadError::unreadable(root, error))?;
    if !root.is_dir() {
        return Err(LoadError { path: root, problem: LoadProblem::NotAFolder });
    }
    let mut warnings = Vec::new();
    let files = walk::walk(&root, &mut warnings)?;
    let mut loading = Loading {
        files: &files,
        options,
        reader: Reader::new(options.memory_file_bytes_max),
        refused: [Vary::No, Vary::ByEncoding].map(|vary| Arc::new(variant::refused(vary, options))),
        lookup: Lookup::default(),
        indexes: HashMap::new(),
        verified_bytes: 0,
        jobs: Vec::new(),
        summary: Summary { warnings, ..Summary::default() },
    };
    for file in &files {
        if !loading.is_sibling(&file.key) {
            loading.file(file)?;
        }
    }
    loading.finish(&root)
}

struct Loading<'a> {
    files: &'a [WalkedFile],
    options: &'a Options<'a>,
    reader: Reader,
    /// For [`Vary::No`] and [`Vary::ByEncoding`].
    refused: [Arc<FieldBlock>; 2],
    lookup: Lookup,
    /// By folder (without slash): the place of the best index file in the list of names, and that file.
    indexes: HashMap<&'a [u8], (usize, Arc<Asset>)>,
    /// Of the originals whose siblings were verified.
    verified_bytes: u64,
    /// What is left to do when the folder is served.
    jobs: Vec<Job>,
    summary: Summary,
}

/// The siblings of a file that are served, or will be.
#[derive(Default)]
struct Siblings {
    verified: Vec<(Coding, ReadFile)>,
    unverified: Vec<Unverified>,
}

impl<'a> Loading<'a> {
    fn walked(&self, key: &[u8]) -> Option<&'a WalkedFile> {
        let index = self.files.binary_search_by(|file| file.key.as_slice().cmp(key)).ok()?;
        self.files.get(index)
    }

    /// `true` when the file is a coded form of another one and has no name of its own.
    fn is_sibling(&self, key: &[u8]) -> bool {
        let base = siblings::base_of(key).filter(|_| self.options.coded.siblings);
        base.is_some_and(|base| self.walked(base).is_some() && !self.is_sibling(base))
    }

    fn file(&mut self, file: &'a WalkedFile) -> Result<(), LoadError> {
        let read = self.reader.read(&file.path).map_err(|error| LoadError::unreadable(&file.path, error))?;
        let siblings = self.siblings(&file.key, &read.content);
        let unverified = siblings.unverified.iter().map(|sibling| &sibling.file);
        for read in siblings.verified.iter().map(|(_, read)| read).chain(unverified).chain([&read]) {
            self.summary.files += 1;
            if matches!(read.content, Content::Disk { .. }) {
                self.summary.disk_bytes += read.content.length();
            }
        }
        let asset = self.asset(&file.key, read, siblings);
        self.note_index(&file.key, &asset);
        self.lookup.insert(&file.key, || Place::File(Arc::clone(&asset)));
        Ok(())
    }

    /// Reads the coded siblings of a file; of those that are of no use, a warning is kept.
    fn siblings(&mut self, key: &[u8], base: &Content) -> Siblings {
        let mut found = Siblings::default();
        for (coding, suffix) in siblings::SUFFIXES {
            let Some(walked) = self.walked(&[key, suffix.as_bytes()].concat()).filter(|walked| self.is_sibling(&walked.key)) else {
                continue;
            };
            let read = self.reader.read(&walked.path).map_err(|error| WarningReason::CodedUnreadable(error.to_string()));
            let inspected = read.and_then(|read| siblings::inspect(&read.content, coding, base.length()).map(|()| read));
            let cost = base.length().max(VERIFIED_BYTES_MIN);
            let is_verified_now = self.verified_bytes.saturating_add(cost) <= VERIFIED_AT_LOAD_BYTES_MAX;
            let result = match inspected {
                Ok(read) if is_verified_now => {
                    self.verified_bytes += cost;
                    siblings::verify(&read.content, coding, base).map(|()| found.verified.push((coding, read)))
                }
                Ok(file) => {
                    found.unverified.push(Unverified { path: walked.path.clone(), coding, file });
                    Ok(())
                }
                Err(reason) => Err(reason),
            };
            if let Err(reason) = result {
                self.summary.warnings.push(Warning { path: walked.path.clone(), reason });
            }
        }
        found
    }

    fn asset(&mut self, key: &[u8], read: ReadFile, siblings: Siblings) -> Arc<Asset> {
        let media_type = MediaType::of(key);
        let encoding = if read.is_utf8 { TextEncoding::Utf8 } else { TextEncoding::Other };
        let compresses = self.options.coded.compress && media_type.is_compressible() && background::takes(read.content.length());
        let is_alone = siblings.verified.is_empty() && siblings.unverified.is_empty() && !compresses;
        let common = Common {
            content_type: media_type.header_value(encoding),
            cache_control: Policy::of(key, media_type).header_value(),
            last_modified: read.modified.and_then(|modified| last_modified(modified, self.options.now)),
            vary: if is_alone { Vary::No } else { Vary::ByEncoding },
            options: self.options,
        };
        let [alone, varied] = &self.refused;
        let asset = Arc::new(Asset {
            key: key.into(),
            identity: Variant::new(read, &common),
            coded: (!is_alone).then(Box::<CodedForms>::default),
            refused: Arc::clone(if is_alone { alone } else { varied }),
        });
        for (coding, read) in siblings.verified {
            asset.put(coding, read.content, read.hash);
        }
        self.jobs.extend(Job::new(&asset, siblings.unverified, compresses));
        asset
    }

    /// Remembers a file that stands for its folder, unless a better one does.
    fn note_index(&mut self, key: &'a [u8], asset: &Arc<Asset>) {
        let Some((folder, name)) = memchr::memrchr(b'/', key).and_then(|slash| Some((key.get(..slash)?, key.get(slash + 1..)?))) else {
            return;
        };
        let Some(rank) = self.options.index.iter().position(|index| index.as_bytes() == name) else { return };
        if self.indexes.get(folder).is_none_or(|&(best, _)| rank < best) {
            self.indexes.insert(folder, (rank, Arc::clone(asset)));
        }
    }

    fn finish(mut self, root: &Path) -> Result<(Assets, Summary), LoadError> {
        for (folder, (_, asset)) in self.indexes {
            self.lookup.insert(&[folder, b"/"].concat(), || Place::File(Arc::clone(&asset)));
            self.lookup.insert(folder, || Place::Folder);
        }
        let spa = match self.options.spa.map(|spa| spa.trim_start_matches('/')) {
            None => None,
            Some(spa) => match self.lookup.find(format!("/{spa}").as_bytes()) {
                Some(Place::File(page)) => Some(Spa::new(Arc::clone(page))),
                Some(Place::Folder) | None => return Err(LoadError { path: root.join(spa), problem: LoadProblem::NoSpaFile }),
            },
        };
        let mut summary = self.summary;
        summary.memory_bytes = self.reader.memory_bytes();
        summary.warnings.sort_by(|one, other| one.path.cmp(&other.path));
        Ok((Assets { lookup: self.lookup, spa, background: Background::new(self.jobs) }, summary))
    }
}

/// The seconds of `Last-Modified`; `None` for a time that says nothing.
fn last_modified(modified: SystemTime, now: SystemTime) -> Option<u64> {
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds >= LAST_MODIFIED_MIN && modified <= now).then_some(seconds)
}
