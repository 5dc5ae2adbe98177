//! What the operator wrote: the model, its defaults, its sources and its mistakes.
//!
//! A front end (today `toml`, later nginx.conf) reads a [`Source`] into a [`Config`] or into [`Diagnostics`]; nothing below
//! this layer can tell which front end it was. No I/O: text and environment come in as arguments.

mod coded_files;
mod compression;
pub mod defaults;
mod diagnostic;
mod file_pattern;
mod folder;
#[cfg(test)]
mod golden;
mod model;
mod selection;
mod source;
mod toml;

pub use coded_files::CodedFiles;
pub use compression::{Compression, CompressionLevel};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use file_pattern::FilePattern;
pub use folder::Folder;
pub use model::*;
pub use selection::{Attempt, Hidden, MimeRule, Selection, Symlinks};
pub use source::{Environment, Source, Span, Spanned};
pub use toml::read;
