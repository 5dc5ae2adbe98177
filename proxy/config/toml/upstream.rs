//! `[upstream.NAME]`, and how a table of named tables is read.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys::{self, Keys};
use super::reader::Table;
use crate::config::{Diagnostic, Spanned, Upstream, defaults};
use crate::http::proxy_protocol::Version;
use crate::units::ServerUrl;

const VERSIONS: &[(&str, Version)] = &[("v1", Version::V1), ("v2", Version::V2)];

/// Reads every `[upstream.NAME]`.
pub(super) fn read(item: Option<Item<'_>>) -> Vec<Upstream> {
    named_tables(item, "upstream", &keys::UPSTREAM).into_iter().filter_map(|(name, table)| read_one(name, table)).collect()
}

/// The tables below `[KIND.NAME]`, with their names, in the order of the file.
pub(super) fn named_tables<'t>(item: Option<Item<'t>>, kind: &str, keys: &'static Keys) -> Vec<(Spanned<String>, Table<'t>)> {
    let mut tables = Vec::new();
    let Some(parent) = item else { return tables };
    for (name, item) in parent.named() {
        let DeValue::Table(entries) = item.value else {
            let mistake = Diagnostic::new(name.span, format!("`[{kind}]` has `{}`, but no name of its own", name.value));
            item.reader.report(mistake.help(format!("write [{kind}.api] in the place of [{kind}], where `api` is the name")));
            continue;
        };
        // A name stands in the place of a URL in `proxy`, so it must not look like one.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.value.is_empty() || !name.value.bytes().all(allowed) {
            let mistake = Diagnostic::new(name.span, format!("\"{}\" cannot be the name of {}", name.value, article(kind)));
            item.reader.report(mistake.help(format!("use letters, digits, hyphens, dots and underscores: [{kind}.api]")));
        }
        let title = format!("[{kind}.{}]", name.value);
        tables.push((name, Table::new(item.reader, keys, title, Some((entries, item.span)))));
    }
    tables
}

fn article(kind: &str) -> String {
    if kind.starts_with('u') { format!("an {kind}") } else { format!("a {kind}") }
}

fn read_one(name: Spanned<String>, mut table: Table<'_>) -> Option<Upstream> {
    let to = table.required("to").and_then(|item| read_to(&item));
    let wait = table.item("wait").and_then(|item| item.duration()).unwrap_or(defaults::WAIT);
    let proxy_protocol = table.item("proxy_protocol").and_then(|item| item.choice(VERSIONS, &[]));
    table.finish();
    Some(Upstream { name, to: to?, wait, proxy_protocol })
}

fn read_to(item: &Item<'_>) -> Option<Spanned<ServerUrl>> {
    let servers = item.list();
    if servers.is_empty() {
        item.reader.report(item.mistake("`to` is empty").help(format!("write to = {}", item.example)));
    }
    if let Some(second) = servers.get(1) {
        item.reader.report(
            second.mistake("this version does not have several servers in `to` yet").label("not built yet").help("leave one server"),
        );
    }
    servers.iter().map(|server| server.parse(ServerUrl::parse)).collect::<Vec<_>>().into_iter().next()?
}
