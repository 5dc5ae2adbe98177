//! One file of a folder, in all its codings.

use std::sync::Arc;

use super::nonce::NoncedPage;
use super::page::Page;
use super::policy::Policy;
use super::variant::Variant;
use crate::http::encoding::{self, Coding};
use crate::http::fields::FieldBlock;
use crate::http::request::{Known, RequestHead};

/// A file that is served, ready to be answered.
#[derive(Debug)]
pub struct Asset {
    pub(super) key: Box<[u8]>,
    pub(super) policy: Policy,
    pub(super) identity: Variant,
    /// In the order in which they are preferred.
    pub(super) codings: Box<[Coding]>,
    /// One for each of `codings`.
    pub(super) coded: Box<[Variant]>,
    /// The fields of a 412 and of a 416; shared by all assets that have as many codings.
    pub(super) refused: Arc<FieldBlock>,
    pub(super) page: Page,
}

impl Asset {
    /// The path of the file in its root, beginning with a slash: what was served, whatever was asked.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The field lines of a 103 before its 200, if it is a page that has any.
    pub fn hints(&self) -> Option<&[u8]> {
        self.page.hints.as_deref()
    }

    /// The page that takes the nonce of each response, if it is one: that is then the answer, whatever the request prefers.
    pub fn nonced(&self) -> Option<&NoncedPage> {
        self.page.nonced.as_ref()
    }

    /// The codings that it can be sent in, in the order in which they are preferred.
    pub fn codings(&self) -> &[Coding] {
        &self.codings
    }

    /// The representation that `Accept-Encoding` asks for. When it forbids them all, the file as it is (RFC 9110 §12.5.3 lets
    /// a server disregard the field, and a readable answer is worth more than a 406).
    pub(super) fn select(&self, head: &RequestHead) -> &Variant {
        if self.codings.is_empty() {
            return &self.identity;
        }
        let accepted = head.joined(Known::AcceptEncoding);
        encoding::choose(accepted.as_deref(), &self.codings)
            .and_then(|chosen| self.codings.iter().zip(&self.coded).find(|&(&coding, _)| coding == chosen))
            .map_or(&self.identity, |(_, variant)| variant)
    }
}
