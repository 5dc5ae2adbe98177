//! What is done for a loaded folder while it is served already: siblings are verified, and files without them are compressed once.
//!
//! So a start does not wait for it, and no request pays for it. One thread a folder does it, at the lowest priority, and puts each form
//! in as it is ready; until then the file is served as it is. Made are Brotli, which is the smallest and which every browser takes over
//! TLS, and gzip, for all others; whoever takes zstd takes Brotli too.
//!
//! It ends when all is done, when the memory that it may take is full, or when the folder is dropped for a newer one.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::asset::Asset;
use super::coder::{self, CHUNK_BYTES, Effort};
use super::compressible::{LENGTH_BYTES_MIN, worth_bytes_max};
use super::content::{Content, ReadFile};
use super::content_reader::ContentReader;
use super::problem::Warning;
use super::siblings;
use super::variant::Form;
use crate::http::encoding::Coding;

/// The codings that are made.
const MADE: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

/// Larger files are not compressed beside the work of a server: `transom compress` does it before.
const SOURCE_BYTES_MAX: u64 = 16 << 20;

/// The most memory that the forms made of one folder take, when there is room. A built app of 100 MB compresses to a quarter of that.
const MADE_BYTES_MAX: u64 = 64 << 20;

/// As low as it goes: it runs when nothing else does.
const LOWEST_PRIORITY: i32 = 19;

/// `true` when a compressible file of this length is compressed here.
pub(super) fn takes(length: u64) -> bool {
    (LENGTH_BYTES_MIN..=SOURCE_BYTES_MAX).contains(&length)
}

/// A coded sibling that was not verified at load.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) path: PathBuf,
    pub(super) coding: Coding,
    pub(super) file: ReadFile,
}

/// What is to be done for one file.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) asset: Arc<Asset>,
    pub(super) unverified: Vec<Unverified>,
    /// Make the forms that are not there after that.
    pub(super) compresses: bool,
}

impl Job {
    /// `None` when there is nothing to be done.
    pub(super) fn new(asset: &Arc<Asset>, unverified: Vec<Unverified>, compresses: bool) -> Option<Self> {
        let compresses = compresses && MADE.iter().any(|&coding| !asset.has(coding));
        (compresses || !unverified.is_empty()).then(|| Self { asset: Arc::clone(asset), unverified, compresses })
    }
}

impl Job {
    /// More than its forms take.
    fn most_bytes(&self) -> u64 {
        let original = &self.asset.identity;
        (original.content.length() + original.bookkeeping_bytes()).saturating_mul(MADE.len() as u64)
    }
}

/// The work for a folder, and the thread that does it.
#[derive(Debug)]
pub(super) struct Background {
    jobs: Mutex<Vec<Job>>,
    dropped: Arc<AtomicBool>,
    /// Bytes of memory that the forms take; while they are made, what they may take at most.
    taken_bytes: Arc<AtomicU64>,
}

impl Background {
    /// With forms of this size that are there already.
    pub(super) fn new(jobs: Vec<Job>, made_bytes: u64) -> Self {
        Self { jobs: Mutex::new(jobs), dropped: Arc::default(), taken_bytes: Arc::new(AtomicU64::new(made_bytes)) }
    }

    /// Bytes of memory that the forms which were made take; while they are made, what they may take at most.
    pub(super) fn taken_bytes(&self) -> u64 {
        self.taken_bytes.load(Ordering::Relaxed)
    }

    /// Does the work for one file here and now, and leaves the rest.
    pub(super) fn finish(&self, asset: &Asset) {
        let is_its = |job: &mut Job| std::ptr::eq(Arc::as_ptr(&job.asset), asset);
        let jobs = self.jobs.lock().map(|mut jobs| jobs.extract_if(.., is_its).collect()).unwrap_or_default();
        let mut thread = Thread::new(Arc::clone(&self.dropped));
        thread.work(jobs);
        self.taken_bytes.fetch_add(thread.made_bytes, Ordering::Relaxed);
    }

    /// Begins the work; once, and only when there is some. What is made takes no more memory than `room_bytes`, beside what there is already.
    ///
    /// The thread is not awaited: it owns nothing but what it makes, and sees within one block of its encoder that it is not wanted.
    pub(super) fn begin(&self, room_bytes: u64) -> io::Result<()> {
        let jobs = self.jobs.lock().map(|mut jobs| std::mem::take(&mut *jobs)).unwrap_or_default();
        if jobs.is_empty() {
            return Ok(());
        }
        let made_bytes = self.taken_bytes();
        // No form is longer than its file, so that a small folder does not hold what others could use.
        let most_bytes: u64 = jobs.iter().filter(|job| job.compresses).map(Job::most_bytes).sum();
        let made_bytes_max = made_bytes.saturating_add(room_bytes.min(most_bytes)).min(MADE_BYTES_MAX.max(made_bytes));
        self.taken_bytes.store(made_bytes_max, Ordering::Relaxed);
        let taken_bytes = Arc::clone(&self.taken_bytes);
        let dropped = Arc::clone(&self.dropped);
        let run = move || {
            let mut thread = Thread { made_bytes, made_bytes_max, ..Thread::new(dropped) };
            thread.run(jobs);
            taken_bytes.store(thread.made_bytes, Ordering::Relaxed);
        };
        std::thread::Builder::new().name("transom-coding".to_owned()).spawn(run).map(drop)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// A form that was made, or that is not worth it.
type Made = Option<(Bytes, u128)>;

struct Thread {
    dropped: Arc<AtomicBool>,
    /// By the place of the original in memory, where equal contents are one, and the coding.
    known: HashMap<(usize, Coding), Made>,
    made_bytes: u64,
    made_bytes_max: u64,
    files: usize,
    /// Forms that were not made because there was no memory left.
    left_out: usize,
}

impl Thread {
    fn new(dropped: Arc<AtomicBool>) -> Self {
        Self { dropped, known: HashMap::new(), made_bytes: 0, made_bytes_max: MADE_BYTES_MAX, files: 0, left_out: 0 }
    }

    fn run(&mut self, jobs: Vec<Job>) {
        // On Linux a priority is a thread's own (setpriority(2), "C library/kernel differences"). Without it the work is the same.
        let _ = rustix::process::setpriority_process(None, LOWEST_PRIORITY);
        self.work(jobs);
        self.tell();
    }

    fn work(&mut self, mut jobs: Vec<Job>) {
        // What is there already comes first, then many small files before few large ones.
        for job in &mut jobs {
            for sibling in std::mem::take(&mut job.unverified) {
                if self.is_dropped() {
                    return;
                }
                verify(&job.asset, sibling);
            }
        }
        jobs.retain(|job| job.compresses);
        jobs.sort_by_key(|job| job.asset.identity.content.length());
        for job in &jobs {
            for coding in MADE.into_iter().filter(|&coding| !job.asset.has(coding)) {
                if self.is_dropped() {
                    return;
                }
                if self.made_bytes >= self.made_bytes_max {
                    self.left_out += 1;
                } else {
                    self.make(&job.asset, coding);
                }
            }
        }
    }

    fn tell(&self) {
        if self.is_dropped() {
            return;
        }
        if self.files > 0 {
            tracing::info!(forms = self.files, bytes = self.made_bytes, "compressed files that have no coded siblings");
        }
        if self.left_out > 0 {
            let (forms, bytes_max) = (self.left_out, self.made_bytes_max);
            tracing::warn!(
                forms,
                bytes_max,
                "no memory is left for further compressed forms: raise `limits.assets_memory`, or run `transom compress`"
            );
        }
    }

    fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    fn make(&mut self, asset: &Asset, coding: Coding) {
        let original = &asset.identity.content;
        let place = match original {
            Content::Memory(bytes) => Some((bytes.as_ptr().addr(), coding)),
            Content::Stored(stored) => Some((Arc::as_ptr(stored).addr(), coding)),
        };
        let made = match place.and_then(|place| self.known.get(&place)) {
            Some(known) => known.clone(),
            None => {
                let made = self.encode(original, coding);
                if let Some(place) = place {
                    self.known.insert(place, made.clone());
                }
                made
            }
        };
        if let Some((bytes, hash)) = made {
            asset.put(coding, Form { content: Content::Memory(bytes), hash, origin: None });
            self.made_bytes += asset.identity.bookkeeping_bytes();
            self.files += 1;
        }
    }

    /// The coded form, unless it is not worth its memory, there is no memory left, or the file was changed meanwhile.
    fn encode(&mut self, original: &Content, coding: Coding) -> Made {
        let length = original.length();
        let worth_bytes_max = worth_bytes_max(length);
        let bytes_max = worth_bytes_max.min(self.made_bytes_max.saturating_sub(self.made_bytes));
        let mut source = Source { reader: ContentReader::new(original), dropped: &self.dropped, count: 0 };
        let Some(bytes) = encode_up_to(coding, &mut source, length, bytes_max).ok()? else {
            self.left_out += usize::from(bytes_max < worth_bytes_max);
            return None;
        };
        if source.count != length || !original.is_unchanged() {
            return None;
        }
        self.made_bytes += bytes.len() as u64;
        let hash = xxhash_rust::xxh3::xxh3_128(&bytes);
        Some((Bytes::from(bytes), hash))
    }
}

fn verify(asset: &Asset, sibling: Unverified) {
    match siblings::verify(&sibling.file.content, sibling.coding, &asset.identity.content) {
        Ok(()) => asset.put(sibling.coding, sibling.file.into()),
        Err(reason) => tracing::warn!("{}", Warning { path: sibling.path, reason }),
    }
}

/// The coded form of `source`; `None` as soon as it is longer than `bytes_max`.
fn encode_up_to(coding: Coding, source: &mut Source<'_>, length: u64, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut encoder = coder::encode(coding, Effort::Background, source, length)?;
    let mut out = Vec::new();
    encoder.by_ref().take(bytes_max).read_to_end(&mut out)?;
    let is_whole = encoder.read(&mut [0; 1])? == 0;
    // What grew by doubling is cut to its length: it stays.
    out.shrink_to_fit();
    Ok(is_whole.then_some(out))
}

/// The bytes of a file, as long as somebody wants them.
struct Source<'a> {
    reader: ContentReader<'a>,
    dropped: &'a AtomicBool,
    count: u64,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.dropped.load(Ordering::Relaxed) {
            return Err(io::Error::other("the folder was dropped"));
        }
        let room = buffer.len().min(CHUNK_BYTES);
        let count = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::{Identity, Stored};
    use super::*;

    fn thread() -> Thread {
        Thread::new(Arc::default())
    }

    fn memory(length: usize) -> Content {
        Content::Memory(Bytes::from(vec![b'x'; length]))
    }

    #[test]
    fn dropping_the_folder_ends_the_work() {
        let background = Background::new(Vec::new(), 0);
        let mut thread = Thread::new(Arc::clone(&background.dropped));
        assert!(thread.encode(&memory(5000), Coding::Gzip).is_some());
        drop(background);
        assert!(thread.is_dropped());
        assert_eq!(thread.encode(&memory(5000), Coding::Gzip), None, "also within a file");
    }

    #[test]
    fn no_more_is_made_than_the_memory_that_it_may_take() {
        let mut thread = thread();
        thread.made_bytes = MADE_BYTES_MAX - 100;
        let (bytes, _) = thread.encode(&memory(5000), Coding::Gzip).unwrap();
        assert_eq!(thread.made_bytes, MADE_BYTES_MAX - 100 + bytes.len() as u64);
        thread.made_bytes = MADE_BYTES_MAX - 10;
        assert_eq!(thread.encode(&memory(5000), Coding::Gzip), None);
    }

    #[test]
    fn a_file_that_was_cut_while_it_was_compressed_has_no_coded_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let identity = Identity::of(&file.metadata().unwrap());
        let content = Content::Stored(Arc::new(Stored::open(file, identity, 6000)));
        for coding in MADE {
            assert_eq!(thread().encode(&content, coding), None, "{coding:?}");
        }
    }

    #[test]
    fn only_files_that_gain_and_cost_little_are_taken() {
        assert_eq!([0, 1023, 1024, SOURCE_BYTES_MAX, SOURCE_BYTES_MAX + 1].map(takes), [false, false, true, true, false]);
    }
}
