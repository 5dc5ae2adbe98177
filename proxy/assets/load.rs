//! From the files of a folder to its assets: reading, pairing with coded siblings, index files, the page of the application.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::asset::Asset;
use super::content::{Content, ReadFile, Reader};
use super::error_pages::ErrorPages;
use super::listing::{Contents, Listing};
use super::lookup::{Lookup, Place};
use super::media_type::{MediaType, TextEncoding};
use super::policy::Policy;
use super::problem::{LoadError, LoadProblem, Summary, Warning, WarningReason};
use super::spa::Spa;
use super::variant::{self, Common, Variant, Vary};
use super::walk::{self, WalkedFile};
use super::{Assets, Options};
use crate::http::encoding::Coding;
use crate::http::fields::FieldBlock;

/// The codings that siblings may have, in the order in which they are preferred, and how their names end.
const SIBLINGS: [(Coding, &[u8]); 2] = [(Coding::Brotli, b".br"), (Coding::Gzip, b".gz")];

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
        contents: options.listing.then(Contents::new),
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
    /// What is in every folder, when that is to be listed.
    contents: Option<Contents>,
    summary: Summary,
}

impl<'a> Loading<'a> {
    fn walked(&self, key: &[u8]) -> Option<&'a WalkedFile> {
        let index = self.files.binary_search_by(|file| file.key.as_slice().cmp(key)).ok()?;
        self.files.get(index)
    }

    /// `true` when the file is a coded form of another one and has no name of its own.
    fn is_sibling(&self, key: &[u8]) -> bool {
        let base = SIBLINGS.iter().find_map(|(_, suffix)| key.strip_suffix(*suffix));
        base.is_some_and(|base| self.walked(base).is_some() && !MediaType::of(base).is_archive() && !self.is_sibling(base))
    }

    fn file(&mut self, file: &'a WalkedFile) -> Result<(), LoadError> {
        let read = self.reader.read(&file.path).map_err(|error| LoadError::unreadable(&file.path, error))?;
        let mut siblings = Vec::new();
        for (coding, suffix) in SIBLINGS {
            if let Some(walked) = self.walked(&[&file.key, suffix].concat()).filter(|walked| self.is_sibling(&walked.key)) {
                siblings.extend(self.sibling(walked, coding, read.content.length()).map(|read| (coding, read)));
            }
        }
        for read in siblings.iter().map(|(_, read)| read).chain([&read]) {
            self.summary.files += 1;
            if matches!(read.content, Content::Disk { .. }) {
                self.summary.disk_bytes += read.content.length();
            }
        }
        if let Some(contents) = &mut self.contents {
            contents.note(&file.key, read.content.length(), read.modified.and_then(|modified| last_modified(modified, self.options.now)));
        }
        let asset = Arc::new(self.asset(&file.key, read, siblings));
        self.note_index(&file.key, &asset);
        self.lookup.insert(&file.key, || Place::File(Arc::clone(&asset)));
        Ok(())
    }

    /// Reads a coded sibling; `None`, and a warning, when it is of no use.
    fn sibling(&mut self, walked: &WalkedFile, coding: Coding, base_length: u64) -> Option<ReadFile> {
        let checked = self.reader.read(&walked.path).map_err(|error| WarningReason::CodedUnreadable(error.to_string()));
        match checked.and_then(|read| check_sibling(read, coding, base_length)) {
            Ok(read) => Some(read),
            Err(reason) => {
                self.summary.warnings.push(Warning { path: walked.path.clone(), reason });
                None
            }
        }
    }

    fn asset(&self, key: &[u8], read: ReadFile, siblings: Vec<(Coding, ReadFile)>) -> Asset {
        let media_type = MediaType::of(key);
        let encoding = if read.is_utf8 { TextEncoding::Utf8 } else { TextEncoding::Other };
        let vary = if siblings.is_empty() { Vary::No } else { Vary::ByEncoding };
        let common = Common {
            content_type: media_type.header_value(encoding),
            cache_control: Policy::of(key, media_type).header_value(),
            last_modified: read.modified.and_then(|modified| last_modified(modified, self.options.now)),
            vary,
            options: self.options,
        };
        let [alone, varied] = &self.refused;
        Asset {
            key: key.into(),
            identity: Variant::new(read, None, &common),
            codings: siblings.iter().map(|&(coding, _)| coding).collect(),
            coded: siblings.into_iter().map(|(coding, read)| Variant::new(read, Some(coding), &common)).collect(),
            refused: Arc::clone(if vary == Vary::No { alone } else { varied }),
        }
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

    /// Answers folders that no index file stands for with what is in them.
    fn list_folders(&mut self) {
        for (key, folder) in self.contents.take().into_iter().flat_map(Contents::into_folders) {
            let with_slash = [&key, &b"/"[..]].concat();
            if self.lookup.find(&with_slash).is_some() {
                continue;
            }
            let made = |text: String| ReadFile {
                hash: xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
                content: Content::Memory(text.into()),
                is_utf8: true,
                modified: None,
            };
            // The names say the types and the cache policy, and are no files: nothing is found under them.
            let page = Arc::new(self.asset(&[&with_slash, &b"(list).html"[..]].concat(), made(folder.page(&key)), Vec::new()));
            let json = Arc::new(self.asset(&[&with_slash, &b"(list).json"[..]].concat(), made(folder.json()), Vec::new()));
            let listing = Arc::new(Listing { page, json });
            self.lookup.insert(&with_slash, || Place::Listing(Arc::clone(&listing)));
            self.lookup.insert(&key, || Place::Folder);
        }
    }

    fn finish(mut self, root: &Path) -> Result<(Assets, Summary), LoadError> {
        for (folder, (_, asset)) in std::mem::take(&mut self.indexes) {
            self.lookup.insert(&[folder, b"/"].concat(), || Place::File(Arc::clone(&asset)));
            self.lookup.insert(folder, || Place::Folder);
        }
        self.list_folders();
        let spa = match self.options.spa.map(|spa| spa.trim_start_matches('/')) {
            None => None,
            Some(spa) => match self.lookup.find(format!("/{spa}").as_bytes()) {
                Some(Place::File(page)) => Some(Spa::new(Arc::clone(page))),
                Some(Place::Listing(_) | Place::Folder) | None => {
                    return Err(LoadError { path: root.join(spa), problem: LoadProblem::NoSpaFile });
                }
            },
        };
        let file = |path: &[u8]| match self.lookup.find(path) {
            Some(Place::File(asset)) => Some(Arc::clone(asset)),
            Some(Place::Listing(_) | Place::Folder) | None => None,
        };
        let error_pages = ErrorPages::new(self.options.errors, file)
            .map_err(|page| LoadError { path: root.join(&page.file.value), problem: LoadProblem::NoErrorPage(page.file.span) })?;
        let mut summary = self.summary;
        summary.memory_bytes = self.reader.memory_bytes();
        summary.warnings.sort_by(|one, other| one.path.cmp(&other.path));
        Ok((Assets { lookup: self.lookup, spa, error_pages }, summary))
    }
}

/// Whether a sibling can be the coded form of a file with `base_length` bytes. Brotli says nothing about what it was made from.
fn check_sibling(read: ReadFile, coding: Coding, base_length: u64) -> Result<ReadFile, WarningReason> {
    if read.content.length() == 0 {
        return Err(WarningReason::CodedEmpty);
    }
    if coding != Coding::Gzip {
        return Ok(read);
    }
    let ends = read.content.ends::<4>().map_err(|error| WarningReason::CodedUnreadable(error.to_string()))?;
    let Some(([0x1f, 0x8b, ..], isize_field)) = ends else { return Err(WarningReason::CodedNotGzip) };
    let says = u32::from_le_bytes(isize_field);
    // RFC 1952 §2.3.1: ISIZE is the length modulo 2³².
    if u64::from(says) == base_length % (1 << 32) { Ok(read) } else { Err(WarningReason::CodedLengthDiffers { says, file: base_length }) }
}

/// The seconds of `Last-Modified`; `None` for a time that says nothing.
fn last_modified(modified: SystemTime, now: SystemTime) -> Option<u64> {
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds >= LAST_MODIFIED_MIN && modified <= now).then_some(seconds)
}
