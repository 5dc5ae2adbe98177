//! How a route passes bodies on: `buffer_request` and `timeouts`, which count only with `proxy`.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{BufferRequest, Diagnostic, RouteTimeouts, Spanned};
use crate::units::ByteSize;

/// Reads both. `proxied` is the action, where it is `proxy`.
pub(super) fn read(table: &mut Table<'_>, proxied: Option<()>) -> (Option<Spanned<BufferRequest>>, RouteTimeouts) {
    let (buffer, timeouts) = (table.item("buffer_request"), table.item("timeouts"));
    if proxied.is_none() {
        for item in buffer.iter().chain(&timeouts) {
            let mistake = Diagnostic::new(item.key_span, format!("`{}` counts only with `proxy`", item.name));
            item.reader.report(mistake.help(format!("take `{}` out", item.name)));
        }
    }
    (buffer.and_then(|item| read_buffer(&item)), timeouts.map(|item| read_timeouts(&item)).unwrap_or_default())
}

fn read_buffer(item: &Item<'_>) -> Option<Spanned<BufferRequest>> {
    match item.value {
        DeValue::Boolean(true) => Some(Spanned::new(BufferRequest::Whole, item.span)),
        DeValue::Boolean(false) => None,
        DeValue::String(_) | DeValue::Integer(_) => match item.size()? {
            Spanned { value: ByteSize(0), .. } => None,
            size => Some(Spanned::new(BufferRequest::UpTo(size.value), size.span)),
        },
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            item.wrong_type("a boolean or a size");
            None
        }
    }
}

fn read_timeouts(item: &Item<'_>) -> RouteTimeouts {
    let entries = item.entries().map(|entries| (entries, item.span));
    let mut table = Table::new(item.reader, &keys::ROUTE_TIMEOUTS, "timeouts of [[route]]", entries);
    let mut timeout = |name| table.item(name).and_then(|item| item.duration());
    let timeouts = RouteTimeouts { response: timeout("response"), idle: timeout("idle"), stream: timeout("stream") };
    table.finish();
    timeouts
}
