//! The promises of the assets layer, on real folders.

mod codings;
mod extras;
mod finding;
mod loading;
mod pages;
mod parts;
mod replies;
mod selecting;
mod succession;
mod unchanged;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use tempfile::TempDir;

use super::coder::Effort;
use super::*;
use crate::http::encoding::Coding;
use crate::http::request::Version;

/// How long a coded form may take. It is made at the lowest priority: beside two busy programs that gets less than a hundredth of a core, and what takes a
/// tenth of a second by itself takes a quarter of a minute there.
const CODED_WITHIN: Duration = Duration::from_secs(300);

/// A folder with these files, that goes away with the value.
fn site(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    folder
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The coded form of these bytes.
fn coded_form(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    coder::encode(coding, Effort::Highest, bytes, bytes.len() as u64).unwrap().read_to_end(&mut form).unwrap();
    form
}

fn index_names() -> &'static [String] {
    // Leaked once for each caller: options borrow the names.
    Box::leak(vec!["index.html".to_owned(), "index.htm".to_owned()].into_boxed_slice())
}

fn options() -> Options<'static> {
    Options {
        index: index_names(),
        spa: None,
        environment: None,
        pages: PageOptions::default(),
        errors: &[],
        listing: false,
        decorate: &|fields| fields,
        memory_file_bytes_max: 1 << 20,
        storage: Storage { memory_bytes_max: 1 << 30, open_files_max: 16, delivery: Delivery::Both },
        now: UNIX_EPOCH + Duration::from_secs(4_000_000_000),
        selection: Box::leak(Box::default()),
        coded: CodedSources { siblings: true, compress: true },
        previous: None,
    }
}

fn load(folder: &TempDir) -> Assets {
    Assets::load(folder.path(), &options()).unwrap().0
}

fn load_spa(folder: &TempDir) -> Assets {
    Assets::load(folder.path(), &Options { spa: Some("index.html"), ..options() }).unwrap().0
}

fn warnings(folder: &TempDir) -> Vec<(String, WarningReason)> {
    let (_, summary) = Assets::load(folder.path(), &options()).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    summary.warnings.into_iter().map(|warning| (name(&warning.path), warning.reason)).collect()
}

fn head(method: &str, fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::default();
    head.start(Version::Http11, method.as_bytes(), b"/");
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    head
}

fn get(fields: &[(&str, &str)]) -> RequestHead {
    head("GET", fields)
}

#[track_caller]
fn asset<'a>(assets: &'a Assets, path: &str) -> &'a Asset {
    match assets.find(path.as_bytes(), &get(&[])) {
        Found::Asset(asset) => asset,
        other => panic!("{path}: {other:?}"),
    }
}

#[track_caller]
fn is_missing(assets: &Assets, path: &str) {
    let found = assets.find(path.as_bytes(), &get(&[]));
    assert!(matches!(found, Found::Missing), "{path}: {found:?}");
}

fn field<'a>(answer: &'a Answer<'_>, name: &str) -> Option<&'a str> {
    answer.fields.get(name).map(|value| std::str::from_utf8(value).unwrap())
}

#[track_caller]
fn body(answer: &Answer<'_>) -> Vec<u8> {
    match &answer.body {
        Body::Empty => Vec::new(),
        Body::Memory(bytes) => bytes.to_vec(),
        Body::Stored { file, offset, length } => read(file, *offset, *length),
        Body::Parts(parts) => {
            let mut bytes = Vec::new();
            for part in &parts.parts {
                bytes.extend_from_slice(&part.head);
                match &part.data {
                    PartData::Memory(data) => bytes.extend_from_slice(data),
                    PartData::Stored { file, range } => bytes.extend(read(file, range.first, range.length())),
                }
            }
            bytes.extend_from_slice(&parts.end);
            bytes
        }
    }
}

fn read(stored: &Stored, offset: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    use std::os::unix::fs::FileExt;
    let handle = stored.handle().unwrap();
    handle.file.read_exact_at(&mut bytes, handle.start + offset).unwrap();
    bytes
}

fn set_modified(path: &Path, seconds: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn with_field(name: &'static str, value: &'static str) -> impl Fn(Fields) -> Fields {
    move |mut fields| {
        fields.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
        fields
    }
}
