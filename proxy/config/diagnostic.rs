//! Mistakes in a config: each with its place, a caret, and a way out; all of them at once.
//!
//! Any layer that finds a mistake pushes a [`Diagnostic`] with the [`Span`] of what is wrong: the front ends here, `plan` for names
//! that do not meet, the start-up checks for files that are not there. It is shown once, by whoever asked for the config.
//!
//! ```text
//! diagnostics.push(Diagnostic::new(span, "no upstream `ap`").label("not defined").help("did you mean `api`?").related(other, "defined here"));
//! ```

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::{Source, Span};
use crate::units::UnitError;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: "unknown key `lisen` in `[server]`".
    pub message: String,
    /// Where it stands; [`Span::default`] when it has no place (a default value).
    pub span: Span,
    /// A few words under the caret; empty for none.
    pub label: String,
    /// A second place that matters ("first defined here"), with its words.
    pub related: Option<(Span, String)>,
    /// What to do about it; empty for none.
    pub help: String,
}

impl Diagnostic {
    /// A mistake at `span`; `message` is one sentence without a full stop.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, label: String::new(), related: None, help: String::new() }
    }

    /// A mistake in the text of a unit.
    pub fn unit(span: Span, error: UnitError) -> Self {
        Self::new(span, error.message).help(error.help)
    }

    /// Puts a few words under the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Shows a second place that matters, with its words.
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related = Some((span, words.into()));
        self
    }

    fn group<'a>(&self, source: &'a Source) -> Group<'a> {
        let group = Group::with_title(Level::ERROR.primary_title(one_line(&self.message)));
        let group = if self.span == Span::default() {
            group.element(Origin::path(source.name.as_str()))
        } else {
            let mut primary = AnnotationKind::Primary.span(source.clamp(self.span).into());
            if !self.label.is_empty() {
                primary = primary.label(one_line(&self.label));
            }
            let related =
                self.related.as_ref().map(|(span, words)| AnnotationKind::Context.span(source.clamp(*span).into()).label(one_line(words)));
            group.element(Snippet::source(source.text.as_str()).path(source.name.as_str()).annotation(primary).annotations(related))
        };
        if self.help.is_empty() { group } else { group.element(Level::HELP.message(normalize_untrusted_str(&self.help))) }
    }
}

/// Messages quote what the operator wrote; a newline or an escape sequence in there must not reach the terminal.
fn one_line(text: &str) -> String {
    normalize_untrusted_str(&text.replace('\n', "␊"))
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

    /// `value` when nothing is wrong, else the mistakes in the order of their places, each once.
    ///
    /// # Errors
    /// The mistakes, when there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(Self(self.ordered())) }
    }

    /// The text for the person at the terminal, with file, line, column, the line, and a caret for each mistake,
    /// and a last line that counts them. Without colour.
    pub fn render(&self, source: &Source) -> String {
        self.render_by(&Renderer::plain(), source)
    }

    /// As [`Self::render`], with the colours of a terminal.
    pub fn render_styled(&self, source: &Source) -> String {
        self.render_by(&Renderer::styled(), source)
    }

    fn render_by(&self, renderer: &Renderer, source: &Source) -> String {
        let mistakes = self.ordered();
        let mut text = String::new();
        for mistake in &mistakes {
            text.push_str(&renderer.render(&[mistake.group(source)]));
            text.push_str("\n\n");
        }
        let plural = if mistakes.len() == 1 { "" } else { "s" };
        text.push_str(&format!("{}: {} mistake{plural}, nothing was started\n", one_line(&source.name), mistakes.len()));
        text
    }

    fn ordered(&self) -> Vec<Diagnostic> {
        let mut mistakes: Vec<Diagnostic> = Vec::with_capacity(self.0.len());
        for mistake in &self.0 {
            if !mistakes.contains(mistake) {
                mistakes.push(mistake.clone());
            }
        }
        mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        mistakes
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, mistakes: I) {
        self.0.extend(mistakes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "proxy.toml".into(), text: text.into() }
    }

    #[test]
    fn a_mistake_shows_file_line_column_caret_label_and_help() {
        let mut mistakes = Diagnostics::default();
        mistakes.push(
            Diagnostic::new(Span { start: 9, end: 14 }, "unknown key `lisen` in `[server]`")
                .label("not a key")
                .help("did you mean `listen`?"),
        );
        let expected = "error: unknown key `lisen` in `[server]`
 --> proxy.toml:2:1
  |
2 | lisen = []
  | ^^^^^ not a key
  |
  = help: did you mean `listen`?

proxy.toml: 1 mistake, nothing was started
";
        assert_eq!(mistakes.render(&source("[server]\nlisen = []\n")), expected);
    }

    #[test]
    fn mistakes_are_shown_once_and_in_the_order_of_their_places() {
        let mut mistakes = Diagnostics::default();
        let (late, early) = (Diagnostic::new(Span { start: 4, end: 5 }, "late"), Diagnostic::new(Span { start: 1, end: 2 }, "early"));
        mistakes.extend([late.clone(), early.clone(), late.clone()]);
        assert_eq!(mistakes.clone().or(()), Err(Diagnostics(vec![early, late])));
        assert!(mistakes.render(&source("abcdef")).ends_with("proxy.toml: 2 mistakes, nothing was started\n"));
    }

    #[test]
    fn a_mistake_without_a_place_names_the_file_alone() {
        let mut mistakes = Diagnostics::default();
        mistakes.push(Diagnostic::new(Span::default(), "port 8080 is taken").help("free it"));
        let text = mistakes.render(&source("a = 1\n"));
        assert!(text.contains("--> proxy.toml\n") && text.contains("help: free it"), "{text}");
    }

    #[test]
    fn control_characters_of_the_file_do_not_reach_the_terminal() {
        let mut mistakes = Diagnostics::default();
        mistakes.push(Diagnostic::new(Span { start: 0, end: 3 }, "\x1b[2J\nx").label("\x1b").help("\x1b"));
        let text = mistakes.render(&source("\x1b[2Jab\n"));
        assert!(!text.contains('\x1b'), "{text}");
    }

    proptest! {
        #[test]
        fn any_span_in_any_text_is_rendered_without_a_panic(text in any::<String>(), spans in prop::array::uniform4(0..40usize)) {
            let mut mistakes = Diagnostics::default();
            let [a, b, c, d] = spans;
            mistakes.push(Diagnostic::new(Span { start: a, end: b }, &*text).related(Span { start: c, end: d }, &*text).label(&*text).help(&*text));
            mistakes.render(&source(&text));
            mistakes.render_styled(&source(&text));
        }
    }
}
