//! `[limits]` and `[timeouts]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::item::Item;
use super::reader::Table;
use crate::config::{Buffering, Diagnostic, Limits, Spanned, Timeouts, defaults};
use crate::units::ByteSize;

/// Below it no browser's request would pass; above it heads would be a way to fill the memory.
const HEADER_BYTES: RangeInclusive<ByteSize> = ByteSize(1 << 10)..=ByteSize(1 << 20);

/// Below it no hashed asset's path would pass; above is `header`'s affair.
const URI_BYTES: RangeInclusive<ByteSize> = ByteSize(64)..=ByteSize(1 << 20);

/// Below it not even the page of an application would be in memory; above it stands no machine's memory.
const ASSETS_MEMORY: RangeInclusive<ByteSize> = ByteSize(1 << 20)..=ByteSize(1 << 40);

/// Below it a file would be made for less than it costs; above it memory is what buffering is to spare.
const BUFFER_MEMORY: RangeInclusive<ByteSize> = ByteSize(4 << 10)..=ByteSize(16 << 20);

/// Each field costs work even when it is empty.
const HEADER_COUNT: RangeInclusive<i64> = 1..=1000;

/// Reads `[limits]`.
pub(super) fn read_limits(mut table: Table<'_>) -> (Limits, Buffering) {
    let default = defaults::LIMITS;
    let header = table.item("header").and_then(|item| size_within(&item, &HEADER_BYTES));
    let uri = table.item("uri").and_then(|item| size_within(&item, &URI_BYTES));
    let assets_memory = table.item("assets_memory").and_then(|item| size_within(&item, &ASSETS_MEMORY));
    let upstream_header = table.item("upstream_header").and_then(|item| size_within(&item, &HEADER_BYTES));
    let buffering = read_buffering(&mut table);
    let limits = Limits {
        body: table.item("body").and_then(|item| item.size()).map_or(default.body, |size| size.value),
        header: header.as_ref().map_or(default.header, |size| size.value),
        header_count: table.item("header_count").and_then(|item| header_count(&item)).unwrap_or(default.header_count),
        uri: uri.as_ref().map_or(default.uri, |size| size.value),
        assets_memory: assets_memory.map_or(default.assets_memory, |size| size.value),
        upstream_header: upstream_header.map_or(default.upstream_header, |size| size.value),
    };
    // The default of the one that is not written is blamed on the one that is.
    if limits.uri > limits.header
        && let Some(culprit) = uri.as_ref().or(header.as_ref())
    {
        let message = format!("`uri` ({}) is larger than `header` ({}), which it is a part of", limits.uri, limits.header);
        let mistake = Diagnostic::new(culprit.span, message).help(format!("write header = \"{}\", or a smaller `uri`", limits.uri));
        table.reader.report(match (&uri, &header) {
            (Some(_), Some(header)) => mistake.related(header.span, "`header` is set here"),
            _ => mistake,
        });
    }
    table.finish();
    (limits, buffering)
}

fn read_buffering(table: &mut Table<'_>) -> Buffering {
    let memory = table.item("buffer_memory").and_then(|item| size_within(&item, &BUFFER_MEMORY));
    let disk = table.item("buffer_disk").and_then(|item| item.size());
    let folder = table.item("buffer_folder").and_then(|item| item.path());
    Buffering {
        memory: memory.map_or(defaults::BUFFER_MEMORY, |size| size.value),
        disk: disk.map_or(defaults::BUFFER_DISK, |size| size.value),
        folder: folder.map_or_else(|| defaults::BUFFER_FOLDER.into(), |path| path.value),
    }
}

fn size_within(item: &Item<'_>, range: &RangeInclusive<ByteSize>) -> Option<Spanned<ByteSize>> {
    let size = item.size()?;
    if range.contains(&size.value) {
        return Some(size);
    }
    let message = format!("`{}` must be from {} to {}", item.name, range.start(), range.end());
    item.reader.report(item.mistake(message).help(format!("write {} = {}, the default", item.name, item.example)));
    None
}

fn header_count(item: &Item<'_>) -> Option<usize> {
    let number = item.integer()?;
    if !HEADER_COUNT.contains(&number) {
        let message = format!("`header_count` must be from {} to {}", HEADER_COUNT.start(), HEADER_COUNT.end());
        item.reader.report(item.mistake(message).help(format!("write header_count = {}, the default", item.example)));
        return None;
    }
    usize::try_from(number).ok()
}

/// Reads `[timeouts]`.
pub(super) fn read_timeouts(mut table: Table<'_>) -> Timeouts {
    let default = defaults::TIMEOUTS;
    let mut timeout = |name, default: Duration| table.item(name).and_then(|item| item.duration()).unwrap_or(default);
    let timeouts = Timeouts {
        header: timeout("header", default.header),
        body_idle: timeout("body_idle", default.body_idle),
        keepalive: timeout("keepalive", default.keepalive),
        connect: timeout("connect", default.connect),
        response: timeout("response", default.response),
        idle: timeout("idle", default.idle),
        stream: timeout("stream", default.stream),
        tcp_keepalive: timeout("tcp_keepalive", default.tcp_keepalive),
    };
    table.finish();
    timeouts
}
