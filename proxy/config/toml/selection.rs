//! The options of `root` that say which files are served, under which paths, and what is said of them.

use std::path::PathBuf;

use ::toml::de::DeValue;
use http::HeaderValue;

use super::attempt::{self, Entry};
use super::item::Item;
use crate::config::{Attempt, Diagnostic, FilePattern, Hidden, MimeRule, Selection, Spanned, Symlinks};
use crate::units::UnitError;

/// The options, and the page that `try` ends with, which stands for `spa`.
pub(super) fn read(later_roots: &[Item<'_>], options: &[Item<'_>]) -> (Selection, Option<Spanned<String>>) {
    let option = |name: &str| options.iter().find(|item| item.name == name);
    let mut selection = Selection { later_roots: read_later_roots(later_roots), ..Selection::default() };
    let mut page = None;
    if let Some(item) = option("try") {
        (selection.order, page) = read_try(item, option("spa"));
    }
    if let Some(served) = option("hidden").and_then(Item::boolean) {
        selection.hidden = if served { Hidden::Served } else { Hidden::Missing };
    }
    let symlinks = [("inside", Symlinks::Inside), ("follow", Symlinks::Follow), ("deny", Symlinks::Deny)];
    if let Some(symlinks) = option("symlinks").and_then(|item| item.choice(&symlinks, &[])) {
        selection.symlinks = symlinks;
    }
    if let Some(item) = option("mime") {
        selection.mime = item.named().iter().filter_map(|(_, entry)| read_mime(entry)).collect();
    }
    if let Some(item) = option("immutable") {
        selection.immutable = Some(read_immutable(item));
    }
    if let Some(value) = option("html_cache").and_then(read_html_cache) {
        selection.html_cache = value;
    }
    (selection, page)
}

fn read_later_roots(items: &[Item<'_>]) -> Vec<Spanned<PathBuf>> {
    items.iter().filter_map(Item::path).collect()
}

/// Reads `try`; `spa` is that option of the same route.
fn read_try(item: &Item<'_>, spa: Option<&Item<'_>>) -> (Vec<Attempt>, Option<Spanned<String>>) {
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(item.mistake("`try` is empty").help(format!("write try = {}", item.example)));
    }
    let (mut order, mut page, mut has_end) = (Vec::new(), None, false);
    let mut all_read = !entries.is_empty();
    for (index, entry) in entries.iter().enumerate() {
        let Some(read) = entry.parse(attempt::parse) else {
            all_read = false;
            continue;
        };
        let end = match read.value {
            Entry::Attempt(attempt) => {
                order.push(attempt);
                continue;
            }
            Entry::Page(path) => {
                page = Some(Spanned::new(path, read.span));
                "answers navigations to every path"
            }
            Entry::NotFound => "is the end",
        };
        let written = item.reader.source.slice(entry.span);
        if let Some(after) = entries.get(index + 1) {
            let mistake = after.mistake("this is never tried").related(entry.span, format!("this {end}"));
            item.reader.report(mistake.help(format!("write {written} last")));
        }
        if let Some(spa) = spa.filter(|spa| !has_end && spa.value.as_bool() != Some(false)) {
            let mistake = spa.mistake("`spa` is never asked").related(entry.span, format!("`try` ends here: this {end}"));
            item.reader.report(mistake.help(format!("take out `spa`, or {written}")));
        }
        has_end = true;
    }
    if all_read && order.is_empty() {
        item.reader.report(item.mistake("`try` looks for no file").help("begin it with \"{path}\""));
    }
    (order, page)
}

fn read_mime(entry: &Item<'_>) -> Option<MimeRule> {
    let ending = entry.name.to_ascii_lowercase();
    let has_a_name = ending.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && !rest.ends_with('.') && !rest.contains(['/', '\0']));
    if !has_a_name {
        let right = format!("\".{}\"", ending.trim_start_matches(['.', '*']));
        let right = if right == "\".\"" { "\".webmanifest\"" } else { &right };
        entry.reader.report(
            Diagnostic::new(entry.key_span, format!("`{}` is not the ending of a file", entry.name))
                .help(format!("write the ending with its dot: {right} = {}", entry.reader.source.slice(entry.span))),
        );
        return None;
    }
    let media_type = entry.parse(media_type)?.value;
    Some(MimeRule { ending, media_type })
}

/// RFC 9110 §8.3.1: two tokens with a slash between them, perhaps parameters behind.
fn media_type(text: &str) -> Result<String, UnitError> {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) && part != "*"
    };
    let (essence, parameters) = text.split_once(';').map_or((text, None), |(essence, parameters)| (essence.trim_end(), Some(parameters)));
    let well_formed = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && parameters.is_none_or(|parameters| parameters.contains('='))
        && HeaderValue::from_str(text).is_ok();
    if !well_formed {
        return Err(UnitError {
            message: format!("\"{text}\" is not a media type"),
            help: "write one such as \"application/json\" or \"text/html; charset=iso-8859-1\"".into(),
        });
    }
    Ok(text.to_owned())
}

fn read_immutable(item: &Item<'_>) -> Vec<FilePattern> {
    if let DeValue::Boolean(_) = item.value {
        item.reader.report(
            item.mistake("`immutable` must be a list of patterns, not a boolean")
                .help("leave it out: files with a hash in their name are immutable by themselves; immutable = [] makes none so"),
        );
        return Vec::new();
    }
    item.list().iter().filter_map(|entry| entry.parse(FilePattern::parse)).map(|pattern| pattern.value).collect()
}

fn read_html_cache(item: &Item<'_>) -> Option<HeaderValue> {
    item.text_not_empty()?;
    item.header_value()
}
