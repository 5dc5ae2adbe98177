//! The normal form of a path.

use std::borrow::Cow;

use divan::{Bencher, black_box};
use transom::http::path;

/// Paths that are normal already: no allocation, linear in the length.
#[divan::bench(args = ["/", "/assets/index-BfX2q9aL.js", "/api/v1/organisations/4711/projects/42/deployments/2026-01-01/artifacts/linux-x86_64"])]
fn normal(bencher: Bencher<'_, '_>, raw: &str) {
    assert!(matches!(path::normalize(raw.as_bytes()), Ok(Cow::Borrowed(_))));
    bencher.bench_local(|| path::normalize(black_box(raw.as_bytes())));
}

/// Paths with escapes, doubled slashes and dots: written anew, which is the price of an unusual client and of an attacker.
#[divan::bench(args = ["/a%20b/c", "//a//b", "/a/./b/../c/%2e%2e/d", "/%61%62%63%64%65%66%67%68%69%6A%6B%6C%6D%6E%6F%70%71%72%73%74%75%76%77%78"])]
fn rewritten(bencher: Bencher<'_, '_>, raw: &str) {
    assert!(matches!(path::normalize(raw.as_bytes()), Ok(Cow::Owned(_))));
    bencher.bench_local(|| path::normalize(black_box(raw.as_bytes())));
}

/// A path that climbs above the root: refusing it costs what rewriting costs, and no more.
#[divan::bench]
fn refused(bencher: Bencher<'_, '_>) {
    let raw = b"/a/../../../../etc/passwd";
    assert!(path::normalize(raw).is_err());
    bencher.bench_local(|| path::normalize(black_box(raw)).is_err());
}
