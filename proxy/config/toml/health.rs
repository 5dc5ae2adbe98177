//! `breaker`, `slow_start` and `health` of an upstream.

use std::time::Duration;

use http::StatusCode;

use super::item::Item;
use super::keys;
use super::reader::Table;
use super::upstream::within;
use crate::config::{Breaker, CheckRequest, Diagnostic, Health, HealthCheck, UpstreamServer, defaults};
use crate::http::host;
use crate::units::UnitError;

/// More in a row say nothing that fewer do not.
const COUNT_MAX: u32 = 1000;
/// Looks that are nearer to each other would be load.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Reads all three from an upstream's table.
pub(super) fn read(table: &mut Table<'_>, to: &[UpstreamServer]) -> Health {
    let breaker_item = table.item("breaker");
    let slow_start_item = table.item("slow_start");
    for item in [&breaker_item, &slow_start_item].into_iter().flatten() {
        // `breaker = false` is what is so anyway.
        if let ([_], None) = (to, item.value.as_bool()) {
            let mistake =
                Diagnostic::new(item.key_span, format!("`{}` is for servers that others stand in for, and `to` has one", item.name));
            item.reader
                .report(mistake.help(format!("add servers to `to`, or take `{}` out: the one server is asked in any case", item.name)));
        }
    }
    Health {
        breaker: breaker_item.as_ref().map_or(Some(defaults::BREAKER), read_breaker),
        slow_start: slow_start_item.and_then(|item| item.duration()).unwrap_or(defaults::SLOW_START),
        check: table.item("health").and_then(|item| read_check(&item)),
    }
}

fn read_breaker(item: &Item<'_>) -> Option<Breaker> {
    if item.value.as_bool() == Some(false) {
        return None;
    }
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::BREAKER, "breaker", Some((entries, item.span)));
    let failures = table.item("failures").and_then(|item| within(&item, COUNT_MAX)).unwrap_or(defaults::BREAKER.failures);
    let open = table.item("open").and_then(|item| not_zero(&item, Duration::from_millis(1))).unwrap_or(defaults::BREAKER.open);
    table.finish();
    Some(Breaker { failures, open })
}

fn read_check(item: &Item<'_>) -> Option<HealthCheck> {
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::HEALTH, "health", Some((entries, item.span)));
    let path_item = table.item("path");
    let (host_item, expect_item) = (table.item("host"), table.item("expect"));
    let interval = table.item("interval").and_then(|item| not_zero(&item, INTERVAL_MIN)).unwrap_or(defaults::CHECK_INTERVAL);
    let timeout_item = table.item("timeout");
    let timeout = timeout_item.and_then(|item| not_zero(&item, Duration::from_millis(1))).unwrap_or(defaults::CHECK_TIMEOUT);
    let rise = table.item("rise").and_then(|item| within(&item, COUNT_MAX)).unwrap_or(defaults::CHECK_RISE);
    let fall = table.item("fall").and_then(|item| within(&item, COUNT_MAX)).unwrap_or(defaults::CHECK_FALL);
    let misspelt = table.misspells("path");
    table.finish();
    if path_item.is_none() && !misspelt {
        for item in [&host_item, &expect_item].into_iter().flatten() {
            let mistake = Diagnostic::new(item.key_span, format!("`{}` needs a `path`: without one nothing is asked", item.name));
            item.reader.report(mistake.help("add path = \"/healthz\""));
        }
    }
    let expect = expect_item.map(|item| read_expect(&item)).unwrap_or_default();
    let host = host_item.and_then(|item| item.parse(read_host)).map(|host| host.value);
    let path = path_item.and_then(|item| item.parse(read_path));
    let request = path.map(|path| CheckRequest { path: path.value, host, expect });
    Some(HealthCheck { request, interval, timeout, rise, fall })
}

fn read_expect(item: &Item<'_>) -> Vec<StatusCode> {
    let statuses = item.list();
    if statuses.is_empty() {
        item.reader
            .report(item.mistake("`expect` is empty").help("write expect = [200, 204]; without it any status from 200 to 399 is expected"));
    }
    let is_final = |number| (200..600).contains(&number);
    statuses.iter().filter_map(|item| item.status(is_final, "a status that ends a request", "write one from 200 to 599")).collect()
}

fn read_path(text: &str) -> Result<String, UnitError> {
    // It stands in a request line.
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Ok(text.to_owned());
    }
    Err(UnitError {
        message: format!("\"{text}\" is not a path as it stands in a request"),
        help: "begin with a slash, and write other characters than ASCII as %XX: path = \"/healthz\"".into(),
    })
}

fn read_host(text: &str) -> Result<String, UnitError> {
    if host::parse(text.as_bytes()).is_some() {
        return Ok(text.to_owned());
    }
    Err(UnitError { message: format!("\"{text}\" is not a host"), help: "write it as in a URL: host = \"api.example.com\"".into() })
}

fn not_zero(item: &Item<'_>, min: Duration) -> Option<Duration> {
    let duration = item.duration()?;
    if duration < min {
        let mistake = item.mistake(format!("`{}` must be at least {min:?}", item.name));
        item.reader.report(mistake.help(format!("write {} = {}", item.name, item.example)));
        return None;
    }
    Some(duration)
}
