//! The policy for response headers.
//!
//! For files it is applied once, at load; for proxied responses each field is asked whether the policy overrides it, per response.

use divan::{Bencher, black_box};
use http::header::{self, HeaderName, HeaderValue};
use transom::config::{GlobalHeaders, HeaderPreset, HeaderRules, Span, Spanned};
use transom::plan::ResponsePolicy;

/// Ten fields that an application sends.
const SENT: [&str; 10] = [
    "content-type",
    "content-length",
    "date",
    "etag",
    "vary",
    "set-cookie",
    "x-request-id",
    "x-powered-by",
    "cache-control",
    "server-timing",
];

const PRESETS: [&str; 3] = ["none", "spa", "strict"];

/// A preset with nothing added.
fn preset(name: &str) -> ResponsePolicy {
    let preset = match name {
        "none" => HeaderPreset::None,
        "spa" => HeaderPreset::Spa,
        _ => HeaderPreset::Strict,
    };
    ResponsePolicy::merge(
        &GlobalHeaders { preset: Spanned::new(preset, Span::default()), rules: HeaderRules::default(), csp: None },
        &HeaderRules::default(),
    )
}

/// `rules` fields that are set, the last of which an upstream sends too.
fn policy(rules: usize) -> ResponsePolicy {
    let name = |rule: usize| if rule + 1 == rules { "x-powered-by".to_owned() } else { format!("x-operator-{rule}") };
    let set = (0..rules).map(|rule| (name(rule).parse::<HeaderName>().expect("a name"), HeaderValue::from_static("value"))).collect();
    let global = GlobalHeaders { preset: Spanned::new(HeaderPreset::Spa, Span::default()), rules: HeaderRules::default(), csp: None };
    ResponsePolicy::merge(&global, &HeaderRules { set, ..HeaderRules::default() })
}

/// Asking for each of an upstream's ten fields whether it stays: what a proxied response pays for the operator's rules, by their number.
#[divan::bench(args = [0, 2, 20])]
fn overrides(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let overridden = |policy: &ResponsePolicy| SENT.iter().filter(|name| policy.overrides(black_box(name.as_bytes()))).count();
    assert_eq!(overridden(&policy), usize::from(rules > 0));
    bencher.bench_local(|| overridden(black_box(&policy)));
}

/// Dressing and serialising one response of our own: paid for every file at load, and for a refusal when it is made.
#[divan::bench(args = PRESETS)]
fn block(bencher: Bencher<'_, '_>, name: &str) {
    let policy = preset(name);
    let fields = || {
        vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
            (header::ETAG, HeaderValue::from_static("\"9f86d081884c7d65\"")),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ]
    };
    bencher.with_inputs(fields).bench_local_values(|fields| black_box(&policy).block(fields));
}
