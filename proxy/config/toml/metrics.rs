//! `[metrics]`.

use ::toml::de::DeValue;

use super::item::Item;
use super::reader::Table;
use crate::config::{Diagnostic, Metrics, Spanned};
use crate::units::{Listen, Scheme};

/// Reads `[metrics]`, if it is there.
pub(super) fn read(mut table: Table<'_>) -> Option<Metrics> {
    let is_there = table.is_there();
    let listen = if is_there { table.required("listen") } else { table.item("listen") };
    let listen = listen.map(|item| read_listen(&item)).unwrap_or_default();
    table.finish();
    is_there.then_some(Metrics { listen })
}

fn read_listen(item: &Item<'_>) -> Vec<Spanned<Listen>> {
    if let DeValue::Integer(port) = item.value {
        let mistake = item.mistake("`listen` must be an address, not an integer");
        item.reader.report(mistake.help(format!("write listen = \"127.0.0.1:{}\"", port.as_str())));
        return Vec::new();
    }
    let entries = item.list();
    if entries.is_empty() {
        let mistake = item.mistake("`listen` is empty, so nobody could ask");
        item.reader.report(mistake.help(format!("write listen = {}, or take `[metrics]` out", item.example)));
    }
    let listen: Vec<_> = entries.iter().filter_map(|entry| entry.parse(Listen::parse)).collect();
    for entry in listen.iter().filter(|entry| entry.value.scheme == Some(Scheme::Https)) {
        item.reader.report(
            Diagnostic::new(entry.span, "metrics are told in plain HTTP alone")
                .label("asks for TLS")
                .help(format!("write \"{}\", where nobody else can listen in", entry.value.address)),
        );
    }
    listen
}
