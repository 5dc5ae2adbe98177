//! `[server]`.

use std::collections::HashMap;

use ::toml::de::DeValue;
use http::StatusCode;

use super::action::{REDIRECT_STATUSES, is_redirect};
use super::item::Item;
use super::reader::Table;
use super::resolver;
use crate::config::{HttpVersions, Server, Span, Spanned, TraceParent, TrustedProxies, defaults};
use crate::units::{Listen, UnitError};

const TRACEPARENT: &[(&str, TraceParent)] = &[("pass", TraceParent::Pass), ("make", TraceParent::Make)];

/// Reads `[server]`; without `listen` it depends on `[tls]` where to listen.
pub(super) fn read(mut table: Table<'_>, has_tls: bool) -> Server {
    let trusted_proxies = table.item("trusted_proxies").map(|item| read_trusted(&item)).unwrap_or_default();
    let server = Server {
        listen: match table.item("listen") {
            Some(item) => read_listen(&item),
            None => default_listen(has_tls),
        },
        names: table.item("names").map(|item| read_names(&item)).unwrap_or_default(),
        http: table.item("http").map_or(defaults::HTTP, |item| read_http(&item)),
        https_redirect: table.item("https_redirect").map_or(Some(defaults::HTTPS_REDIRECT), |item| read_https_redirect(&item)),
        proxy_protocol: table.item("proxy_protocol").is_some_and(|item| read_proxy_protocol(&item, &trusted_proxies)),
        traceparent: table.item("traceparent").and_then(|item| item.choice(TRACEPARENT, &[])).unwrap_or(defaults::TRACEPARENT),
        grace: table.item("grace").and_then(|item| item.duration()).unwrap_or(defaults::GRACE),
        trusted_proxies,
        resolver: table.item("resolver").map(|item| resolver::read(&item)).unwrap_or_default(),
    };
    table.finish();
    server
}

fn default_listen(has_tls: bool) -> Vec<Spanned<Listen>> {
    let texts = if has_tls { defaults::LISTEN_TLS } else { defaults::LISTEN_PLAIN };
    texts.iter().filter_map(|text| Listen::parse(text).ok()).map(|listen| Spanned::new(listen, Span::default())).collect()
}

fn read_listen(item: &Item<'_>) -> Vec<Spanned<Listen>> {
    if let DeValue::Integer(port) = item.value {
        item.reader.report(
            item.mistake("`listen` must be a list of addresses, not an integer").help(format!("write listen = [\":{}\"]", port.as_str())),
        );
        return Vec::new();
    }
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(item.mistake("`listen` is empty, so nothing could connect").help("write listen = [\":8080\"]"));
    }
    let mut seen = HashMap::new();
    let mut listen: Vec<Spanned<Listen>> = Vec::new();
    for entry in entries.iter().filter_map(|entry| entry.parse(Listen::parse)) {
        // Port 0 is another free port each time.
        let any_port = entry.value.to_string().ends_with(":0");
        match seen.insert(entry.value.address.clone(), entry.span) {
            Some(first) if !any_port => {
                let mistake = item.mistake(format!("`listen` has the address \"{}\" twice", entry.value)).help("take one of them out");
                item.reader.report(crate::config::Diagnostic { span: entry.span, ..mistake }.related(first, "first here"));
            }
            _ => listen.push(entry),
        }
    }
    listen
}

fn read_names(item: &Item<'_>) -> Vec<Spanned<String>> {
    item.list().iter().filter_map(|entry| entry.parse(host_name)).collect()
}

/// The form in which `Host` is compared: lower case, no port, an IPv6 address in brackets.
fn host_name(text: &str) -> Result<String, UnitError> {
    let error = |help: String| Err(UnitError { message: format!("\"{text}\" is not a host name"), help });
    if let Some((_, rest)) = text.split_once("://") {
        return error(format!("write it without scheme and path: \"{}\"", rest.split(['/', ':']).next().unwrap_or_default()));
    }
    if text.contains('*') {
        return error("this version has no wildcards yet: write every name".into());
    }
    let lower = text.to_ascii_lowercase();
    if let Some(inner) = lower.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && let Ok(ip) = inner.parse::<std::net::Ipv6Addr>()
    {
        return Ok(format!("[{ip}]"));
    }
    if let Ok(ip) = lower.parse::<std::net::Ipv6Addr>() {
        return error(format!("an IPv6 address stands in brackets: \"[{ip}]\""));
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return error(format!("write it without port: \"{name}\""));
    }
    if let Some(name) = text.strip_suffix('.')
        && !name.is_empty()
    {
        return error(format!("write it without the dot at its end: \"{name}\""));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if lower.is_empty() || lower.starts_with('.') || lower.contains("..") || !lower.bytes().all(allowed) {
        return error("a name has letters, digits, dots and hyphens: \"example.com\" (others in their xn-- form)".into());
    }
    Ok(lower)
}

/// Off unless it is asked for; and then somebody must be believed.
fn read_proxy_protocol(item: &Item<'_>, trusted: &TrustedProxies) -> bool {
    let is_on = item.boolean().unwrap_or_default();
    if is_on && trusted.is_empty() {
        let mistake = item.mistake("`proxy_protocol` needs `trusted_proxies`: nobody else's word is taken").label("whose?");
        item.reader.report(mistake.help("name the balancer in front: trusted_proxies = [\"10.0.0.0/8\"]"));
    }
    is_on
}

fn read_trusted(item: &Item<'_>) -> TrustedProxies {
    let mut trusted = TrustedProxies::default();
    for entry in item.list() {
        let Some(text) = entry.text() else { continue };
        if let Err(error) = trusted.add(&text.value) {
            entry.reader.report(crate::config::Diagnostic::unit(text.span, error));
        }
    }
    trusted
}

fn read_http(item: &Item<'_>) -> HttpVersions {
    #[derive(Clone, Copy, PartialEq)]
    enum Version {
        H1,
        H2,
    }
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(item.mistake("`http` is empty, so no protocol would be spoken").help("write http = [\"h1\", \"h2\"]"));
    }
    let versions: Vec<_> =
        entries.iter().filter_map(|entry| entry.choice(&[("h1", Version::H1), ("h2", Version::H2)], &["h3", "h2c"])).collect();
    HttpVersions { h1: versions.contains(&Version::H1), h2: versions.contains(&Version::H2) }
}

fn read_https_redirect(item: &Item<'_>) -> Option<StatusCode> {
    match item.value {
        DeValue::Boolean(false) => None,
        DeValue::Integer(_) => item.status(is_redirect, "the status of a redirect", REDIRECT_STATUSES),
        _ => {
            item.reader.report(
                item.mistake("`https_redirect` must be a status or false")
                    .help("write https_redirect = 308, or https_redirect = false to serve plain HTTP"),
            );
            None
        }
    }
}
