//! Where a value was written: the file's name and text, and byte spans into it.

use std::collections::BTreeMap;

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

/// A range of bytes in a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
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
