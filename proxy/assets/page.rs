//! What a page has beside its bytes: hints of what it will ask for, and places for a nonce.

use super::content::Content;
use super::hints;
use super::media_type::MediaType;
use super::nonce::NoncedPage;
use super::variant::Common;

/// What is made of the pages of a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// They are searched for what a 103 may name.
    pub early_hints: bool,
    /// `{nonce}` in them stands for the nonce of the response.
    pub nonce: bool,
}

/// What was made of one file; nothing when it is no page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The field lines of a 103.
    pub(super) hints: Option<Box<[u8]>>,
    pub(super) nonced: Option<NoncedPage>,
}

impl Page {
    /// A page that stays on disk has neither: it is not read again for each request.
    pub(super) fn new(media_type: MediaType<'_>, content: &Content, common: &Common<'_>) -> Self {
        let options = common.options.pages;
        if !media_type.is_html() || options == PageOptions::default() {
            return Self::default();
        }
        let Some(bytes) = content.in_memory() else { return Self::default() };
        Self {
            hints: if options.early_hints { hints::find(&bytes) } else { None },
            nonced: if options.nonce { NoncedPage::new(&bytes, common) } else { None },
        }
    }
}
