//! `[log]`.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys;
use super::pattern;
use super::reader::Table;
use crate::config::{AccessFormat, AccessLog, AccessTarget, Log, LogLevel, PathPattern, Spanned, defaults};
use crate::units::UnitError;

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// Reads `[log]`.
pub(super) fn read(mut table: Table<'_>) -> Log {
    let level = table.item("level").and_then(|item| item.choice(LEVELS, &[])).unwrap_or(defaults::LOG_LEVEL);
    let access = table.item("access").map_or_else(|| Some(defaults::access()), |item| read_access(&item));
    table.finish();
    Log { level, access }
}

fn read_access(item: &Item<'_>) -> Option<AccessLog> {
    match item.value {
        DeValue::Boolean(false) => None,
        DeValue::Boolean(true) => Some(defaults::access()),
        DeValue::Table(entries) => Some(read_table(Table::new(item.reader, &keys::ACCESS, "access", Some((entries, item.span))))),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
            let mistake = item.mistake("`access` must be a table or false");
            item.reader.report(mistake.help("write access = { format = \"combined\", to = \"stdout\" }, or access = false for none"));
            None
        }
    }
}

fn read_table(mut table: Table<'_>) -> AccessLog {
    let default = defaults::access();
    let formats = [("json", AccessFormat::Json), ("combined", AccessFormat::Combined)];
    let access = AccessLog {
        format: table.item("format").and_then(|item| item.choice(&formats, &[])).unwrap_or(default.format),
        to: table.item("to").and_then(|item| item.parse(target).map(|to| place(to, &item))).unwrap_or(default.to),
        skip: table
            .item("skip")
            .map(|item| item.list().iter().filter_map(|entry| entry.parse(skipped)).map(|path| path.value).collect())
            .unwrap_or_default(),
    };
    table.finish();
    access
}

/// A word without a slash is a misspelt stream rather than a file that nobody finds again.
fn target(text: &str) -> Result<AccessTarget, UnitError> {
    match text {
        "stdout" => Ok(AccessTarget::Stdout),
        "stderr" => Ok(AccessTarget::Stderr),
        path if path.contains('/') && !path.ends_with('/') && !path.contains('\0') => {
            Ok(AccessTarget::File(Spanned::new(path.into(), Default::default())))
        }
        _ => Err(UnitError {
            message: format!("\"{text}\" is nowhere to write a log to"),
            help: "write \"stdout\", \"stderr\", or a path with a slash such as \"./access.log\"".into(),
        }),
    }
}

fn place(to: Spanned<AccessTarget>, item: &Item<'_>) -> AccessTarget {
    match to.value {
        AccessTarget::File(path) => AccessTarget::File(Spanned::new(path.value, item.span)),
        stream @ (AccessTarget::Stdout | AccessTarget::Stderr) => stream,
    }
}

fn skipped(text: &str) -> Result<String, UnitError> {
    match pattern::exact(text) {
        Ok(PathPattern::Exact(path) | PathPattern::Prefix(path)) => Ok(path),
        Err(error) => Err(UnitError { help: error.help.replacen("exact = ", "", 1), ..error }),
    }
}
