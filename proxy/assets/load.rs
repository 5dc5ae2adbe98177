//! From the files of a folder, read by `reads`, to its assets: pairing with coded siblings, index files, the page of the application.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::asset::Asset;
use super::background::{self, Background, Job, Unverified};
use super::coded::CodedForms;
use super::content::{Content, ReadFile};
use super::error_pages::ErrorPages;
use super::listing::{Contents, Listing};
use super::lookup::{Lookup, Place};
use super::media_type::{MediaType, TextEncoding};
use super::order;
use super::page::Page;
use super::policy::Policy;
use super::problem::{LoadError, LoadProblem, Summary, Warning, WarningReason};
use super::reads::{self, Read, Reads};
use super::root::{self, Root};
use super::siblings;
use super::spa::Spa;
use super::storage::Taken;
use super::unchanged::Unchanged;
use super::variant::{self, Common, Variant, Vary};
use super::walk::{self, WalkedFile};
use super::{Assets, Options, environment};
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
    let mut warnings = Vec::new();
    let roots = root::open_all(root, options.selection, &mut warnings)?;
    let walked: Vec<_> = roots.iter().map(|root| walk::walk(root, options.selection.hidden, &mut warnings)).collect::<Result<_, _>>()?;
    let unchanged = Unchanged::since(options.previous);
    let refused = [Vary::No, Vary::ByEncoding].map(|vary| Arc::new(variant::refused(vary, options)));
    let files = walked.iter().map(|files| files.len() as u64).sum::<u64>();
    let storage = options.storage.beside(variant::bookkeeping_estimate_bytes(options).saturating_mul(files));
    let Reads { reader, by_root: reads, warning } = reads::read_all((root, &walked), options, (storage, &unchanged));
    warnings.extend(warning);
    let (read_bytes, _) = reader.usage();
    let mut loading = Loading {
        files: &[],
        options,
        unchanged,
        reads: Vec::new(),
        refused,
        made_bytes: 0,
        made_bytes_max: storage.memory_bytes_max.saturating_sub(read_bytes),
        lookup: Lookup::default(),
        taken: HashSet::new(),
        indexes: HashMap::new(),
        verified_bytes: 0,
        jobs: Vec::new(),
        contents: options.listing.then(Contents::new),
        summary: Summary { warnings, ..Summary::default() },
    };
    loading.environment();
    let mut pages = (None, ErrorPages::default());
    for (index, ((root, files), reads)) in roots.iter().zip(&walked).zip(reads).enumerate() {
        let assets = loading.root(files, reads)?;
        if index == 0 {
            loading.summary.first_root_files = assets.len();
            pages = (page(root, &assets, options.spa)?, error_pages(root, &assets, options)?);
        }
    }
    reader.seal().map_err(|error| LoadError::unreadable(root, error))?;
    let (mut assets, mut summary) = loading.finish(pages);
    let (memory_bytes, open_files) = reader.usage();
    let bookkeeping_bytes = assets.lookup.files().map(|(_, asset)| asset.bookkeeping_bytes()).sum();
    assets.taken = Taken { memory_bytes: memory_bytes + bookkeeping_bytes, open_files };
    summary.bookkeeping_bytes = bookkeeping_bytes;
    (summary.memory_bytes, summary.read_files) = (memory_bytes, reader.read_files());
    Ok((assets, summary))
}

/// How the name of a list for programs ends; no file has it.
const LISTING_JSON: &[u8] = b"(list).json";

struct Loading<'a> {
    /// Those of the root that is being loaded.
    files: &'a [WalkedFile],
    options: &'a Options<'a>,
    /// What the build before has of them.
    unchanged: Unchanged<'a>,
    /// One for each of `files`.
    reads: Vec<Read>,
    /// Bytes of the coded forms that were taken over, and how many there may be.
    made_bytes: u64,
    made_bytes_max: u64,
    /// For [`Vary::No`] and [`Vary::ByEncoding`].
    refused: [Arc<FieldBlock>; 2],
    lookup: Lookup,
    /// The files of the roots so far: a later root does not answer for these.
    taken: HashSet<&'a [u8]>,
    /// By folder (without slash): the place of the best index file in the list of names, and that file.
    indexes: HashMap<&'a [u8], (usize, Arc<Asset>)>,
    /// Of the originals whose siblings were verified.
    verified_bytes: u64,
    /// What is left to do when the folder is served.
    jobs: Vec<Job>,
    /// What is in every folder, when that is to be listed.
    contents: Option<Contents>,
    summary: Summary,
}

/// The siblings of a file that are served, or will be.
#[derive(Default)]
struct Siblings {
    verified: Vec<(Coding, ReadFile)>,
    unverified: Vec<Unverified>,
}

impl<'a> Loading<'a> {
    /// Loads one root, after those that are asked before it.
    fn root(&mut self, files: &'a [WalkedFile], reads: Vec<Read>) -> Result<Vec<Arc<Asset>>, LoadError> {
        (self.files, self.reads) = (files, reads);
        let mut assets = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            if self.is_environment(&file.key) {
                self.summary.warnings.push(Warning { path: file.path.clone(), reason: WarningReason::Environment });
            } else if !self.is_sibling(&file.key) && self.is_read(index) && self.taken.insert(&file.key) {
                assets.push(self.file(index, file)?);
            }
        }
        let indexes: Vec<_> = self.indexes.drain().map(|(folder, (_, asset))| (folder, asset)).collect();
        order::enter(&mut self.lookup, &self.options.selection.order, &assets, &indexes);
        Ok(assets)
    }

    fn walked(&self, key: &[u8]) -> Option<(usize, &'a WalkedFile)> {
        let index = self.files.binary_search_by(|file| file.key.as_slice().cmp(key)).ok()?;
        Some((index, self.files.get(index)?))
    }

    /// `false` when an earlier root has a file of this name.
    fn is_read(&self, index: usize) -> bool {
        self.reads.get(index).is_some_and(Option::is_some)
    }

    /// What reading a file gave; each is asked for once.
    fn take(&mut self, index: usize) -> io::Result<ReadFile> {
        self.reads.get_mut(index).and_then(Option::take).unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
    }

    /// `true` for the path of the script that is made of the environment.
    fn is_environment(&self, key: &[u8]) -> bool {
        self.options.environment.is_some_and(|environment| environment.file.value.as_bytes() == key)
    }

    /// Makes that script. A file of its name is what developers put in its place, and is not served.
    fn environment(&mut self) {
        let Some(environment) = self.options.environment else { return };
        let key = environment.file.value.as_bytes();
        let script = environment::file(environment);
        if let Some(contents) = &mut self.contents {
            contents.note(key, script.content.length(), None);
        }
        let asset = self.asset(key, script, Siblings::default());
        self.summary.files += 1;
        self.lookup.insert(key, || Place::File(Arc::clone(&asset)));
    }

    /// `true` when the file is a coded form of another one and has no name of its own.
    fn is_sibling(&self, key: &[u8]) -> bool {
        let base = siblings::base_of(key).filter(|_| self.options.coded.siblings);
        base.is_some_and(|base| self.walked(base).is_some() && !self.is_sibling(base))
    }

    fn file(&mut self, index: usize, file: &'a WalkedFile) -> Result<Arc<Asset>, LoadError> {
        let read = self.take(index).map_err(|error| LoadError::unreadable(&file.path, error))?;
        let siblings = self.siblings(&file.key, &read);
        let unverified = siblings.unverified.iter().map(|sibling| &sibling.file);
        for read in siblings.verified.iter().map(|(_, read)| read).chain(unverified).chain([&read]) {
            self.summary.files += 1;
            if read.content.is_on_disk() {
                self.summary.disk_bytes += read.content.length();
            }
        }
        if let Some(contents) = &mut self.contents {
            contents.note(&file.key, read.content.length(), read.modified.and_then(|modified| last_modified(modified, self.options.now)));
        }
        let asset = self.asset(&file.key, read, siblings);
        let is_page = || MediaType::chosen(&file.key, &self.options.selection.mime).is_html();
        if self.options.pages.nonce && asset.identity.content.is_on_disk() && is_page() {
            self.summary.warnings.push(Warning { path: file.path.clone(), reason: WarningReason::PageWithoutNonce });
        }
        self.note_index(&file.key, &asset);
        Ok(asset)
    }

    /// Reads the coded siblings of a file; of those that are of no use, a warning is kept.
    fn siblings(&mut self, key: &[u8], base_file: &ReadFile) -> Siblings {
        let base = &base_file.content;
        let mut found = Siblings::default();
        for (coding, suffix) in siblings::SUFFIXES {
            let Some((index, walked)) = self
                .walked(&[key, suffix.as_bytes()].concat())
                .filter(|&(index, walked)| self.is_sibling(&walked.key) && self.is_read(index))
            else {
                continue;
            };
            let read = self.take(index).map_err(|error| WarningReason::CodedUnreadable(error.to_string()));
            let inspected = read.and_then(|read| siblings::inspect(&read.content, coding, base.length()).map(|()| read));
            let cost = base.length().max(VERIFIED_BYTES_MIN);
            let is_verified_now = self.verified_bytes.saturating_add(cost) <= VERIFIED_AT_LOAD_BYTES_MAX;
            let result = match inspected {
                Ok(read) if self.unchanged.is_verified(base_file.origin, coding, read.origin) => {
                    found.verified.push((coding, read));
                    Ok(())
                }
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
        let selection = self.options.selection;
        let media_type = MediaType::chosen(key, &selection.mime);
        // Like a page, it says what the site is at this moment.
        let policy =
            if self.is_environment(key) || key.ends_with(LISTING_JSON) { Policy::Page } else { Policy::of(key, media_type, selection) };
        let encoding = if read.is_utf8 { TextEncoding::Utf8 } else { TextEncoding::Other };
        let compresses = self.options.coded.compress && media_type.is_compressible() && background::takes(read.content.length());
        let is_alone = siblings.verified.is_empty() && siblings.unverified.is_empty() && !compresses;
        let common = Common {
            content_type: media_type.header_value(encoding),
            cache_control: policy.header_value(selection),
            last_modified: read.modified.and_then(|modified| last_modified(modified, self.options.now)),
            vary: if is_alone { Vary::No } else { Vary::ByEncoding },
            options: self.options,
        };
        let (page, origin) = (Page::new(media_type, &read.content, &common), read.origin);
        // It is another one each time.
        let is_nonced = page.nonced.is_some();
        let [alone, varied] = &self.refused;
        let asset = Arc::new(Asset {
            key: key.into(),
            policy,
            identity: Variant::new(read, &common),
            coded: (!is_alone && !is_nonced).then(Box::<CodedForms>::default),
            refused: Arc::clone(if is_alone { alone } else { varied }),
            page,
        });
        for (coding, read) in siblings.verified {
            asset.put(coding, read.into());
        }
        if compresses {
            let awaited = |coding| siblings.unverified.iter().any(|sibling| sibling.coding == coding);
            for (coding, _) in siblings::SUFFIXES.into_iter().filter(|&(coding, _)| !awaited(coding) && !asset.has(coding)) {
                let Some(form) = self.unchanged.made(origin, coding) else { continue };
                let bytes = self.made_bytes + form.content.length();
                if bytes <= self.made_bytes_max {
                    self.made_bytes = bytes;
                    asset.put(coding, form);
                }
            }
        }
        if !is_nonced {
            self.jobs.extend(Job::new(&asset, siblings.unverified, compresses));
        }
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
                origin: None,
            };
            // The names say the types and the cache policy, and are no files: nothing is found under them.
            let page = self.asset(&[&with_slash, &b"(list).html"[..]].concat(), made(folder.page(&key)), Siblings::default());
            let json = self.asset(&[&with_slash, LISTING_JSON].concat(), made(folder.json()), Siblings::default());
            let listing = Arc::new(Listing { page, json });
            self.lookup.insert(&with_slash, || Place::Listing(Arc::clone(&listing)));
            self.lookup.insert(&key, || Place::Folder);
        }
    }

    fn finish(mut self, (spa, error_pages): (Option<Spa>, ErrorPages)) -> (Assets, Summary) {
        self.list_folders();
        let mut summary = self.summary;
        summary.warnings.sort_by(|one, other| one.path.cmp(&other.path));
        let background = Background::new(self.jobs, self.made_bytes);
        (Assets { lookup: self.lookup, spa, error_pages, background, taken: Taken::default() }, summary)
    }
}

/// The page of the application, which is the first root's: it is what names the scripts of the new build.
fn page(root: &Root, assets: &[Arc<Asset>], spa: Option<&str>) -> Result<Option<Spa>, LoadError> {
    let Some(spa) = spa.map(|spa| spa.trim_start_matches('/')) else { return Ok(None) };
    match assets.iter().find(|asset| asset.key().strip_prefix(b"/") == Some(spa.as_bytes())) {
        Some(page) => Ok(Some(Spa::new(Arc::clone(page)))),
        None => Err(LoadError { path: root.path().join(spa), problem: LoadProblem::NoSpaFile }),
    }
}

/// The pages for errors, which are the first root's too; found among its files, since `try` may give them no path.
fn error_pages(root: &Root, assets: &[Arc<Asset>], options: &Options<'_>) -> Result<ErrorPages, LoadError> {
    let file = |path: &[u8]| assets.iter().find(|asset| asset.key() == path).cloned();
    ErrorPages::new(options.errors, &options.selection.mime, file)
        .map_err(|page| LoadError { path: root.path().join(&page.file.value), problem: LoadProblem::NoErrorPage(page.file.span) })
}

/// The seconds of `Last-Modified`; `None` for a time that says nothing.
fn last_modified(modified: SystemTime, now: SystemTime) -> Option<u64> {
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds >= LAST_MODIFIED_MIN && modified <= now).then_some(seconds)
}
