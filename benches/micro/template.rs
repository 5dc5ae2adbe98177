//! Filling in a template: the policy with the nonce of a response.

use divan::{Bencher, black_box};
use transom::config::{ContentSecurityPolicy, GlobalHeaders, HeaderPreset, HeaderRules, PolicyText, Span, Spanned};
use transom::plan::{NoncedField, ResponsePolicy};

const NONCE: &[u8] = b"0123456789abcdef0123456789abcdef";

/// `places` nonces in a policy of the usual length.
fn field(places: usize) -> NoncedField {
    let mut parts = vec!["default-src 'self'; script-src 'self' 'nonce-".to_owned()];
    parts.extend((1..places).map(|_| "'; style-src 'self' 'nonce-".to_owned()));
    parts.push("'; frame-ancestors 'none'; base-uri 'self'".to_owned());
    let csp = ContentSecurityPolicy { policy: PolicyText::Nonced(parts), report_only: false, span: Span::default() };
    let preset = Spanned::new(HeaderPreset::Spa, Span::default());
    let global = GlobalHeaders { preset, rules: HeaderRules::default(), csp: Some(csp) };
    ResponsePolicy::merge(&global, &HeaderRules::default()).nonced.expect("a policy with a nonce")
}

/// What each response gets.
#[divan::bench(args = [1, 2])]
fn nonce(bencher: Bencher<'_, '_>, places: usize) {
    let field = field(places);
    let filled = field.value(NONCE);
    assert_eq!(filled.windows(NONCE.len()).filter(|window| *window == NONCE).count(), places);
    bencher.bench_local(|| black_box(&field).value(black_box(NONCE)));
}
