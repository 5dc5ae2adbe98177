//! The text format of Prometheus, version 0.0.4: families of samples, each with its help and its type.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>
//!
//! A few lines, and no registry: everything that is told is counted where it happens, and read when it is asked for.

use std::fmt::{Display, Write as _};

/// What a family measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up; its name ends in `_total`.
    Counter,
}

/// The text while it is written. Writing to a string cannot fail.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Begins a family; `help` is one line.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let word = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        debug_assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {word}");
        Family { text: &mut self.0, name }
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// The samples of one family.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            self.push_escaped(text);
            self.text.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    fn push_escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                _ => self.text.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_its_help_its_type_and_its_samples() {
        let mut text = Exposition::default();
        let mut family = text.family("a_total", Kind::Counter, "As.");
        family.sample(&[], 1);
        family.sample(&[("b", "x\"\\\ny"), ("c", "é")], 2.5);
        text.family("d", Kind::Gauge, "None.");
        assert_eq!(
            text.into_text(),
            "# HELP a_total As.\n# TYPE a_total counter\na_total 1\na_total{b=\"x\\\"\\\\\\ny\",c=\"é\"} 2.5\n# HELP d None.\n# TYPE d gauge\n"
        );
    }
}
