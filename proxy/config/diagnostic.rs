//! Mistakes in a config: each with its place, a caret, and a way out; all of them at once.

use super::{Source, Span};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: "unknown key `lisen` in `[server]`".
    pub message: String,
    /// Where it stands.
    pub span: Span,
    /// A few words under the caret; empty for none.
    pub label: String,
    /// A second place that matters ("first defined here"), with its words.
    pub related: Option<(Span, String)>,
    /// What to do about it; empty for none.
    pub help: String,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, label: String::new(), related: None, help: String::new() }
    }

    /// Puts a few words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Names a second place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// All mistakes that were found in one config, in the order of their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// `true` when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text for the person at the terminal, with file, line, column, the line, and a caret for each mistake,
    /// and a last line that counts them.
    pub fn render(&self, source: &Source) -> String {
        let _ = source;
        todo!()
    }
}
