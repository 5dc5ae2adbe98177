//! What to say about a key that a table does not have: not built yet, misspelt, or written in the wrong table.

use super::keys::{Keys, TABLES};

/// Why a key is unknown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Known to the language, not to this version; what it does instead, or nothing.
    NotBuilt(&'static str),
    /// Nearly this key of the same table.
    Misspelt(&'static str),
    /// A key of these other tables.
    Misplaced(Vec<&'static str>),
    /// Nearly this key of that other table.
    Astray(&'static str, &'static str),
    /// Nothing like it is known.
    Strange,
}

/// Explains `name`, which `keys` does not have.
pub(super) fn explain(keys: &'static Keys, name: &str) -> Unknown {
    if let Some(key) = keys.find(name) {
        return Unknown::NotBuilt(key.text);
    }
    if let Some(key) = near(keys, name, 1) {
        return Unknown::Misspelt(key);
    }
    let homes: Vec<_> = TABLES.iter().filter(|table| table.find(name).is_some_and(|key| key.built)).map(|table| table.title).collect();
    if !homes.is_empty() {
        return Unknown::Misplaced(homes);
    }
    if let Some(key) = near(keys, name, usize::MAX) {
        return Unknown::Misspelt(key);
    }
    if let Some((key, title)) = TABLES.iter().find_map(|table| Some((near(table, name, 1)?, table.title))) {
        return Unknown::Astray(key, title);
    }
    match TABLES.iter().find_map(|table| table.find(name)) {
        Some(key) => Unknown::NotBuilt(key.text),
        None => Unknown::Strange,
    }
}

/// The key of `keys` that `name` was probably meant to be, at most `distance_max` edits away.
pub(super) fn near(keys: &'static Keys, name: &str, distance_max: usize) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase().replace('-', "_");
    if let Some((_, key)) = keys.near.iter().find(|(near, _)| *near == lower) {
        return Some(key);
    }
    nearest(&lower, keys.built().map(|key| key.name), distance_max)
}

/// `true` when `name` is what another server calls a key of `keys`, so that its value is not to be believed either.
pub(super) fn is_foreign(keys: &'static Keys, name: &str) -> bool {
    keys.near.iter().any(|(near, _)| *near == name)
}

/// The candidate that `text` was probably meant to be: few edits for its length, and the fewest of all.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>, distance_max: usize) -> Option<&'a str> {
    let text = text.to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&text, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= distance_max.min(edits_max(candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many edits a word of this length survives; more, and short words turn into each other.
fn edits_max(word: &str) -> usize {
    match word.len() {
        0..=1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{ROOT, ROUTE, SERVER};
    use super::*;

    #[test]
    fn a_misspelt_key_is_recognised() {
        for (name, key) in [
            ("lisen", "listen"),
            ("litsen", "listen"),
            ("Listen", "listen"),
            ("https-redirect", "https_redirect"),
            ("server_name", "names"),
        ] {
            assert_eq!(explain(&SERVER, name), Unknown::Misspelt(key), "{name}");
        }
    }

    #[test]
    fn a_key_of_another_table_is_sent_there() {
        assert_eq!(explain(&ROUTE, "listen"), Unknown::Misplaced(vec!["[server]"]));
        assert_eq!(explain(&SERVER, "header"), Unknown::Misplaced(vec!["[limits]", "[timeouts]", "balance = { … }"]));
        assert_eq!(explain(&ROOT, "lisen"), Unknown::Astray("listen", "[server]"));
    }

    #[test]
    fn a_key_that_is_not_built_is_never_a_spelling_mistake() {
        assert!(matches!(explain(&SERVER, "workers"), Unknown::NotBuilt(_)));
        assert!(matches!(explain(&ROUTE, "rate"), Unknown::NotBuilt(_)));
        assert!(matches!(explain(&ROOT, "drain_delay"), Unknown::NotBuilt(_)));
    }

    #[test]
    fn a_key_like_no_other_is_strange() {
        assert_eq!(explain(&SERVER, "colour"), Unknown::Strange);
        assert_eq!(explain(&SERVER, ""), Unknown::Strange);
    }
}
