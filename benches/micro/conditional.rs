//! Preconditions: whether a client's copy is still good.

use divan::{Bencher, black_box};
use transom::http::conditional::{Conditions, Outcome, Strength, Validators, evaluate};

const VALIDATORS: Validators<'_> =
    Validators { etag: b"\"9f86d081884c7d65\"", last_modified: Some(1_767_225_600), date_strength: Strength::Strong };

fn measure(bencher: Bencher<'_, '_>, conditions: Conditions<'_>, outcome: Outcome) {
    assert_eq!(evaluate(&conditions, &VALIDATORS), outcome);
    bencher.bench_local(|| evaluate(black_box(&conditions), black_box(&VALIDATORS)));
}

/// A first visit: what the rules cost a request that has none of the fields.
#[divan::bench]
fn none(bencher: Bencher<'_, '_>) {
    measure(bencher, Conditions::default(), Outcome::Proceed);
}

/// A reload of what has not changed: the comparison that saves a body.
#[divan::bench]
fn if_none_match_hit(bencher: Bencher<'_, '_>) {
    measure(bencher, Conditions { if_none_match: Some(b"\"9f86d081884c7d65\""), ..Conditions::default() }, Outcome::NotModified);
}

/// A reload after a deployment: the comparison that was for nothing.
#[divan::bench]
fn if_none_match_miss(bencher: Bencher<'_, '_>) {
    measure(bencher, Conditions { if_none_match: Some(b"\"0000000000000000\""), ..Conditions::default() }, Outcome::Proceed);
}

/// A cache with twenty copies, none of them current: linear in the list.
#[divan::bench]
fn if_none_match_list_miss(bencher: Bencher<'_, '_>) {
    let tags: Vec<String> = (0..20).map(|tag| format!("W/\"{tag:016x}\"")).collect();
    let tags = tags.join(", ");
    measure(bencher, Conditions { if_none_match: Some(tags.as_bytes()), ..Conditions::default() }, Outcome::Proceed);
}

/// The same question by date, for clients that kept no tag: parsing the date is nearly all of it.
#[divan::bench]
fn if_modified_since(bencher: Bencher<'_, '_>) {
    let conditions = Conditions { if_modified_since: Some(b"Thu, 01 Jan 2026 00:00:00 GMT"), ..Conditions::default() };
    measure(bencher, conditions, Outcome::NotModified);
}
