//! Warnings of a load, told once each and never so many that they push everything else out of the log.

use std::collections::HashSet;

use crate::assets::Warning;

/// The most warnings of one load that have a line of their own.
const LINES_MAX: usize = 20;

/// What was told of the build before: a build that has the same to warn of does not say it again.
#[derive(Debug, Default)]
pub(super) struct Warned(HashSet<String>);

/// Tells what is new among `warnings`.
pub(super) fn announce_warnings(warnings: &[Warning], warned: &mut Warned) {
    let texts: HashSet<String> = warnings.iter().map(ToString::to_string).collect();
    let new: Vec<String> = warnings.iter().map(ToString::to_string).filter(|text| !warned.0.contains(text)).collect();
    announce(&new);
    warned.0 = texts;
}

/// Tells warnings, the first of them in full.
pub(super) fn announce(texts: &[String]) {
    for text in texts.iter().take(LINES_MAX) {
        tracing::warn!("{text}");
    }
    if let Some(more @ 1..) = texts.len().checked_sub(LINES_MAX) {
        tracing::warn!(more, "further files are not served, or not as they could be: `transom check` lists them all");
    }
}
