//! `[compression]`.

use std::ops::RangeInclusive;

use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{Compression, CompressionLevel, defaults};
use crate::http::encoding::Coding;
use crate::http::media_range::MediaRange;
use crate::units::UnitError;

/// What each coding has; above the end a response would wait for its own compression. (zstd has 22 levels, brotli 11.)
const ZSTD_LEVELS: RangeInclusive<u8> = 1..=12;
const BROTLI_LEVELS: RangeInclusive<u8> = 1..=9;
const GZIP_LEVELS: RangeInclusive<u8> = 1..=9;

/// The codings by the names that HTTP gives them.
const CODINGS: &[(&str, Coding)] = &[("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip)];

/// Reads `[compression]`.
pub(super) fn read(mut table: Table<'_>) -> Compression {
    let default = defaults::compression();
    let compression = Compression {
        dynamic: table.item("dynamic").map_or(default.dynamic, |item| read_codings(&item)),
        level: read_levels(table.table("level", &keys::COMPRESSION_LEVEL, "level"), default.level),
        min_size: table.item("min_size").and_then(|item| item.size()).map_or(default.min_size, |size| size.value),
        skip: table.item("skip").map_or(default.skip, |item| {
            item.list().iter().filter_map(|entry| entry.parse(media_range)).map(|range| range.value).collect()
        }),
    };
    table.finish();
    compression
}

fn read_codings(item: &Item<'_>) -> Vec<Coding> {
    let mut codings = Vec::new();
    for entry in item.list() {
        let Some(coding) = entry.choice(CODINGS, &[]) else { continue };
        if codings.contains(&coding) {
            let mistake = entry.mistake(format!("`dynamic` has \"{}\" twice", coding.name()));
            item.reader.report(mistake.help("the order is the preference, so each stands once: take one of them out"));
        } else {
            codings.push(coding);
        }
    }
    codings
}

fn read_levels(mut table: Table<'_>, default: CompressionLevel) -> CompressionLevel {
    let mut level = |name, range, default| table.item(name).and_then(|item| level_within(&item, &range)).unwrap_or(default);
    let levels = CompressionLevel {
        zstd: level("zstd", ZSTD_LEVELS, default.zstd),
        brotli: level("br", BROTLI_LEVELS, default.brotli),
        gzip: level("gzip", GZIP_LEVELS, default.gzip),
    };
    table.finish();
    levels
}

fn level_within(item: &Item<'_>, range: &RangeInclusive<u8>) -> Option<u8> {
    let number = item.integer()?;
    if let Some(level) = u8::try_from(number).ok().filter(|level| range.contains(level)) {
        return Some(level);
    }
    let message = format!("the level of `{}` must be from {} to {}", item.name, range.start(), range.end());
    let help = if number > 0 {
        "higher levels are too slow for responses on their way; make files smaller beforehand, as .zst, .br and .gz beside them"
    } else {
        "to leave a coding out, take it out of `dynamic`"
    };
    item.reader.report(item.mistake(message).help(help));
    None
}

fn media_range(text: &str) -> Result<MediaRange, UnitError> {
    MediaRange::parse(text).ok_or_else(|| UnitError {
        message: format!("\"{text}\" is not a media type"),
        help: "write a type without parameters, \"text/csv\", or all of a kind, \"image/*\"; dynamic = [] turns all off".into(),
    })
}
