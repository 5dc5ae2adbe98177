//! One file of a folder, in all its codings.

use std::sync::Arc;

use super::coded::CodedForms;
use super::nonce::NoncedPage;
use super::page::Page;
use super::policy::Policy;
use super::variant::{Form, Variant};
use crate::http::encoding::Coding;
use crate::http::fields::FieldBlock;
use crate::http::request::{Known, RequestHead};

/// A file that is served, ready to be answered.
#[derive(Debug)]
pub struct Asset {
    pub(super) key: Box<[u8]>,
    pub(super) policy: Policy,
    pub(super) identity: Variant,
    /// `None` when it has no coded form and will have none. Else its answers vary from the first request on, whether a form is ready or
    /// not: a cache that kept one without `Vary` would give it to everybody.
    pub(super) coded: Option<Box<CodedForms>>,
    /// The fields of a 412 and of a 416; shared by all assets that vary alike.
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

    /// The codings that it can be sent in now.
    pub fn codings(&self) -> impl Iterator<Item = Coding> {
        self.coded.iter().flat_map(|coded| coded.codings())
    }

    /// `true` when coded forms of it may become ready later.
    pub fn awaits_codings(&self) -> bool {
        self.coded.is_some()
    }

    /// The representation that `Accept-Encoding` asks for. When it forbids them all, the file as it is (RFC 9110 §12.5.3 lets
    /// a server disregard the field, and a readable answer is worth more than a 406).
    pub(super) fn select(&self, head: &RequestHead) -> &Variant {
        let Some(coded) = &self.coded else { return &self.identity };
        coded.choose(head.joined(Known::AcceptEncoding).as_deref()).unwrap_or(&self.identity)
    }

    /// Serves these bytes as the coded form of the file.
    pub(super) fn put(&self, coding: Coding, form: Form) {
        if let Some(coded) = &self.coded {
            coded.put(coding, self.identity.coded(coding, form));
        }
    }

    /// The file as it is, and its coded forms that are ready.
    pub(super) fn variants(&self) -> impl Iterator<Item = &Variant> {
        std::iter::once(&self.identity).chain(self.coded.iter().flat_map(|coded| coded.all()))
    }

    /// The same, with contents that share no memory with other files.
    pub(super) fn detached(self: &Arc<Self>) -> Arc<Self> {
        if !self.variants().any(|variant| variant.content.is_on_shelf()) {
            return Arc::clone(self);
        }
        Arc::new(Self {
            key: self.key.clone(),
            policy: self.policy,
            identity: self.identity.detached(),
            coded: self.coded.as_ref().map(|coded| Box::new(coded.detached())),
            refused: Arc::clone(&self.refused),
            // Nothing that is kept is a page.
            page: Page::default(),
        })
    }

    /// About how many bytes it takes beside its contents: as a rule three thousand, most of them its response fields.
    pub(super) fn bookkeeping_bytes(&self) -> u64 {
        // The path stands in the look-up too.
        let own = size_of::<Self>() + 3 * self.key.len() + self.coded.as_ref().map_or(0, |_| size_of::<CodedForms>());
        own as u64 + self.variants().map(Variant::bookkeeping_bytes).sum::<u64>()
    }

    pub(super) fn has(&self, coding: Coding) -> bool {
        self.coded.as_ref().is_some_and(|coded| coded.get(coding).is_some())
    }
}
