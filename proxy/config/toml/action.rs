//! The one action of a route: `proxy`, `root`, `redirect` or `respond`.

#![allow(clippy::indexing_slicing, reason = "the list was found to be not empty")]

use ::toml::de::DeValue;
use http::{HeaderValue, StatusCode};

use super::item::Item;
use super::reader::Table;
use super::{folder, keys, pattern, proxy_options};
use crate::config::{Action, Diagnostic, PathPattern, ProxyTarget, Spanned, defaults};
use crate::units::{ServerUrl, UnitError};

/// The keys that are actions.
const ACTIONS: [&str; 4] = ["proxy", "root", "redirect", "respond"];

/// What a wrong status of a redirect is told.
pub(super) const REDIRECT_STATUSES: &str = "choose 308 or 307 (the method is kept), or 301, 302, 303";

/// `true` for the statuses that send to another place (RFC 9110 §15.4).
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Reads the action and its options; `None` when there is not exactly one or it is wrong, which is then reported.
pub(super) fn read(table: &mut Table<'_>, patterns: &[Spanned<PathPattern>]) -> Option<Spanned<Action>> {
    let mut actions: Vec<Item<'_>> = ACTIONS.iter().filter_map(|name| table.item(name)).collect();
    actions.sort_by_key(|item| item.key_span.start);
    let folder_options: Vec<Item<'_>> = folder::OPTIONS.iter().filter_map(|name| table.item(name)).collect();
    let strip = table.item("strip");
    let proxy_options: Vec<Item<'_>> = proxy_options::OPTIONS.iter().filter_map(|name| table.item(name)).collect();
    if actions.is_empty() && !ACTIONS.iter().any(|name| table.misspells(name)) {
        let help = "add one of these:\nroot = \"dist\"\nproxy = \"http://127.0.0.1:3000\"\nredirect = \"/new\"\nrespond = { status = 200, body = \"ok\\n\" }";
        table.reader.report_absent(Diagnostic::new(table.span, "this `[[route]]` has no action").label("does nothing").help(help));
    }
    for second in actions.iter().skip(1) {
        let first = &actions[0];
        let message = format!("a route has one action, and this one has `{}` and `{}`", first.name, second.name);
        let mistake = Diagnostic::new(second.key_span, message).label("the second").related(first.key_span, "the first");
        table.reader.report(mistake.help(format!("take one of them out, or move `{}` to a [[route]] of its own", second.name)));
    }
    for (option, action) in
        folder_options.iter().map(|item| (item, "root")).chain(strip.iter().chain(&proxy_options).map(|item| (item, "proxy")))
    {
        if !actions.is_empty() && actions.iter().all(|item| item.name != action) {
            let message = format!("`{}` counts only with `{action}`, and this route has `{}`", option.name, actions[0].name);
            table.reader.report(Diagnostic::new(option.key_span, message).help(format!("take `{}` out", option.name)));
        }
    }
    let item = actions.first()?;
    let action = match item.name.as_str() {
        "proxy" => read_proxy(item, (strip.as_ref(), &proxy_options), patterns),
        "root" => folder::read(item, &folder_options).map(Action::Root),
        "redirect" => read_redirect(item),
        _ => read_respond(item),
    }?;
    Some(Spanned::new(action, item.span))
}

fn read_proxy(item: &Item<'_>, (strip, options): (Option<&Item<'_>>, &[Item<'_>]), patterns: &[Spanned<PathPattern>]) -> Option<Action> {
    let strip = strip.and_then(|strip| read_strip(strip, patterns));
    let target = item.text_not_empty().and_then(|_| item.parse(target))?;
    if let (Some(strip), Some(rewrite)) = (&strip, options.iter().find(|option| option.name == "rewrite")) {
        let mistake =
            Diagnostic::new(rewrite.key_span, "`rewrite` and `strip` both change the path").related(strip.span, "`strip` is here");
        item.reader.report(mistake.help("keep one of them: rewrite = { from = \"^/api/(.*)$\", to = \"/$1\" } strips as well"));
    }
    Some(Action::Proxy { target, strip, options: proxy_options::read(options) })
}

/// A name has none of the characters that every URL has.
fn target(text: &str) -> Result<ProxyTarget, UnitError> {
    if text.contains([':', '/']) || text.bytes().all(|byte| byte.is_ascii_digit()) {
        return ServerUrl::parse(text).map(ProxyTarget::Inline);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(allowed) {
        return Ok(ProxyTarget::Named(text.into()));
    }
    Err(UnitError {
        message: format!("\"{text}\" is neither the name of an upstream nor a URL"),
        help: "write \"http://host:port\", \"unix:/path\", or the NAME of an [upstream.NAME]".into(),
    })
}

fn read_strip(item: &Item<'_>, patterns: &[Spanned<PathPattern>]) -> Option<Spanned<String>> {
    let first = patterns.iter().find_map(|pattern| match &pattern.value {
        PathPattern::Prefix(path) if path != "/" => Some(path.as_str()),
        PathPattern::Prefix(_) | PathPattern::Exact(_) => None,
    });
    if let (DeValue::Boolean(_), Some(path)) = (item.value, first) {
        item.reader.report(item.mistake("`strip` must be a string, not a boolean").help(format!("name the prefix: strip = \"{path}\"")));
        return None;
    }
    let strip = item.parse(pattern::strip)?;
    let prefix = strip.value?;
    let meets = |path: &str| is_below(path, &prefix) || is_below(&prefix, path);
    let reachable = patterns.iter().any(|pattern| match &pattern.value {
        PathPattern::Exact(path) | PathPattern::Prefix(path) => meets(path),
    });
    if !reachable && let Some(pattern) = patterns.first() {
        let help = first.map_or("take it out".into(), |path| format!("write strip = \"{path}\""));
        let mistake = item.mistake(format!("no path of this route begins with \"{prefix}\"")).label("never taken off");
        item.reader.report(mistake.related(pattern.span, "the route matches this").help(help));
    }
    Some(Spanned::new(prefix, strip.span))
}

/// By whole segments, as routes match.
fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/" || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn read_redirect(item: &Item<'_>) -> Option<Action> {
    let DeValue::Table(entries) = item.value else {
        let DeValue::String(_) = item.value else {
            item.wrong_type("a string or a table");
            return None;
        };
        return Some(Action::Redirect { to: read_to(item)?, status: defaults::REDIRECT_STATUS });
    };
    let mut table = Table::new(item.reader, &keys::REDIRECT, "redirect", Some((entries, item.span)));
    let to = table.required("to").and_then(|item| read_to(&item));
    let status = table
        .item("status")
        .map_or(Some(defaults::REDIRECT_STATUS), |item| item.status(is_redirect, "the status of a redirect", REDIRECT_STATUSES));
    table.finish();
    Some(Action::Redirect { to: to?, status: status? })
}

fn read_to(item: &Item<'_>) -> Option<HeaderValue> {
    let text = item.text_not_empty()?.value;
    let path = text.starts_with('/') && !text.starts_with("//");
    let url = ["http://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')));
    if !path && !url || text.contains(' ') {
        let right =
            if text.contains('.') && !text.contains(' ') { format!("https://{}", text.trim_start_matches('/')) } else { "/new".into() };
        let mistake = item.mistake(format!("\"{text}\" is neither a path nor a URL to redirect to"));
        item.reader.report(mistake.help(format!("write {} = \"{right}\"", item.name)));
        return None;
    }
    item.header_value()
}

fn read_respond(item: &Item<'_>) -> Option<Action> {
    let DeValue::Table(entries) = item.value else {
        let help = match item.value {
            DeValue::Integer(status) => format!("write respond = {{ status = {} }}", status.as_str()),
            DeValue::String(_) => format!("write respond = {{ body = {} }}", item.reader.source.slice(item.span)),
            _ => format!("write respond = {}", item.example),
        };
        item.reader.report(item.mistake("`respond` must be a table").help(help));
        return None;
    };
    let mut table = Table::new(item.reader, &keys::RESPOND, "respond", Some((entries, item.span)));
    let status = table.item("status").map_or(Some(defaults::RESPOND_STATUS), |item| read_status(&item));
    let body_item = table.item("body");
    let body = body_item.as_ref().map_or(Some(String::new()), |item| item.text().map(|text| text.value));
    let content_type = table.item("type").map_or(Some(HeaderValue::from_static(defaults::RESPOND_TYPE)), |item| read_type(&item));
    table.finish();
    let (status, body) = (status?, body?);
    if let Some(body_item) = body_item
        && !body.is_empty()
        && matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
    {
        // RFC 9110 §15.3.5, §15.3.6, §15.4.5: such a response has no content.
        item.reader.report(
            body_item
                .mistake(format!("a response with status {} has no body", status.as_u16()))
                .help("take `body` out, or write status = 200"),
        );
    }
    Some(Action::Respond { status, body, content_type: content_type? })
}

fn read_status(item: &Item<'_>) -> Option<StatusCode> {
    if let Some(status) = item.value.as_integer()
        && status.as_str().parse().is_ok_and(is_redirect)
    {
        let mistake = item.mistake(format!("status {} needs a place to go to", status.as_str()));
        item.reader
            .report(mistake.help(format!("write redirect = {{ to = \"/new\", status = {} }} in the place of `respond`", status.as_str())));
        return None;
    }
    item.status(|status| (200..=599).contains(&status), "the status of a response", "choose from 200 to 599")
}

fn read_type(item: &Item<'_>) -> Option<HeaderValue> {
    let value = item.header_value()?;
    let well_formed =
        value.to_str().ok().and_then(|text| text.split_once('/')).is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if !well_formed {
        item.reader.report(item.mistake("`type` is not a media type").help("write type = \"application/json\""));
        return None;
    }
    Some(value)
}
