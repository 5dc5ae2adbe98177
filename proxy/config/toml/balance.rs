//! `balance` of an upstream: a word, or a table that names the header or the cookie that decides.

use http::HeaderName;

use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{Balance, Diagnostic};

/// The words. A cookie and a header have a name, and so a table.
const WORDS: [(&str, Word); 4] =
    [("round_robin", Word::RoundRobin), ("least_conn", Word::LeastConn), ("random", Word::Random), ("ip_hash", Word::IpHash)];

#[derive(Clone, Copy)]
enum Word {
    RoundRobin,
    LeastConn,
    Random,
    IpHash,
}

/// Reads it.
pub(super) fn read(item: &Item<'_>) -> Option<Balance> {
    if item.value.is_table() {
        return read_table(item);
    }
    if item.value.as_str().is_some_and(|text| matches!(text, "cookie" | "header" | "sticky" | "hash")) {
        let help = "write balance = { cookie = \"srv\" } or balance = { header = \"X-Tenant\" }";
        item.reader.report(item.mistake("a cookie or a header that decides has a name").help(help));
        return None;
    }
    Some(match item.choice(&WORDS, &[])? {
        Word::RoundRobin => Balance::RoundRobin,
        Word::LeastConn => Balance::LeastConn,
        Word::Random => Balance::Random,
        Word::IpHash => Balance::IpHash,
    })
}

fn read_table(item: &Item<'_>) -> Option<Balance> {
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::BALANCE, "balance", Some((entries, item.span)));
    let (header, cookie, secret) = (table.item("header"), table.item("cookie"), table.item("secret"));
    let misspelt = table.misspells("header") || table.misspells("cookie");
    table.finish();
    match (header, cookie) {
        (Some(header), Some(cookie)) => {
            let mistake = Diagnostic::new(cookie.key_span, "one thing decides: `header` or `cookie`");
            item.reader.report(mistake.related(header.key_span, "first here").help("take one of them out"));
            None
        }
        (Some(header), None) => {
            if let Some(secret) = &secret {
                let mistake = Diagnostic::new(secret.key_span, "`secret` is the key of a cookie's values, and a header has none");
                item.reader.report(mistake.help("take it out"));
            }
            read_header(&header).map(Balance::Header)
        }
        (None, Some(cookie)) => {
            let name = read_cookie(&cookie)?;
            let secret = match secret {
                Some(item) => Some(item.text_not_empty()?.value),
                None => None,
            };
            Some(Balance::Cookie { name, secret })
        }
        (None, None) => {
            if !misspelt {
                let help = "write balance = { cookie = \"srv\" } or balance = { header = \"X-Tenant\" }";
                item.reader.report_absent(item.mistake("`balance` says not what decides").help(help));
            }
            None
        }
    }
}

fn read_header(item: &Item<'_>) -> Option<HeaderName> {
    let text = item.text_not_empty()?;
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    if name.is_none() {
        item.reader.report(item.mistake(format!("\"{}\" cannot be the name of a header", text.value)).help("write header = \"X-Tenant\""));
    }
    name
}

/// A token, as a cookie's name must be (RFC 6265 §4.1.1).
fn read_cookie(item: &Item<'_>) -> Option<String> {
    let text = item.text_not_empty()?;
    if HeaderName::from_bytes(text.value.as_bytes()).is_err() {
        item.reader.report(item.mistake(format!("\"{}\" cannot be the name of a cookie", text.value)).help("write cookie = \"srv\""));
        return None;
    }
    Some(text.value)
}
