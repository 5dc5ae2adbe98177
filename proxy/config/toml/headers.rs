//! `[headers]`, and the `set` and `remove` of it and of routes.

#![allow(clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use http::{HeaderName, HeaderValue};

use super::hint::nearest;
use super::item::Item;
use super::reader::Table;
use super::{csp, keys};
use crate::config::{
    ContentSecurityPolicy, Diagnostic, GlobalHeaders, HeaderPreset, HeaderRules, ParsedTemplate, Piece, Span, Spanned, Template, defaults,
};
use crate::http::hop;

/// Fields that the protocol writes beside those of one connection: framing (RFC 9112 §6) and `Date` (RFC 9110 §6.6.1). A config that could write them
/// would make messages that are read in two ways.
const OWN_FIELDS: &[&str] = &["content-length", "date", "trailer"];

/// Reads `[headers]`.
pub(super) fn read_global(mut table: Table<'_>) -> GlobalHeaders {
    let presets = [("spa", HeaderPreset::Spa), ("strict", HeaderPreset::Strict), ("none", HeaderPreset::None)];
    let preset = table.item("preset").and_then(|item| Some(Spanned::new(item.choice(&presets, &[])?, item.span)));
    let preset = preset.unwrap_or(Spanned::new(defaults::PRESET, Span::default()));
    let rules = read_rules(&mut table);
    let csp = csp::read(&mut table, &rules);
    table.finish();
    GlobalHeaders { preset, rules, csp }
}

/// What `headers` of a route holds.
pub(super) struct RouteHeaders {
    /// `headers.request`, and where it stands.
    pub request: Spanned<HeaderRules>,
    /// `headers.response`.
    pub response: HeaderRules,
}

/// Reads `headers` of a route.
pub(super) fn read_route(route: &mut Table<'_>) -> RouteHeaders {
    let mut table = route.table("headers", &keys::ROUTE_HEADERS, "headers");
    let mut request = table.table("request", &keys::HEADER_RULES, "headers.request");
    let mut response = table.table("response", &keys::HEADER_RULES, "headers.response");
    let headers = RouteHeaders { request: Spanned::new(read_rules(&mut request), request.span), response: read_rules(&mut response) };
    request.finish();
    response.finish();
    table.finish();
    headers
}

/// Reads `set` and `remove`; a `set` of `""` is a removal.
fn read_rules(table: &mut Table<'_>) -> HeaderRules {
    let mut rules = HeaderRules::default();
    let mut seen: Vec<(HeaderName, Span)> = Vec::new();
    for (name, item) in table.item("set").iter().flat_map(Item::named) {
        let value = value_of(&Item { name: name.value.clone(), ..item.clone() });
        let Some(name) = new_name(&item, &name, &mut seen) else { continue };
        match value {
            Some(Value::Fixed(value)) if value.is_empty() => rules.remove.push(name),
            Some(Value::Fixed(value)) => rules.set.push((name, value)),
            Some(Value::Filled(template)) => rules.templates.push((name, template)),
            None => {}
        }
    }
    for item in table.item("remove").iter().flat_map(Item::list) {
        let Some(text) = item.text() else { continue };
        rules.remove.extend(new_name(&item, &text, &mut seen));
    }
    rules.places = seen;
    rules
}

/// The value of a `set`.
enum Value {
    Fixed(HeaderValue),
    Filled(Template),
}

fn value_of(item: &Item<'_>) -> Option<Value> {
    let text = item.text()?.value;
    match Template::parse(&text) {
        Ok(ParsedTemplate::Fixed(fixed)) => checked(item, &fixed).map(Value::Fixed),
        Ok(ParsedTemplate::Filled(template)) => {
            // Whatever is filled in, it is not what makes the rest wrong.
            let around: String = template.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text } else { "x" }).collect();
            checked(item, &around).map(|_| Value::Filled(template))
        }
        Err(part) => {
            report_unknown(item, part);
            None
        }
    }
}

/// Reports a variable that there is not, at its place in the value.
fn report_unknown(item: &Item<'_>, part: &str) {
    let at = item.reader.source.slice(item.span).find(part).map(|at| item.span.start + at);
    let span = at.map_or(item.span, |start| Span { start, end: start + part.len() });
    let name = part.trim_matches(['{', '}']);
    let near =
        nearest(&name.replace('-', "_"), Template::names(), usize::MAX).map_or(String::new(), |near| format!("did you mean {{{near}}}?"));
    let help = if part == ContentSecurityPolicy::PLACEHOLDER {
        "write the policy in [headers.csp], with nonce = true".into()
    } else {
        let names: Vec<String> = Template::names().map(|name| format!("{{{name}}}")).collect();
        format!(
            "the variables are {}; {{{part} stands for the text {part}, and ${{NAME}} for a variable of the environment",
            names.join(", ")
        )
    };
    item.reader.report(Diagnostic::new(span, format!("there is no variable `{part}`")).label(near).help(help));
}

/// The name, when it is one, may be changed, and was not met before in the same table.
fn new_name(item: &Item<'_>, text: &Spanned<String>, seen: &mut Vec<(HeaderName, Span)>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(text.value.as_bytes()) else {
        let mistake = Diagnostic::new(text.span, format!("\"{}\" is not the name of a header", text.value));
        item.reader.report(mistake.help("a name has letters, digits and hyphens, no space and no colon: \"X-Frame-Options\""));
        return None;
    };
    if hop::is_hop_by_hop(name.as_str().as_bytes()) || OWN_FIELDS.contains(&name.as_str()) {
        let mistake = Diagnostic::new(text.span, format!("`{}` cannot be set or removed", text.value));
        item.reader.report(mistake.label("written by the protocol itself").help("take it out; it is always right without"));
        return None;
    }
    if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
        let mistake = Diagnostic::new(text.span, format!("`{}` is changed twice in the same table", text.value));
        item.reader.report(mistake.related(*first, "first here").help("take one of them out; upper and lower case are the same"));
        return None;
    }
    seen.push((name.clone(), text.span));
    Some(name)
}

/// The value of a header that is the same for every request: that of a redirect, of a media type, of a policy.
pub(super) fn value(item: &Item<'_>, text: &str) -> Option<HeaderValue> {
    if let Some(variable) = placeholder(text) {
        let mistake = item.mistake(format!("`{}` takes no variables, and has `{variable}`", item.name));
        item.reader.report(mistake.help("write a fixed value; a variable of the environment is written ${NAME}"));
        return None;
    }
    checked(item, text)
}

/// Checks the value of a header (RFC 9110 §5.5).
fn checked(item: &Item<'_>, text: &str) -> Option<HeaderValue> {
    let report = |message: String, help: &str| {
        item.reader.report(item.mistake(message).help(help));
        None
    };
    if text.contains(['\r', '\n', '\0']) {
        return report(
            format!("the value of `{}` has a line break or a NUL", item.name),
            "write it on one line; a line break would begin another header",
        );
    }
    // Other bytes are allowed by RFC 9110 §5.5 and read differently by every receiver.
    match HeaderValue::from_str(text) {
        Ok(_) if !text.is_ascii() => report(
            format!("the value of `{}` has a character that is not ASCII", item.name),
            "write it in ASCII; in a URL, as %XX of its UTF-8 bytes",
        ),
        Ok(value) if text.trim() == text => Some(value),
        Ok(_) => report(format!("the value of `{}` begins or ends with a space", item.name), "take the space out; receivers do"),
        Err(_) => report(format!("the value of `{}` has a control character", item.name), "take it out"),
    }
}

/// A `{name}` in the text; JSON in a header is none, since its braces are followed by quotes.
fn placeholder(text: &str) -> Option<&str> {
    text.match_indices('{').find_map(|(start, _)| {
        let length = text[start..].find('}')?;
        let inner = &text[start + 1..start + length];
        let is_name = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_name.then(|| &text[start..=start + length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_told_from_json() {
        assert_eq!(placeholder("a {request_id} b"), Some("{request_id}"));
        assert_eq!(placeholder("{\"group\":\"default\"}"), None);
        assert_eq!(placeholder("{}{é}{"), None);
    }
}
