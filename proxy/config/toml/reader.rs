//! Where the reading of one file puts its mistakes, and the tables that it reads.
//!
//! A [`Table`] hands out its keys one by one as [`Item`]s and goes on after a mistake; `finish` reports what nobody asked for.
//! What a value must be is said in `item`, which keys there are in `keys`.

use std::cell::RefCell;

use ::toml::de::{DeTable, DeValue};

use super::hint::{self, Unknown};
use super::item::Item;
use super::keys::Keys;
use crate::config::{Diagnostic, Environment, Source, Span};

/// What all tables of one file share.
pub(super) struct Reader<'t> {
    /// The file.
    pub source: &'t Source,
    /// What `${VAR}` is looked up in.
    pub environment: &'t Environment,
    /// What is written and wrong.
    wrong: RefCell<Vec<Diagnostic>>,
    /// What should be written and is not. Apart, because behind a syntax mistake it may well be written.
    absent: RefCell<Vec<Diagnostic>>,
}

impl<'t> Reader<'t> {
    pub fn new(source: &'t Source, environment: &'t Environment) -> Self {
        Self { source, environment, wrong: RefCell::default(), absent: RefCell::default() }
    }

    /// Notes something that is written and wrong.
    pub fn report(&self, mistake: Diagnostic) {
        self.wrong.borrow_mut().push(mistake);
    }

    /// Notes something that is not written and should be.
    pub fn report_absent(&self, mistake: Diagnostic) {
        self.absent.borrow_mut().push(mistake);
    }

    /// What was wrong, and what was absent.
    pub fn into_mistakes(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (self.wrong.into_inner(), self.absent.into_inner())
    }
}

/// One table of the file, or one that is not there: then every key is absent.
pub(super) struct Table<'t> {
    /// What it reports to.
    pub reader: &'t Reader<'t>,
    /// As the person knows it: `[server]`.
    pub title: String,
    /// The header, or the whole inline table.
    pub span: Span,
    keys: &'static Keys,
    entries: Option<&'t DeTable<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    pub fn new(reader: &'t Reader<'t>, keys: &'static Keys, title: impl Into<String>, entries: Option<(&'t DeTable<'t>, Span)>) -> Self {
        let (entries, span) = entries.unzip();
        Self { reader, title: title.into(), span: span.unwrap_or_default(), keys, entries, asked: Vec::new() }
    }

    /// `true` when it is in the file.
    pub fn is_there(&self) -> bool {
        self.entries.is_some()
    }

    /// The key `name`, if it is written. Every built key is asked for once, written or not.
    pub fn item(&mut self, name: &'static str) -> Option<Item<'t>> {
        let key = self.keys.find(name).filter(|key| key.built);
        debug_assert!(key.is_some(), "`{name}` has no line in the keys of {}", self.title);
        self.asked.push(name);
        let (written, value) = self.entries?.get_key_value(name)?;
        Some(Item {
            reader: self.reader,
            name: name.into(),
            example: key.map_or("", |key| key.text),
            key_span: written.span().into(),
            span: value.span().into(),
            value: value.get_ref(),
        })
    }

    /// The key `name`; reports when it is not written.
    pub fn required(&mut self, name: &'static str) -> Option<Item<'t>> {
        let item = self.item(name);
        if item.is_none() && !self.misspells(name) {
            let example = self.keys.find(name).map_or("", |key| key.text);
            let message = format!("`{}` has no `{name}`", self.title);
            self.reader.report_absent(Diagnostic::new(self.span, message).label("here").help(format!("add {name} = {example}")));
        }
        item
    }

    /// The table under `name`, there or not.
    pub fn table(&mut self, name: &'static str, keys: &'static Keys, title: &str) -> Self {
        let entries = self.item(name).and_then(|item| item.entries().map(|entries| (entries, item.span)));
        Self::new(self.reader, keys, title, entries)
    }

    /// `true` when an unknown key was probably meant to be `name`; its absence is then no news.
    pub fn misspells(&self, name: &str) -> bool {
        self.unknown().any(|(written, _)| match hint::explain(self.keys, written.get_ref()) {
            Unknown::Misspelt(key) => key == name,
            _ => false,
        })
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for key in self.keys.built() {
            debug_assert!(self.asked.contains(&key.name), "`{}` of {} was not read", key.name, self.title);
        }
        for (written, value) in self.unknown() {
            self.reader.report(self.unknown_key(written, value));
        }
    }

    fn unknown(&self) -> impl Iterator<Item = (&'t Written<'t>, &'t Value<'t>)> {
        let built = |name: &str| self.keys.find(name).is_some_and(|key| key.built);
        self.entries.into_iter().flatten().filter(move |(written, _)| !built(written.get_ref()))
    }

    fn unknown_key(&self, written: &Written<'_>, value: &Value<'_>) -> Diagnostic {
        let (name, span) = (written.get_ref().as_ref(), written.span().into());
        let at_top = self.title.is_empty();
        let place = if at_top { "at the top of the file".into() } else { format!("in `{}`", self.title) };
        let list_of_tables = |items: &::toml::de::DeArray<'_>| items.iter().any(|item| item.get_ref().is_table());
        let (what, known) = match value.get_ref() {
            DeValue::Table(_) if at_top => (format!("table `[{name}]`"), "tables"),
            DeValue::Array(items) if at_top && list_of_tables(items) => (format!("table `[[{name}]]`"), "tables"),
            _ => (format!("key `{name}` {place}"), "keys"),
        };
        let unknown = Diagnostic::new(span, format!("unknown {what}"));
        match hint::explain(self.keys, name) {
            Unknown::NotBuilt(instead) => {
                let help = if instead.is_empty() { "take it out".into() } else { format!("take it out; {instead}") };
                Diagnostic::new(span, format!("this version does not have the {what} yet")).label("not built yet").help(help)
            }
            Unknown::Misspelt(key) => unknown.label(format!("did you mean `{key}`?")).help(self.right_spelling(name, key, value)),
            Unknown::Misplaced(homes) => {
                let homes = homes.iter().map(|home| format!("`{home}`")).collect::<Vec<_>>().join(" or ");
                unknown.label("in the wrong table").help(format!("`{name}` belongs in {homes}; move it there"))
            }
            Unknown::Astray(key, title) => {
                unknown.label(format!("did you mean `{key}` in `{title}`?")).help(format!("move it below `{title}`, and write `{key}`"))
            }
            Unknown::Strange => {
                let names = self.keys.built().map(|key| key.name).collect::<Vec<_>>().join(", ");
                unknown.label("not known here").help(format!("take it out; the {known} {place} are: {names}"))
            }
        }
    }

    /// The line as it should be: with the same value where the key is only misspelt, with an example where it came from another server.
    fn right_spelling(&self, name: &str, key: &str, value: &Value<'_>) -> String {
        match value.get_ref() {
            _ if self.title.is_empty() && key == "route" => "write [[route]]".into(),
            DeValue::Table(_) if self.title.is_empty() => format!("write [{key}]"),
            _ if key.contains('.') => format!("write {}.{key}", self.title),
            _ if hint::is_foreign(self.keys, name) => format!("write {key} = {}", self.keys.find(key).map_or("", |key| key.text)),
            _ => match self.reader.source.slice(value.span().into()) {
                raw if raw.contains('\n') || value.get_ref().is_table() => format!("write `{key}`"),
                raw => format!("write {key} = {raw}"),
            },
        }
    }
}

/// A key in the tree.
pub(super) type Written<'t> = ::toml::Spanned<::toml::de::DeString<'t>>;
/// A value in the tree.
pub(super) type Value<'t> = ::toml::Spanned<DeValue<'t>>;
