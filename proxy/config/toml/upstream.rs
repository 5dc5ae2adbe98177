//! `[upstream.NAME]`, and how a table of named tables is read.

use ::toml::de::DeValue;

use super::balance;
use super::health;
use super::item::Item;
use super::keys::{self, Keys};
use super::reader::{Reader, Table};
use super::retry;
use super::upstream_tls;
use crate::config::{Diagnostic, Span, Spanned, Upstream, UpstreamServer, defaults};
use crate::http::proxy_protocol::Version;
use crate::units::{Protocol, Scheme, ServerUrl};

const VERSIONS: &[(&str, Version)] = &[("v1", Version::V1), ("v2", Version::V2)];
/// Servers of one upstream: beyond, a name with many addresses says the same.
const SERVERS_MAX: usize = 128;
/// As HAProxy's; the turns of a round are a table of this many entries for each server.
const WEIGHT_MAX: u16 = 256;
/// More than a server can have descriptors for.
const MAX_CONNS_MAX: u32 = 1_000_000;
/// Each who waits holds a connection and its buffers.
const QUEUE_MAX: u32 = 100_000;

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
    let to_item = table.required("to");
    let to = to_item.as_ref().and_then(read_to);
    let wait = table.item("wait").and_then(|item| item.duration()).unwrap_or(defaults::WAIT);
    let balance_item = table.item("balance");
    let balance = balance_item.as_ref().map_or(Some(defaults::BALANCE), balance::read);
    let tls_item = table.item("tls");
    let tls = tls_item.as_ref().map(upstream_tls::read).unwrap_or_default();
    let queue_item = table.item("queue");
    let queue = queue_item.as_ref().and_then(|item| within(item, QUEUE_MAX)).map_or(defaults::QUEUE, |queue| queue as usize);
    let announced = table.item("proxy_protocol");
    let proxy_protocol = announced.as_ref().and_then(|item| item.choice(VERSIONS, &[]));
    let health = health::read(&mut table, to.as_deref().unwrap_or_default());
    let retry = table.item("retry").map(|item| retry::read(&item)).unwrap_or_default();
    table.finish();
    let (to, to_item) = (to?, to_item?);
    upstream_tls::check(tls_item.as_ref(), &to);
    if let (Some(item), Some(server)) = (&announced, to.iter().find(|server| server.url.value.scheme == Scheme::Https)) {
        let mistake = item.mistake("this version does not send PROXY headers to servers with `https://` yet").label("not built yet");
        item.reader.report(mistake.related(server.url.span, "this one").help("take it out, or write `http://`"));
    }
    if let (Some(item), Some(server)) =
        (&announced, to.iter().find(|server| server.url.value.protocol == Protocol::Http2 && server.url.value.scheme == Scheme::Http))
    {
        let mistake = item.mistake("requests of many clients share a connection of HTTP/2, and a PROXY header names one client");
        let help = "take it out: the client's address is in X-Forwarded-For and Forwarded; or write `http://`";
        item.reader.report(mistake.label("not with HTTP/2").related(server.url.span, "this one").help(help));
    }
    check_protocols(to_item.reader, &to);
    let key_span = |item: Option<Item<'_>>| item.map(|item| item.key_span);
    check_group(to_item.reader, &to, key_span(balance_item), key_span(queue_item));
    let to_span = to_item.span;
    Some(Upstream { name, to, to_span, balance: balance?, wait, tls, queue, proxy_protocol, health, retry })
}

/// The servers of a group stand for each other, so what one of them takes (an upgrade, many requests at once) all must.
fn check_protocols(reader: &Reader<'_>, to: &[UpstreamServer]) {
    let Some(first) = to.first() else { return };
    if let Some(other) = to.iter().find(|server| server.url.value.protocol != first.url.value.protocol) {
        let mistake = Diagnostic::new(other.url.span, "some servers in `to` are spoken to in HTTP/2, others in HTTP/1.1");
        let help = format!("write `{}://` before all of them, or make two upstreams", first.url.value.scheme_name());
        reader.report(mistake.related(first.url.span, "not as this one").help(help));
    }
}

fn read_to(item: &Item<'_>) -> Option<Vec<UpstreamServer>> {
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(item.mistake("`to` is empty").help(format!("write to = {}", item.example)));
    }
    if let Some(one_more) = entries.get(SERVERS_MAX) {
        item.reader.report(
            one_more
                .mistake(format!("`to` has more than {SERVERS_MAX} servers"))
                .help("take some out; a name with several addresses is one server"),
        );
    }
    let servers: Vec<_> = entries.iter().map(read_server).collect::<Option<_>>()?;
    (!servers.is_empty()).then_some(servers)
}

fn read_server(item: &Item<'_>) -> Option<UpstreamServer> {
    if !item.value.is_table() {
        let url = item.parse(ServerUrl::parse)?;
        return Some(UpstreamServer { url, weight: defaults::WEIGHT, backup: false, max_conns: None });
    }
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::UPSTREAM_SERVER, "to", Some((entries, item.span)));
    let url = table.required("url").and_then(|item| item.parse(ServerUrl::parse));
    let weight = table.item("weight").and_then(|item| within(&item, u32::from(WEIGHT_MAX)));
    let backup = table.item("backup").and_then(|item| item.boolean()).unwrap_or(false);
    let max_conns = table.item("max_conns").and_then(|item| within(&item, MAX_CONNS_MAX));
    table.finish();
    let weight = weight.and_then(|weight| u16::try_from(weight).ok()).unwrap_or(defaults::WEIGHT);
    Some(UpstreamServer { url: url?, weight, backup, max_conns })
}

/// A number from 1 to `max`.
pub(super) fn within(item: &Item<'_>, max: u32) -> Option<u32> {
    let number = item.integer()?;
    let fits = u32::try_from(number).ok().filter(|number| (1..=max).contains(number));
    if fits.is_none() {
        let help = match (item.name.as_str(), number) {
            ("weight", 0) => "a server that is to get no requests is taken out of `to`, or is a `backup = true`".to_owned(),
            ("max_conns", 0) => "without `max_conns` there is no limit".to_owned(),
            ("tries", 0) => "the first time counts: tries = 1 sends no request again".to_owned(),
            ("queue", 0) => "with wait = \"0s\" nobody waits".to_owned(),
            _ => format!("write {} = {}", item.name, item.example),
        };
        item.reader.report(item.mistake(format!("`{}` must be from 1 to {max}", item.name)).help(help));
    }
    fits
}

/// What can only be seen of all servers together, and of `balance` and `queue` beside them.
fn check_group(reader: &Reader<'_>, to: &[UpstreamServer], balance: Option<Span>, queue: Option<Span>) {
    for (index, server) in to.iter().enumerate() {
        if let Some(first) = to.iter().take(index).find(|first| first.url.value == server.url.value) {
            let mistake = Diagnostic::new(server.url.span, format!("{} stands in `to` twice", server.url.value))
                .related(first.url.span, "first here");
            reader.report(mistake.help("take one of them out; for more requests than the others get, write { url = \"…\", weight = 2 }"));
        }
    }
    if let (Some(first), true) = (to.first(), to.iter().all(|server| server.backup)) {
        reader.report(
            Diagnostic::new(first.url.span, "every server in `to` is a backup")
                .help("leave one without `backup`: backups are asked only while no other server can be"),
        );
    }
    if let (Some(span), [_]) = (balance, to) {
        let help = "add servers to `to`, or take `balance` out; the addresses of a name take turns by themselves";
        reader.report(Diagnostic::new(span, "`balance` chooses between servers, and `to` has one").help(help));
    }
    if let (Some(span), None) = (queue, to.iter().find(|server| server.max_conns.is_some())) {
        let help = "write to = [{ url = \"http://127.0.0.1:3000\", max_conns = 100 }], or take `queue` out";
        reader.report(Diagnostic::new(span, "nobody waits in `queue`: no server has `max_conns`").help(help));
    }
}
