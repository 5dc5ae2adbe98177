//! `[headers.csp]`.

use http::HeaderName;

use super::headers;
use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{ContentSecurityPolicy, Diagnostic, HeaderRules, PolicyText, Span};

const PLACEHOLDER: &str = ContentSecurityPolicy::PLACEHOLDER;

/// Reads `csp`, if it is there; `rules` are those that stand beside it.
pub(super) fn read(headers: &mut Table<'_>, rules: &HeaderRules) -> Option<ContentSecurityPolicy> {
    let mut table = headers.table("csp", &keys::CSP, "[headers.csp]");
    let item = if table.is_there() { table.required("policy") } else { table.item("policy") };
    let nonce_item = table.item("nonce");
    let has_nonce = nonce_item.as_ref().and_then(Item::boolean).unwrap_or(false);
    let report_only = table.item("report_only").and_then(|item| item.boolean()).unwrap_or(false);
    table.finish();
    let item = item?;
    let text = item.text_not_empty()?.value;
    let parts: Vec<&str> = text.split(PLACEHOLDER).collect();
    let value = headers::value(&item, &parts.join("x"));
    let policy = match (has_nonce, parts.len() > 1) {
        (true, true) => {
            check_sources(&item, &parts);
            PolicyText::Nonced(parts.into_iter().map(str::to_owned).collect())
        }
        (false, false) => PolicyText::Fixed(value.clone()?),
        (true, false) => {
            let mistake = Diagnostic::new(
                nonce_item.map_or_else(Span::default, |item| item.key_span),
                "`nonce = true` makes a nonce that `policy` does not have",
            );
            let help = "write 'nonce-{nonce}' into it: policy = \"script-src 'self' 'nonce-{nonce}'\"";
            item.reader.report(mistake.label("goes nowhere").related(item.span, "no {nonce} in here").help(help));
            return None;
        }
        (false, true) => {
            let span = placeholder_span(&item);
            let mistake = Diagnostic::new(span, "`policy` has `{nonce}`, and no nonce is made").label("sent as it stands");
            item.reader.report(mistake.help("add nonce = true, or take it out"));
            return None;
        }
    };
    let csp = ContentSecurityPolicy { policy, report_only, span: item.key_span };
    check_once(&item, &csp.header_name(), rules);
    value.and(Some(csp))
}

/// A nonce is a source only within its quotes (CSP3, `nonce-source`); browsers pass over anything else, and block what it was for.
fn check_sources(item: &Item<'_>, parts: &[&str]) {
    let is_source = |pair: &[&str]| matches!(pair, [before, after] if before.ends_with("'nonce-") && after.starts_with('\''));
    if !parts.windows(2).all(is_source) {
        let mistake = item.mistake("`{nonce}` in `policy` stands without `'nonce-` before it and `'` behind it");
        item.reader.report(mistake.label("browsers pass over this").help("write 'nonce-{nonce}', with the quotes"));
    }
}

/// Two places that say what one header is would need a rule which of them wins.
fn check_once(item: &Item<'_>, name: &HeaderName, rules: &HeaderRules) {
    // The places are those of all rules, whatever they do: fixed values, templates, removals.
    if rules.places.iter().any(|(known, _)| known == name) {
        let mistake = item.mistake(format!("`{name}` stands in `[headers]` as well, in `set` or `remove`"));
        item.reader.report(mistake.label("the same header").help("keep one of them; a route may replace it in `headers.response.set`"));
    }
}

fn placeholder_span(item: &Item<'_>) -> Span {
    let at = item.reader.source.slice(item.span).find(PLACEHOLDER).map(|at| item.span.start + at);
    at.map_or(item.span, |start| Span { start, end: start + PLACEHOLDER.len() })
}
