//! Path to route.

use divan::{Bencher, black_box};
use transom::plan::Router;

/// A small site, and far more routes than one file should have.
const SIZES: [usize; 2] = [5, 200];

/// `routes` prefixes of one length, the last of them added last, and a route for the rest.
fn router(routes: usize) -> Router {
    let mut router = Router::new(routes);
    for route in 0..routes {
        assert_eq!(router.add_prefix(&prefix(route), route), None);
    }
    router
}

fn prefix(route: usize) -> String {
    format!("/section-{route:03}/api")
}

/// The route that is looked at first: the best case, which does not grow.
#[divan::bench(args = SIZES)]
fn first(bencher: Bencher<'_, '_>, routes: usize) {
    found(bencher, routes, 0);
}

/// The route that is looked at last: prefixes are compared one by one, so this grows with their number.
#[divan::bench(args = SIZES)]
fn last(bencher: Bencher<'_, '_>, routes: usize) {
    found(bencher, routes, routes - 1);
}

fn found(bencher: Bencher<'_, '_>, routes: usize, sought: usize) {
    let router = router(routes);
    let path = prefix(sought) + "/users/42";
    assert_eq!(router.route(path.as_bytes()).route, sought);
    bencher.bench_local(|| black_box(&router).route(black_box(path.as_bytes())));
}

/// A path that no prefix covers: as dear as the last.
#[divan::bench(args = SIZES)]
fn none(bencher: Bencher<'_, '_>, routes: usize) {
    let router = router(routes);
    assert_eq!(router.route(b"/section-zzz/api/users/42").route, routes);
    bencher.bench_local(|| black_box(&router).route(black_box(b"/section-zzz/api/users/42")));
}

/// An exact path among as many prefixes: one look into a table, whatever the number.
#[divan::bench(args = SIZES)]
fn exact(bencher: Bencher<'_, '_>, routes: usize) {
    let mut router = router(routes);
    router.add_exact("/healthz", routes + 1);
    assert_eq!(router.route(b"/healthz").route, routes + 1);
    bencher.bench_local(|| black_box(&router).route(black_box(b"/healthz")));
}
