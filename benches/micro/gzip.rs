//! Gzip of 50 KiB of JSON at the levels that could be a default: time against size.
//!
//! Streams are zlib-ng's, whole bodies libdeflate's (`whole`; as `serve/compress/whole.rs` maps the levels). The default of `compression.level` is chosen by
//! these numbers.

use std::fmt::{self, Display, Write as _};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use flate2::{Compress, Compression, FlushCompress, Status};
use libdeflater::{CompressionLvl, Compressor};

const BODY_BYTES: usize = 50 * 1024;
/// The window of gzip, as large as it may be.
const WINDOW_BITS: u8 = 15;
const LEVELS: [u32; 4] = [1, 2, 5, 6];
const LIBRARY_LEVELS: [u32; 4] = [1, 2, 5, 6];

/// A level and what it makes of the body; its name in the table has the size.
#[derive(Clone)]
struct Level {
    level: u32,
    size_bytes: usize,
}

impl Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}: {} B", self.level, self.size_bytes)
    }
}

fn library_levels() -> Vec<Level> {
    let body = json();
    let size_bytes = |level| compress_whole(&mut compressor(level), &body, &mut vec![0; 2 * BODY_BYTES]);
    LIBRARY_LEVELS.iter().map(|&level| Level { level, size_bytes: size_bytes(level) }).collect()
}

fn compressor(level: u32) -> Compressor {
    Compressor::new(CompressionLvl::new(level.cast_signed()).expect("a level that there is"))
}

fn compress_whole(compressor: &mut Compressor, body: &[u8], out: &mut [u8]) -> usize {
    compressor.gzip_compress(body, out).expect("room enough")
}

fn levels() -> Vec<Level> {
    let body = json();
    let size_bytes = |level| compress(&mut state(level), &body, &mut Vec::with_capacity(BODY_BYTES));
    LEVELS.iter().map(|&level| Level { level, size_bytes: size_bytes(level) }).collect()
}

/// A list as an API sends it: the same keys again and again, values that differ. The numbers are the same in every run.
fn json() -> Vec<u8> {
    let mut text = String::from("[");
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    while text.len() < BODY_BYTES {
        // Xorshift: enough to keep a compressor from guessing.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let (id, score) = (seed >> 40, seed % 10_000);
        let state = if score < 5_000 { "open" } else { "closed" };
        let _ = write!(
            text,
            "{{\"id\":{id},\"name\":\"item {}\",\"state\":\"{}\",\"score\":{score},\"created\":\"2026-{:02}-{:02}T12:00:00Z\",\"tags\":[\"a\",\"b\"]}},",
            id % 997,
            state,
            seed % 12 + 1,
            seed % 28 + 1
        );
    }
    text.truncate(BODY_BYTES);
    text.into_bytes()
}

fn state(level: u32) -> Compress {
    Compress::new_gzip(Compression::new(level), WINDOW_BITS)
}

/// Compresses the body into `out`, which has room for it; gives the size.
fn compress(state: &mut Compress, body: &[u8], out: &mut Vec<u8>) -> usize {
    out.clear();
    state.reset();
    let status = state.compress_vec(body, out, FlushCompress::Finish).expect("a body that can be compressed");
    assert_eq!(status, Status::StreamEnd);
    out.len()
}

/// With a compressor that is kept from response to response: throughput of the level itself, in bytes of JSON.
#[divan::bench(args = levels())]
fn kept(bencher: Bencher<'_, '_>, level: &Level) {
    let (body, mut state, mut out) = (json(), state(level.level), Vec::with_capacity(BODY_BYTES));
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| compress(&mut state, black_box(&body), &mut out));
}

/// With a new compressor for every response: what making and freeing its tables costs shows against `kept`.
#[divan::bench(args = levels())]
fn fresh(bencher: Bencher<'_, '_>, level: &Level) {
    let (body, mut out) = (json(), Vec::with_capacity(BODY_BYTES));
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| compress(&mut state(level.level), black_box(&body), &mut out));
}

/// A body that is all there, with a compressor that is kept: what libdeflate saves against `kept`.
#[divan::bench(args = library_levels())]
fn whole(bencher: Bencher<'_, '_>, level: &Level) {
    let (body, mut compressor, mut out) = (json(), compressor(level.level), vec![0; 2 * BODY_BYTES]);
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| compress_whole(&mut compressor, black_box(&body), &mut out));
}
