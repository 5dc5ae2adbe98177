//! `retry` of an upstream.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys;
use super::reader::Table;
use super::upstream::within;
use crate::config::{Retry, RetryMethods, RetryOn, defaults};

const METHODS: &[(&str, RetryMethods)] = &[("idempotent", RetryMethods::Idempotent), ("safe", RetryMethods::Safe)];
/// More tries would be a storm on a server that is in trouble already.
const TRIES_MAX: u32 = 10;

/// What is not a status.
#[derive(Clone, Copy)]
enum Word {
    Connect,
    Reset,
    Timeout,
}

const WORDS: &[(&str, Word)] = &[("connect", Word::Connect), ("reset_before_response", Word::Reset), ("timeout", Word::Timeout)];

/// Reads it.
pub(super) fn read(item: &Item<'_>) -> Retry {
    if item.value.as_bool() == Some(false) {
        item.reader.report(item.mistake("`retry` is a table").help("write retry = { tries = 1 }"));
        return Retry::default();
    }
    let Some(entries) = item.entries() else { return Retry::default() };
    let mut table = Table::new(item.reader, &keys::RETRY, "retry", Some((entries, item.span)));
    let tries = table.item("tries").and_then(|item| within(&item, TRIES_MAX));
    let on = table.item("on").map_or_else(defaults::retry_on, |item| read_on(&item));
    let methods = table.item("methods").and_then(|item| item.choice(METHODS, &["all"])).unwrap_or(defaults::RETRY_METHODS);
    let time = table.item("within").and_then(|item| {
        let time = item.duration()?;
        if time.is_zero() {
            item.reader.report(item.mistake("in no time nothing is tried").help("write within = \"10s\", or take it out"));
        }
        Some(time)
    });
    table.finish();
    Retry { tries, on, methods, within: time }
}

fn read_on(item: &Item<'_>) -> RetryOn {
    let mut on = RetryOn::default();
    for entry in item.list() {
        if let DeValue::Integer(_) = entry.value {
            let is_error = |number| (400..600).contains(&number);
            on.statuses.extend(entry.status(is_error, "the status of an error", "write one from 400 to 599"));
            continue;
        }
        match entry.choice(WORDS, &[]) {
            Some(Word::Connect) => on.connect = true,
            Some(Word::Reset) => on.reset = true,
            Some(Word::Timeout) => on.timeout = true,
            None => {}
        }
    }
    on
}
