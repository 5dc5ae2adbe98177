//! Reading the head of a request.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use transom::http::request::{Known, RequestHead};

use super::request::{self, BROWSER, CURL};

const HEADS: [(&str, &[u8], usize); 2] = [("curl, 3 fields", CURL, 3), ("browser, 15 fields", BROWSER, 15)];
const NAMES: [&str; 2] = [HEADS[0].0, HEADS[1].0];

fn named(name: &str) -> (&'static [u8], usize) {
    HEADS.iter().find(|(known, ..)| *known == name).map(|(_, bytes, fields)| (*bytes, *fields)).expect("a known head")
}

/// From bytes to a head that answers questions: the floor of every HTTP/1 request, with no allocation on a connection that lives on.
#[divan::bench(args = NAMES)]
fn read(bencher: Bencher<'_, '_>, name: &str) {
    let (bytes, fields) = named(name);
    let mut head = RequestHead::default();
    assert_eq!(request::read(bytes, &mut head), fields);
    bencher.counter(BytesCount::of_slice(bytes)).bench_local(|| request::read(black_box(bytes), &mut head));
}

/// The tokeniser's share of `read`; the difference is our own copying and naming of fields.
#[divan::bench(args = NAMES)]
fn tokenise(bencher: Bencher<'_, '_>, name: &str) {
    let (bytes, fields) = named(name);
    assert_eq!(request::tokenise(bytes), fields);
    bencher.counter(BytesCount::of_slice(bytes)).bench_local(|| request::tokenise(black_box(bytes)));
}

/// Asking for a field that Transom knows: an index, however many fields there are.
#[divan::bench]
fn known_field(bencher: Bencher<'_, '_>) {
    let mut head = RequestHead::default();
    request::read(BROWSER, &mut head);
    assert!(head.value(Known::AcceptEncoding).is_some());
    bencher.bench_local(|| black_box(&head).value(black_box(Known::AcceptEncoding)).map(<[u8]>::len));
}

/// Asking for a field by any name: a walk over all, which is why nothing on the way of a request should.
#[divan::bench]
fn named_field(bencher: Bencher<'_, '_>) {
    let mut head = RequestHead::default();
    request::read(BROWSER, &mut head);
    assert!(head.field("cookie").is_some());
    bencher.bench_local(|| black_box(&head).field(black_box("cookie")).map(<[u8]>::len));
}
