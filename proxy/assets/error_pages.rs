//! The files of a folder that answer in the place of an error.
//!
//! A page is an asset like any other, so that it has its type and its codings; which status it is sent with, and to whom, is
//! `serve`'s to say.

use std::sync::Arc;

use http::StatusCode;

use super::asset::Asset;
use crate::config::{ErrorPage, Statuses};

/// The error pages of a folder.
#[derive(Debug, Default)]
pub(super) struct ErrorPages {
    /// Those for one status before those for a class: the first that covers a status is its page.
    pages: Vec<(Statuses, Arc<Asset>)>,
}

impl ErrorPages {
    /// Finds the files; `find` gets the path of each in the folder, beginning with a slash.
    ///
    /// # Errors
    /// The first page whose file is not there.
    pub(super) fn new(pages: &[ErrorPage], find: impl Fn(&[u8]) -> Option<Arc<Asset>>) -> Result<Self, &ErrorPage> {
        let mut found = Vec::with_capacity(pages.len());
        for page in pages {
            let asset = find(format!("/{}", page.file.value).as_bytes()).ok_or(page)?;
            found.push((page.statuses, asset));
        }
        found.sort_by_key(|(statuses, _)| !matches!(statuses, Statuses::One(_)));
        Ok(Self { pages: found })
    }

    /// The page for a status.
    pub(super) fn find(&self, status: StatusCode) -> Option<&Asset> {
        self.pages.iter().find(|(statuses, _)| statuses.cover(status)).map(|(_, asset)| &**asset)
    }
}
