//! Making the coded siblings of a folder's files before it is served: the work of `transom compress`.
//!
//! The same rules as when serving: which files count (`walk`), which types (`http::compressible`) and lengths (`compressible`), what a sound sibling is
//! (`siblings`). A sibling appears whole or not at all; nothing is removed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::coder::{self, CHUNK_BYTES, Effort};
use super::compressible::{LENGTH_BYTES_MIN, worth_bytes_max};
use super::content::ReadFile;
use super::content_reader::ContentReader;
use super::media_type::MediaType;
use super::problem::LoadError;
use super::reader::{Reader, Scratch};
use super::root::Root;
use super::siblings::{self, SUFFIXES};
use super::storage::{Delivery, Home, Storage};
use super::stored;
use super::walk;
use crate::config::{Hidden, Symlinks};
use crate::http::encoding::Coding;

/// Larger files are read from disk while they are compressed.
const MEMORY_FILE_BYTES_MAX: u64 = 4 << 20;

/// A sibling that is to be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedSibling {
    /// Where it will stand.
    pub path: PathBuf,
    source: PathBuf,
    coding: Coding,
    length: u64,
}

/// What became of a sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was written.
    Written {
        /// The bytes of the file.
        length: u64,
        /// The bytes of its sibling.
        coded_length: u64,
    },
    /// It was there, and decodes to the file.
    UpToDate,
    /// It would save less than 5 %.
    NotWorth,
}

/// The siblings that the compressible files of `root` are to have, those of the longest files first.
///
/// # Errors
///
/// [`LoadError`] when the root is no folder or cannot be read.
pub fn planned_siblings(root: &Path) -> Result<Vec<PlannedSibling>, LoadError> {
    let root = Arc::new(Root::open(root, Symlinks::Inside)?);
    let mut planned = BTreeSet::new();
    for file in walk::walk(&root, Hidden::Missing, &mut Vec::new())? {
        let unreadable = |error| LoadError::unreadable(&file.path, error);
        let length = fs::metadata(&file.path).map_err(unreadable)?.len();
        let is_sibling = SUFFIXES.iter().any(|(_, suffix)| file.key.ends_with(suffix.as_bytes()));
        if is_sibling || length < LENGTH_BYTES_MIN || !MediaType::of(&file.key).is_compressible() {
            continue;
        }
        // A file that is reached by a link has its siblings beside the link. A folder that is has them once.
        let place = root.path().join(OsStr::from_bytes(file.key.strip_prefix(b"/").unwrap_or(&file.key)));
        let Some((folder, name)) = place.parent().zip(place.file_name()) else { continue };
        let folder = folder.canonicalize().map_err(unreadable)?;
        for (coding, suffix) in SUFFIXES {
            let path = folder.join(OsStr::from_bytes(&[name.as_bytes(), suffix.as_bytes()].concat()));
            planned.insert(PlannedSibling { path, source: file.path.clone(), coding, length });
        }
    }
    let mut planned: Vec<_> = planned.into_iter().collect();
    planned.sort_by_key(|sibling| std::cmp::Reverse(sibling.length));
    Ok(planned)
}

impl PlannedSibling {
    /// Makes the sibling, unless it is there and right, or not worth it. One that is there and not right is written anew in any case.
    ///
    /// # Errors
    ///
    /// What the file system says; and when the file changes meanwhile.
    pub fn make(&self) -> io::Result<Made> {
        let storage = Storage { memory_bytes_max: MEMORY_FILE_BYTES_MAX, open_files_max: 2, delivery: Delivery::Encrypted };
        let (reader, mut scratch) = (Reader::new(storage, MEMORY_FILE_BYTES_MAX, SystemTime::now()), Scratch::default());
        let mut read = |path: &Path| reader.read_open(stored::open(path)?, (path, Home::Memory), &mut scratch);
        let file = read(&self.source)?;
        let is_stale = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
            Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("is there, and is no regular file")),
            Ok(_) => {
                let there = read(&self.path)?.content;
                let inspected = siblings::inspect(&there, self.coding, file.content.length());
                if inspected.and_then(|()| siblings::verify(&there, self.coding, &file.content)).is_ok() {
                    return Ok(Made::UpToDate);
                }
                true
            }
        };
        let length = file.content.length();
        let bytes_max = if is_stale { u64::MAX } else { worth_bytes_max(length) };
        self.write(&file, bytes_max).map(|coded_length| match coded_length {
            Some(coded_length) => Made::Written { length, coded_length },
            None => Made::NotWorth,
        })
    }

    /// Writes the sibling; `None`, and nothing is left, when it would be longer than `bytes_max`.
    fn write(&self, file: &ReadFile, bytes_max: u64) -> io::Result<Option<u64>> {
        let mut temporary = Temporary::beside(&self.path)?;
        let mut source = Counted { reader: ContentReader::new(&file.content), count: 0 };
        let length = file.content.length();
        let written = write_up_to(coder::encode(self.coding, Effort::Highest, &mut source, length)?, &mut temporary.file, bytes_max)?;
        if written.is_some() {
            if source.count != length {
                return Err(io::Error::other("the file changed while it was compressed"));
            }
            // Whoever may read the file may read its sibling; and of the same file, the same sibling has the same time.
            temporary.file.set_permissions(fs::metadata(&self.source)?.permissions())?;
            if let Some(modified) = file.modified {
                temporary.file.set_modified(modified)?;
            }
            temporary.put_at(&self.path)?;
        }
        Ok(written)
    }
}

fn write_up_to(mut encoder: Box<dyn Read + '_>, out: &mut File, bytes_max: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut written = 0;
    loop {
        let count = encoder.read(&mut buffer)?;
        let chunk = buffer.get(..count).unwrap_or_default();
        if chunk.is_empty() {
            return Ok(Some(written));
        }
        written += chunk.len() as u64;
        if written > bytes_max {
            return Ok(None);
        }
        out.write_all(chunk)?;
    }
}

/// A file, and how much of it was read.
struct Counted<'a> {
    reader: ContentReader<'a>,
    count: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// A file under a name that is not served, which goes away unless it is put in its place.
struct Temporary {
    file: File,
    path: Option<PathBuf>,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_bytes());
        let path = path.with_file_name(format!(".transom-{}-{name:016x}.tmp", std::process::id()));
        // In a container the process id is always the same: what a run left that was killed is in the way.
        let file = File::create_new(&path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => fs::remove_file(&path).and_then(|()| File::create_new(&path)),
            _ => Err(error),
        })?;
        Ok(Self { file, path: Some(path) })
    }

    fn put_at(mut self, path: &Path) -> io::Result<()> {
        let Some(from) = self.path.take() else { return Ok(()) };
        fs::rename(&from, path).inspect_err(|_| self.path = Some(from))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn site(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn text() -> Vec<u8> {
        b"a transom is the beam above a door; ".repeat(60)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn make_all(folder: &tempfile::TempDir) -> Vec<Made> {
        planned_siblings(folder.path()).unwrap().iter().map(|sibling| sibling.make().unwrap()).collect()
    }

    #[test]
    fn compressible_files_get_three_siblings_and_others_none() {
        let folder = site(&[("a.js", &text()), ("short.js", b"x"), ("a.png", &text()), (".hidden.js", &text()), ("b.js.gz", &text())]);
        assert!(make_all(&folder).iter().all(|made| matches!(made, Made::Written { length, coded_length } if coded_length < length)));
        assert_eq!(names(&folder), [".hidden.js", "a.js", "a.js.br", "a.js.gz", "a.js.zst", "a.png", "b.js.gz", "short.js"]);
    }

    #[test]
    fn a_second_run_writes_nothing_and_a_stale_sibling_is_written_anew() {
        let folder = site(&[("a.js", &text())]);
        make_all(&folder);
        assert_eq!(make_all(&folder), [Made::UpToDate; 3]);
        fs::write(folder.path().join("a.js"), [&text()[..], b"changed"].concat()).unwrap();
        assert!(make_all(&folder).iter().all(|made| matches!(made, Made::Written { .. })));
        assert_eq!(make_all(&folder), [Made::UpToDate; 3]);
    }

    #[test]
    fn a_sibling_has_the_time_of_its_file_and_the_same_bytes_each_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let made = [(); 2].map(|()| {
            let folder = site(&[("a.js", &text())]);
            File::options().write(true).open(folder.path().join("a.js")).unwrap().set_modified(time).unwrap();
            make_all(&folder);
            ["a.js.br", "a.js.gz", "a.js.zst"].map(|name| {
                let path = folder.path().join(name);
                (fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap())
            })
        });
        assert_eq!(made[0], made[1]);
        assert!(made[0].iter().all(|(_, modified)| *modified == time));
    }

    #[test]
    fn what_would_save_little_leaves_no_file() {
        let noise: Vec<u8> = (0..1000_u32).flat_map(|number| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()).to_le_bytes()).collect();
        let folder = site(&[("noise.txt", &noise)]);
        assert_eq!(make_all(&folder), [Made::NotWorth; 3]);
        assert_eq!(names(&folder), ["noise.txt"]);
    }

    #[test]
    fn what_is_in_the_place_of_a_sibling_and_no_file_is_left_there() {
        let folder = site(&[("a.js", &text()), ("a.js.br/x", b"x")]);
        let planned = planned_siblings(folder.path()).unwrap();
        let failed = planned.iter().filter(|sibling| sibling.make().is_err()).count();
        assert_eq!((failed, names(&folder).contains(&"a.js.gz".to_owned())), (1, true));
        assert!(folder.path().join("a.js.br/x").exists());
    }

    #[test]
    fn a_linked_folder_gets_its_siblings_once() {
        let folder = site(&[("real/a.js", &text())]);
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        assert_eq!(planned_siblings(folder.path()).unwrap().len(), 3);
    }
}
