//! What a load takes over from the build before, and what it reads again.

use std::sync::Arc;
use std::time::Instant;

use super::*;

const SMALL: &[u8] = b"a transom is the beam above a door";

fn medium() -> Vec<u8> {
    SMALL.repeat(3000)
}

fn large() -> Vec<u8> {
    SMALL.repeat(50_000)
}

/// Files of all homes: in memory, on a shelf, and on disk.
fn folder() -> TempDir {
    site(&[("index.html", SMALL), ("app.bin", &medium()), ("film.mp4", &large())])
}

fn reload(folder: &Path, previous: &Assets) -> (Assets, usize) {
    let (assets, summary) = Assets::load(folder, &Options { previous: Some(previous), ..options() }).unwrap();
    (assets, summary.read_files)
}

fn etag(assets: &Assets, path: &str) -> HeaderValue {
    asset(assets, path).identity.etag().clone()
}

#[test]
fn unchanged_files_are_not_read_again_wherever_they_are_kept() {
    let folder = folder();
    let (first, summary) = Assets::load(folder.path(), &options()).unwrap();
    assert_eq!(summary.read_files, 3);
    let (second, read) = reload(folder.path(), &first);
    assert_eq!(read, 0);
    assert_eq!(second.taken(), first.taken());
    for path in ["/index.html", "/app.bin", "/film.mp4"] {
        assert_eq!(etag(&first, path), etag(&second, path));
    }
    let handle = |assets: &Assets, path: &str| match &asset(assets, path).identity.content {
        content::Content::Stored(stored) => Arc::as_ptr(stored.handle().unwrap().file),
        content::Content::Memory(_) => panic!("{path} is not stored"),
    };
    assert_eq!(handle(&first, "/film.mp4"), handle(&second, "/film.mp4"), "one descriptor is enough");
    assert_ne!(handle(&first, "/app.bin"), handle(&second, "/app.bin"), "the shelf of the old build goes with it");
    drop(first);
    let (third, read) = reload(folder.path(), &second);
    assert_eq!(read, 0);
    for (path, bytes) in [("/index.html", SMALL.to_vec()), ("/app.bin", medium()), ("/film.mp4", large())] {
        assert_eq!(body(&reply(asset(&third, path), &get(&[]))), bytes, "{path}");
    }
}

#[test]
fn a_file_of_the_same_length_and_time_but_with_other_bytes_is_noticed() {
    let folder = folder();
    let path = folder.path().join("film.mp4");
    set_modified(&path, 1_700_000_000);
    let first = load(&folder);
    // As `rsync --inplace -t` does it: only the time of the change tells.
    let mut bytes = large();
    bytes[1_000_000] ^= 1;
    write_in_place(&path, &bytes);
    set_modified(&path, 1_700_000_000);
    let (second, read) = reload(folder.path(), &first);
    assert_eq!(read, 1);
    assert_ne!(etag(&first, "/film.mp4"), etag(&second, "/film.mp4"));
    assert_eq!(body(&reply(asset(&second, "/film.mp4"), &get(&[]))), bytes);
}

fn write_in_place(path: &Path, bytes: &[u8]) {
    let changed = || std::os::unix::fs::MetadataExt::ctime_nsec(&fs::metadata(path).unwrap());
    let (before, deadline) = (changed(), Instant::now() + Duration::from_secs(5));
    // The clock of the file system may not have gone on since the file was made.
    while changed() == before {
        assert!(Instant::now() < deadline, "the time of change stands still");
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_file_that_was_read_right_after_it_was_written_is_read_once_more() {
    let folder = folder();
    let options = Options { now: SystemTime::now(), ..options() };
    let (first, _) = Assets::load(folder.path(), &options).unwrap();
    let (second, read) = reload(folder.path(), &first);
    assert_eq!(read, 3, "it may have changed within the grain of the clock");
    assert_eq!(reload(folder.path(), &second).1, 0);
}

#[test]
fn coded_forms_are_neither_verified_nor_made_again() {
    let text = medium();
    let folder = site(&[("a.txt", &text), ("a.txt.zst", &coded_form(Coding::Zstd, &text)), ("b.txt", &text[1..])]);
    let first = load(&folder);
    first.begin_coding(u64::MAX).unwrap();
    let codings = |assets: &Assets, path: &str| asset(assets, path).codings().collect::<Vec<_>>();
    let deadline = Instant::now() + CODED_WITHIN;
    while codings(&first, "/b.txt").len() < 2 || codings(&first, "/a.txt").len() < 3 {
        assert!(Instant::now() < deadline, "the forms were never made");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let (second, read) = reload(folder.path(), &first);
    assert_eq!(read, 0);
    for path in ["/a.txt", "/b.txt"] {
        assert_eq!(codings(&second, path), codings(&first, path), "{path}");
        for coding in ["br", "zstd", "gzip"] {
            let tag = |assets| field(&reply(asset(assets, path), &get(&[("accept-encoding", coding)])), "etag").map(str::to_owned);
            assert_eq!(tag(&first), tag(&second), "{path} in {coding}");
        }
    }
    // A sibling of a file that has changed is looked at again.
    write(folder.path(), "a.txt", &text[2..]);
    let (third, read) = reload(folder.path(), &second);
    assert_eq!((read, codings(&third, "/a.txt")), (1, vec![]));
}

#[test]
fn files_that_are_not_kept_open_are_found_where_their_folder_is_now() {
    let parent = tempfile::tempdir().unwrap();
    let (old, new) = (parent.path().join("old"), parent.path().join("new"));
    write(&old, "film.mp4", &large());
    let storage = Storage { open_files_max: 0, ..options().storage };
    let (first, _) = Assets::load(&old, &Options { storage, ..options() }).unwrap();
    fs::rename(&old, &new).unwrap();
    let load = |storage| Assets::load(&new, &Options { storage, previous: Some(&first), ..options() }).unwrap();
    for (storage, is_closed) in [(storage, true), (options().storage, false)] {
        let (second, summary) = load(storage);
        let content::Content::Stored(stored) = &asset(&second, "/film.mp4").identity.content else { panic!("in memory") };
        assert_eq!((summary.read_files, stored.is_closed()), (0, is_closed));
        assert!(stored.opened().is_ok());
    }
}

#[test]
fn a_file_that_is_to_be_elsewhere_now_is_read() {
    let folder = folder();
    let first = load(&folder);
    let options = Options { memory_file_bytes_max: 8 << 20, previous: Some(&first), ..options() };
    let (second, summary) = Assets::load(folder.path(), &options).unwrap();
    assert_eq!(summary.read_files, 1);
    assert!(!asset(&second, "/film.mp4").identity.content.is_on_disk());
}
