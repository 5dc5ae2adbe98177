//! The files of a folder that answer in the place of an error.
//!
//! A page is an asset like any other, so that it has its type and its codings; which status it is sent with, and to whom, is
//! `serve`'s to say.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};

use super::asset::Asset;
use super::media_type::{MediaType, TextEncoding};
use crate::config::{ErrorPage, MimeRule, Statuses};

/// The error pages of a folder.
#[derive(Debug, Default)]
pub(super) struct ErrorPages {
    /// Those for one status before those for a class: the first that covers a status is its page. With its media type: a route may give its files
    /// another, which an error is not sent as.
    pages: Vec<(Statuses, Arc<Asset>, HeaderValue)>,
}

impl ErrorPages {
    /// Finds the files; `find` gets the path of each in the folder, beginning with a slash.
    ///
    /// # Errors
    /// The first page whose file is not there.
    pub(super) fn new<'p>(
        pages: &'p [ErrorPage],
        mime: &[MimeRule],
        find: impl Fn(&[u8]) -> Option<Arc<Asset>>,
    ) -> Result<Self, &'p ErrorPage> {
        let mut found = Vec::with_capacity(pages.len());
        for page in pages {
            let asset = find(format!("/{}", page.file.value).as_bytes()).ok_or(page)?;
            let media_type = media_type(&asset, mime);
            found.push((page.statuses, asset, media_type));
        }
        found.sort_by_key(|(statuses, ..)| !matches!(statuses, Statuses::One(_)));
        Ok(Self { pages: found })
    }

    /// All pages, and their media types.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Asset, &HeaderValue)> {
        self.pages.iter().map(|(_, asset, media_type)| (&**asset, media_type))
    }

    /// The page for a status, and its media type.
    pub(super) fn find(&self, status: StatusCode) -> Option<(&Asset, &HeaderValue)> {
        self.pages.iter().find(|(statuses, ..)| statuses.cover(status)).map(|(_, asset, media_type)| (&**asset, media_type))
    }
}

fn media_type(page: &Asset, mime: &[MimeRule]) -> HeaderValue {
    let is_utf8 = page.identity.content.in_memory().is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok());
    MediaType::chosen(page.key(), mime).header_value(if is_utf8 { TextEncoding::Utf8 } else { TextEncoding::Other })
}
