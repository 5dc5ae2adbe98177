//! One written value, and the types that it can be read as. A value of another type is reported with what was expected and what was found.

use std::path::PathBuf;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};
use http::{HeaderValue, StatusCode};

use super::expand::expand;
use super::hint::nearest;
use super::reader::Reader;
use crate::config::{Diagnostic, Span, Spanned};
use crate::units::{ByteSize, UnitError, parse_duration};

/// A key and its value, or one entry of a list.
#[derive(Clone)]
pub(super) struct Item<'t> {
    /// What it reports to.
    pub reader: &'t Reader<'t>,
    /// The key.
    pub name: String,
    /// A value that would be right, as it is written.
    pub example: &'static str,
    /// Where the key stands.
    pub key_span: Span,
    /// Where the value stands.
    pub span: Span,
    /// The value.
    pub value: &'t DeValue<'t>,
}

impl<'t> Item<'t> {
    /// A mistake in this value.
    pub fn mistake(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.span, message)
    }

    /// Reports that the value is of another type than `expected` ("a string").
    pub fn wrong_type(&self, expected: &str) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let raw = self.reader.source.slice(self.span);
        let help = match self.value {
            DeValue::Array(_) if raw.starts_with("[[") && expected == "a table" => {
                format!("write {} with one pair of brackets", raw.replace("[[", "[").replace("]]", "]"))
            }
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) if expected == "a string" => {
                format!("put it in quotes: \"{raw}\"")
            }
            DeValue::String(text)
                if (expected == "an integer" && text.parse::<u64>().is_ok())
                    || (expected == "a boolean" && text.parse::<bool>().is_ok()) =>
            {
                format!("leave out the quotes: {} = {text}", self.name)
            }
            _ => format!("write it as {} = {}", self.name, self.example),
        };
        self.reader
            .report(self.mistake(format!("`{}` must be {expected}, not {found}", self.name)).label(format!("this is {found}")).help(help));
    }

    /// A string with its variables put in.
    pub fn text(&self) -> Option<Spanned<String>> {
        let DeValue::String(raw) = self.value else {
            self.wrong_type("a string");
            return None;
        };
        match expand(raw, self.reader.environment) {
            Ok(text) => Some(Spanned::new(text.into_owned(), self.span)),
            Err(errors) => {
                for error in errors {
                    let inside = self.reader.source.slice(self.span).find(&error.part).map(|at| self.span.start + at);
                    let span = inside.map_or(self.span, |start| Span { start, end: start + error.part.len() });
                    self.reader.report(Diagnostic::new(span, error.message).help(error.help));
                }
                None
            }
        }
    }

    /// A string that is not empty.
    pub fn text_not_empty(&self) -> Option<Spanned<String>> {
        let text = self.text()?;
        if text.value.is_empty() {
            self.reader
                .report(self.mistake(format!("`{}` is empty", self.name)).help(format!("write it as {} = {}", self.name, self.example)));
            return None;
        }
        Some(text)
    }

    /// A string that is not empty, as a path of the file system.
    pub fn path(&self) -> Option<Spanned<PathBuf>> {
        let text = self.text_not_empty()?;
        if text.value.contains('\0') {
            self.reader.report(self.mistake(format!("`{}` has a NUL, which no path has", self.name)));
            return None;
        }
        Some(Spanned::new(PathBuf::from(text.value), text.span))
    }

    /// A string in a unit.
    pub fn parse<T>(&self, parse: impl Fn(&str) -> Result<T, UnitError>) -> Option<Spanned<T>> {
        let text = self.text()?;
        self.parsed(&text.value, parse(&text.value))
    }

    /// A duration in a string; a number without unit is told to get one.
    pub fn duration(&self) -> Option<Duration> {
        self.number_or_text(parse_duration).map(|duration| duration.value)
    }

    /// A size in a string; a number without unit is told to get one.
    pub fn size(&self) -> Option<Spanned<ByteSize>> {
        self.number_or_text(ByteSize::parse)
    }

    fn number_or_text<T>(&self, parse: impl Fn(&str) -> Result<T, UnitError>) -> Option<Spanned<T>> {
        match self.value {
            DeValue::Integer(number) => self.parsed(number.as_str(), parse(number.as_str())),
            _ => self.parse(parse),
        }
    }

    /// Reports the error of a unit; says what the text was when variables were put into it.
    fn parsed<T>(&self, text: &str, parsed: Result<T, UnitError>) -> Option<Spanned<T>> {
        match parsed {
            Ok(value) => Some(Spanned::new(value, self.span)),
            Err(error) => {
                let expanded = !self.reader.source.slice(self.span).contains(text);
                let label = if expanded { format!("this is \"{text}\" with its variables put in") } else { String::new() };
                self.reader.report(Diagnostic::unit(self.span, error).label(label));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        let boolean = self.value.as_bool();
        if boolean.is_none() {
            self.wrong_type("a boolean");
        }
        boolean
    }

    /// A whole number; `None` when it is of another type or too large for 64 bits.
    pub fn integer(&self) -> Option<i64> {
        let DeValue::Integer(number) = self.value else {
            self.wrong_type("an integer");
            return None;
        };
        let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none() {
            self.reader.report(
                self.mistake(format!("`{}` is too large", self.name)).help(format!("write it as {} = {}", self.name, self.example)),
            );
        }
        parsed
    }

    /// A status that `allowed` lets pass; `kind` is what it must be ("the status of a redirect"), `which` names those that pass.
    pub fn status(&self, allowed: impl Fn(u16) -> bool, kind: &str, which: &str) -> Option<StatusCode> {
        let number = self.integer()?;
        let status = u16::try_from(number).ok().filter(|number| allowed(*number)).and_then(|number| StatusCode::from_u16(number).ok());
        if status.is_none() {
            let help = format!("{which}: {} = {}", self.name, self.example);
            self.reader.report(self.mistake(format!("{number} is not {kind}")).help(help));
        }
        status
    }

    /// A string that may stand in a header.
    pub fn header_value(&self) -> Option<HeaderValue> {
        let text = self.text()?;
        super::headers::value(self, &text.value)
    }

    /// One of a few words; `later` are words that this version does not have yet.
    pub fn choice<T: Copy>(&self, choices: &[(&'static str, T)], later: &[&str]) -> Option<T> {
        let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        if !self.value.is_str() {
            self.reader.report(
                self.mistake(format!("`{}` must be one of {words}", self.name)).help(format!("write {} = {}", self.name, self.example)),
            );
            return None;
        }
        let text = self.text()?.value;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let mistake = if later.contains(&text.as_str()) {
            self.mistake(format!("this version does not have \"{text}\" for `{}` yet", self.name))
                .label("not built yet")
                .help(format!("choose from {words}"))
        } else {
            let near = nearest(&text, choices.iter().map(|(word, _)| *word), usize::MAX);
            let label = near.map_or(String::new(), |near| format!("did you mean \"{near}\"?"));
            self.mistake(format!("unknown value \"{text}\" for `{}`", self.name)).label(label).help(format!("choose from {words}"))
        };
        self.reader.report(mistake);
        None
    }

    /// The entries of a list; a single value stands for a list of one.
    pub fn list(&self) -> Vec<Item<'t>> {
        let DeValue::Array(items) = self.value else {
            return vec![self.clone()];
        };
        items.iter().map(|item| Item { span: item.span().into(), value: item.get_ref(), ..self.clone() }).collect()
    }

    /// The strings of a list, or the one string.
    pub fn texts(&self) -> Vec<Spanned<String>> {
        self.list().iter().filter_map(Item::text_not_empty).collect()
    }

    /// The table that this is.
    pub fn entries(&self) -> Option<&'t DeTable<'t>> {
        let table = self.value.as_table();
        if table.is_none() {
            self.wrong_type("a table");
        }
        table
    }

    /// The entries of a table whose keys are the operator's own, in the order of the file.
    pub fn named(&self) -> Vec<(Spanned<String>, Item<'t>)> {
        let mut entries: Vec<_> = self
            .entries()
            .into_iter()
            .flatten()
            .map(|(written, value)| {
                let key_span = Span::from(written.span());
                let item = Item {
                    name: written.get_ref().to_string(),
                    key_span,
                    span: value.span().into(),
                    value: value.get_ref(),
                    ..self.clone()
                };
                (Spanned::new(item.name.clone(), key_span), item)
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.span.start);
        entries
    }
}
