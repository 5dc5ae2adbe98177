//! `[[route]]`: what it matches, its one action, its headers.

use ::toml::de::DeValue;

use super::item::Item;
use super::reader::Table;
use super::{action, headers, keys, passage, pattern};
use crate::config::{Diagnostic, HeaderRules, PathPattern, Route, Spanned};

/// Reads every `[[route]]`, in the order of the file.
pub(super) fn read(item: Option<Item<'_>>) -> Vec<Route> {
    let Some(item) = item else { return Vec::new() };
    if item.value.is_table() {
        let mistake = item.mistake("`route` must be a list of tables, not a table").label("one pair of brackets");
        item.reader.report(mistake.help("write [[route]] with two brackets, once for every route"));
    }
    item.list().into_iter().filter_map(|entry| read_one(&entry)).collect()
}

fn read_one(item: &Item<'_>) -> Option<Route> {
    let DeValue::Table(entries) = item.value else {
        item.wrong_type("a list of tables");
        return None;
    };
    let mut table = Table::new(item.reader, &keys::ROUTE, "[[route]]", Some((entries, item.span)));
    let patterns = read_patterns(&mut table);
    let action = action::read(&mut table, &patterns);
    let headers = headers::read_route(&mut table);
    if headers.request.value != HeaderRules::default() && !entries.contains_key("proxy") {
        let mistake = Diagnostic::new(headers.request.span, "`headers.request` counts only with `proxy`");
        item.reader.report(mistake.label("no upstream gets these").help("write `headers.response` for headers to the client"));
    }
    let (buffer_request, timeouts) = passage::read(&mut table, entries.contains_key("proxy").then_some(()));
    table.finish();
    Some(Route {
        span: item.span,
        patterns,
        action: action?,
        request_headers: headers.request.value,
        response_headers: headers.response,
        buffer_request,
        timeouts,
    })
}

fn read_patterns(table: &mut Table<'_>) -> Vec<Spanned<PathPattern>> {
    let (path, exact) = (table.item("path"), table.item("exact"));
    if path.is_none() && exact.is_none() && !table.misspells("path") && !table.misspells("exact") {
        let help = "add one of these:\npath = \"/\"         # everything\npath = \"/api\"      # /api and all below it\nexact = \"/livez\"   # this path alone";
        table.reader.report_absent(Diagnostic::new(table.span, "this `[[route]]` has no `path`").label("matches nothing").help(help));
    }
    let mut patterns = read_list(path, pattern::prefix);
    patterns.extend(read_list(exact, pattern::exact));
    patterns
}

fn read_list(item: Option<Item<'_>>, parse: fn(&str) -> Result<PathPattern, crate::units::UnitError>) -> Vec<Spanned<PathPattern>> {
    let Some(item) = item else { return Vec::new() };
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(
            item.mistake(format!("`{}` is empty, so the route matches nothing", item.name))
                .help(format!("write {} = {}", item.name, item.example)),
        );
    }
    entries.iter().filter_map(|entry| entry.parse(parse)).collect()
}
