//! Where a value was written: the file's name and text, and byte spans into it.

use std::collections::BTreeMap;
use std::ops::Range;

/// The environment that `${VAR}` is looked up in; passed in, never read here.
pub type Environment = BTreeMap<String, String>;

/// One config file.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the operator wrote it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The text at `span`; empty when the span does not lie in the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The line that `offset` lies on, counted from 0.
    pub fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// The offset at which the line of `offset` begins.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    /// The text of the line that `offset` lies on, without its end.
    pub fn line_text(&self, offset: usize) -> &str {
        self.text.split('\n').nth(self.line(offset)).unwrap_or_default().trim_end_matches('\r')
    }

    /// The nearest span that lies in the text and on the boundaries of characters.
    pub(super) fn clamp(&self, span: Span) -> Span {
        let boundary = |offset: &usize| self.text.is_char_boundary(*offset);
        let start = (0..=span.start.min(self.text.len())).rev().find(boundary).unwrap_or_default();
        let end = (span.end.max(start)..=self.text.len()).find(boundary).unwrap_or(self.text.len());
        Span { start, end }
    }
}

/// A range of bytes in a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.start..span.end
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; an empty span at 0 for a default.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
