//! Which of the codings that are there a client gets.

use divan::{Bencher, black_box};
use transom::http::encoding::{Coding, choose};

/// What a build with both siblings has, best first.
const AVAILABLE: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

/// What browsers, curl and careful clients send: the list is read once, whatever it says of weights.
#[divan::bench(args = ["gzip, deflate, br, zstd", "gzip", "br;q=0.5, gzip;q=0.8, *;q=0.1"])]
fn coded(bencher: Bencher<'_, '_>, value: &str) {
    assert!(choose(Some(value.as_bytes()), &AVAILABLE).is_some());
    bencher.bench_local(|| choose(black_box(Some(value.as_bytes())), black_box(&AVAILABLE)));
}

/// A client without the field: nothing is read.
#[divan::bench]
fn identity(bencher: Bencher<'_, '_>) {
    assert_eq!(choose(None, &AVAILABLE), None);
    bencher.bench_local(|| choose(black_box(None), black_box(&AVAILABLE)));
}
