//! The whole of a static answer, without protocol and sockets: look-up, coding, preconditions and range together.

use std::fs;
use std::time::SystemTime;

use divan::{Bencher, black_box};
use transom::assets::{Assets, CodedSources, Delivery, Fields, Found, Options, PageOptions, Storage, reply};
use transom::config::Selection;
use transom::http::request::RequestHead;

use super::request;

const FILES: usize = 1000;
const FILE_BYTES: usize = 1024;

/// A folder of a thousand files, in memory.
fn assets() -> Assets {
    let folder = tempfile::tempdir().expect("a folder");
    for file in 0..FILES {
        fs::write(folder.path().join(format!("file-{file:04}.txt")), [b'x'; FILE_BYTES]).expect("a file");
    }
    let keep = |fields: Fields| fields;
    let storage = Storage { memory_bytes_max: 1 << 30, open_files_max: 16, delivery: Delivery::Both };
    let selection = Selection::default();
    let options = Options {
        index: &[],
        spa: None,
        environment: None,
        pages: PageOptions::default(),
        errors: &[],
        listing: false,
        decorate: &keep,
        memory_file_bytes_max: 1 << 20,
        storage,
        now: SystemTime::now(),
        selection: &selection,
        coded: CodedSources { siblings: true, compress: false },
        previous: None,
    };
    Assets::load(folder.path(), &options).expect("a site").0
}

fn status(assets: &Assets, path: &[u8], head: &RequestHead) -> u16 {
    match assets.find(path, head) {
        Found::Asset(asset) => reply(asset, head).status.as_u16(),
        Found::Fallback(_) | Found::Listing(_) | Found::Directory | Found::Missing => 404,
    }
}

fn measure(bencher: Bencher<'_, '_>, fields: &[(&str, &str)], expected: u16) {
    let (assets, path) = (assets(), "/file-0500.txt");
    let head = request::head(path, fields);
    assert_eq!(status(&assets, path.as_bytes(), &head), expected);
    bencher.bench_local(|| status(black_box(&assets), black_box(path.as_bytes()), black_box(&head)));
}

/// A plain GET: all that is decided about a file before it is sent.
#[divan::bench]
fn ok(bencher: Bencher<'_, '_>) {
    measure(bencher, &[("accept-encoding", "gzip, deflate, br, zstd")], 200);
}

/// A reload: a 304 is decided as fast as a 200.
#[divan::bench]
fn not_modified(bencher: Bencher<'_, '_>) {
    measure(bencher, &[("if-none-match", "*")], 304);
}

/// A part: what `Content-Range`, the one field that is written per request, adds.
#[divan::bench]
fn partial(bencher: Bencher<'_, '_>) {
    measure(bencher, &[("range", "bytes=100-199")], 206);
}

/// A path that no file has: one look-up.
#[divan::bench]
fn missing(bencher: Bencher<'_, '_>) {
    let (assets, path) = (assets(), "/file-9999.txt");
    let head = request::head(path, &[]);
    assert_eq!(status(&assets, path.as_bytes(), &head), 404);
    bencher.bench_local(|| status(black_box(&assets), black_box(path.as_bytes()), black_box(&head)));
}
