//! `root` and its options: which folder a route answers from, and how.

use ::toml::de::DeValue;

use super::environment;
use super::error_page;
use super::item::Item;
use super::selection;
use crate::config::{Folder, Spanned, defaults};
use crate::units::UnitError;

/// The keys of a route that count only with `root`.
pub(super) const OPTIONS: [&str; 14] = [
    "index",
    "spa",
    "try",
    "hidden",
    "symlinks",
    "mime",
    "immutable",
    "html_cache",
    "watch",
    "keep_previous",
    "early_hints",
    "env",
    "errors",
    "listing",
];

/// Reads `root` and those of [`OPTIONS`] that the route has; `None` when the folder is wrong, which is then reported.
pub(super) fn read(item: &Item<'_>, options: &[Item<'_>]) -> Option<Folder> {
    let option = |name: &str| options.iter().find(|item| item.name == name);
    let index = match option("index") {
        Some(index) => index.list().iter().filter_map(|entry| entry.parse(file_name)).map(|name| name.value).collect(),
        None => vec![defaults::INDEX.to_owned()],
    };
    let spa = option("spa").and_then(|spa| match spa.value {
        DeValue::Boolean(true) => Some(Spanned::new(defaults::SPA.to_owned(), spa.span)),
        DeValue::Boolean(false) => None,
        DeValue::String(_) => spa.parse(relative_path),
        _ => {
            spa.wrong_type("a boolean or the path of a file");
            None
        }
    });
    let watch = option("watch").and_then(Item::boolean).unwrap_or(defaults::WATCH);
    let keep_previous = option("keep_previous").and_then(Item::duration).unwrap_or(defaults::KEEP_PREVIOUS);
    let early_hints = option("early_hints").and_then(Item::boolean).unwrap_or(defaults::EARLY_HINTS);
    let env = option("env").and_then(environment::read);
    let errors = option("errors").map(error_page::read).unwrap_or_default();
    let listing = option("listing").and_then(Item::boolean).unwrap_or(false);
    let roots = item.list();
    if roots.is_empty() {
        item.reader.report(item.mistake("`root` is empty").help("name the folder of the built site: root = \"dist\""));
    }
    let (first, later) = roots.split_first()?;
    let (selection, page) = selection::read(later, options);
    let spa = spa.or(page);
    Some(Folder { root: first.path()?, index, spa, selection, watch, keep_previous, early_hints, env, errors, listing })
}

fn file_name(text: &str) -> Result<String, UnitError> {
    match relative_path(text)? {
        name if name.contains('/') => Err(UnitError {
            message: format!("\"{name}\" is a path, and `index` is the name of a file in every folder"),
            help: "write \"index.html\"".into(),
        }),
        name => Ok(name),
    }
}

/// A path that stays inside of its root.
pub(super) fn relative_path(text: &str) -> Result<String, UnitError> {
    let error = |help: String| Err(UnitError { message: format!("\"{text}\" is not a file inside of `root`"), help });
    if text.starts_with('/') {
        return error(format!("write it from `root` on: \"{}\"", text.trim_start_matches('/')));
    }
    if text.is_empty() || text.contains(['\0', '\\']) || text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return error("write a path such as \"index.html\"".into());
    }
    Ok(text.into())
}
