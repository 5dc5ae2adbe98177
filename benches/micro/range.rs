//! Which part of a body was asked for.

use divan::{Bencher, black_box};
use transom::http::range::{Selection, select};

const LENGTH: u64 = 1 << 20;

/// One range, as players and resumed downloads send it: two numbers read, no allocation.
#[divan::bench(args = ["bytes=0-", "bytes=65536-131071", "bytes=-500"])]
fn part(bencher: Bencher<'_, '_>, value: &str) {
    assert!(matches!(select(value.as_bytes(), LENGTH), Selection::Part(_)));
    bencher.bench_local(|| select(black_box(value.as_bytes()), black_box(LENGTH)));
}

/// A hundred ranges, the old way to make a server work: answered whole, and no dearer than two.
#[divan::bench]
fn many_ranges(bencher: Bencher<'_, '_>) {
    let value = format!("bytes={}", vec!["0-"; 100].join(","));
    assert_eq!(select(value.as_bytes(), LENGTH), Selection::Whole);
    bencher.bench_local(|| select(black_box(value.as_bytes()), black_box(LENGTH)));
}

/// A range behind the end (416).
#[divan::bench]
fn unsatisfiable(bencher: Bencher<'_, '_>) {
    assert_eq!(select(b"bytes=2097152-", LENGTH), Selection::Unsatisfiable);
    bencher.bench_local(|| select(black_box(b"bytes=2097152-"), black_box(LENGTH)));
}
