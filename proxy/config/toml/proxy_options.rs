//! `host`, `rewrite` and `accel` of a route with `proxy`.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{Accel, HostHeader, PathRewrite, ProxyOptions, Spanned};
use crate::http::host;
use crate::units::UnitError;

/// The keys that count only beside `proxy`.
pub(super) const OPTIONS: [&str; 3] = ["host", "rewrite", "accel"];

/// Reads them from those that are written.
pub(super) fn read(items: &[Item<'_>]) -> ProxyOptions {
    let item = |name: &str| items.iter().find(|item| item.name == name);
    ProxyOptions {
        host: item("host").and_then(|item| item.parse(host_header)).map(|host| host.value).unwrap_or_default(),
        rewrite: item("rewrite").and_then(read_rewrite),
        accel: item("accel").and_then(read_accel),
    }
}

fn host_header(text: &str) -> Result<HostHeader, UnitError> {
    match text {
        "keep" => Ok(HostHeader::Keep),
        "upstream" => Ok(HostHeader::Upstream),
        literal => match (host::parse(literal.as_bytes()), http::HeaderValue::from_str(literal)) {
            // Who means one of the two words and misspells it would send it to the upstream.
            (Some(_), Ok(value)) if literal.contains(['.', ':']) || literal == "localhost" => Ok(HostHeader::Literal(value)),
            _ => Err(UnitError {
                message: format!("\"{text}\" is not a host"),
                help: "write \"keep\", \"upstream\", or a host: \"api.example.com\" (a name without a dot gets a port: \"api:80\")".into(),
            }),
        },
    }
}

fn read_rewrite(item: &Item<'_>) -> Option<Spanned<PathRewrite>> {
    let mut table = inline(item, &keys::REWRITE, "rewrite")?;
    let from = table.required("from").and_then(|item| item.parse(PathRewrite::expression));
    let to = table.required("to").and_then(|item| {
        let from = from.as_ref()?.value.clone();
        item.parse(|text| PathRewrite::new(from.clone(), text))
    });
    table.finish();
    Some(Spanned::new(to?.value, item.span))
}

fn read_accel(item: &Item<'_>) -> Option<Accel> {
    let mut table = inline(item, &keys::ACCEL, "accel")?;
    let prefix = table.required("prefix").and_then(|item| item.parse(accel_prefix));
    let root = table.required("root").and_then(|item| item.path());
    table.finish();
    Some(Accel { prefix: prefix?.value, root: root? })
}

fn accel_prefix(text: &str) -> Result<String, UnitError> {
    let is_normal = crate::http::path::normalize(text.as_bytes()).is_ok_and(|normal| *normal == *text.as_bytes());
    if is_normal && text.ends_with('/') && !text.contains(['%', '?', '#']) {
        return Ok(text.into());
    }
    let message = format!("\"{text}\" is not a prefix of paths");
    Err(UnitError { message, help: "write a path that begins and ends with a slash: prefix = \"/protected/\"".into() })
}

fn inline<'t>(item: &Item<'t>, keys: &'static keys::Keys, title: &str) -> Option<Table<'t>> {
    let DeValue::Table(entries) = item.value else {
        item.wrong_type("a table");
        return None;
    };
    Some(Table::new(item.reader, keys, title, Some((entries, item.span))))
}
