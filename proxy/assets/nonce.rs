//! A page in which every `{nonce}` becomes the nonce of the response (CSP3, `nonce-source`): cut at load, so that a response only joins it.
//!
//! Each response differs, so there is one representation: not coded, without validators, whole. Caches that many share must not keep it, since a
//! nonce that is sent twice can be guessed; a browser may, for going back.

use bytes::Bytes;
use http::{HeaderValue, header};

use super::Fields;
use super::variant::Common;
use crate::config::ContentSecurityPolicy;
use crate::http::fields::FieldBlock;

const PLACEHOLDER: &[u8] = ContentSecurityPolicy::PLACEHOLDER.as_bytes();

/// A page with places for a nonce.
#[derive(Debug)]
pub struct NoncedPage {
    /// What stands between the nonces; two at least.
    parts: Box<[Bytes]>,
    fields: FieldBlock,
}

impl NoncedPage {
    /// The page, if it has a place for a nonce.
    pub(super) fn new(page: &Bytes, common: &Common<'_>) -> Option<Self> {
        let mut parts = Vec::new();
        let mut start = 0;
        for at in memchr::memmem::find_iter(page, PLACEHOLDER) {
            parts.push(page.slice(start..at));
            start = at + PLACEHOLDER.len();
        }
        if parts.is_empty() {
            return None;
        }
        parts.push(page.slice(start..));
        let fields: Fields = vec![
            (header::CONTENT_TYPE, common.content_type.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ];
        Some(Self { parts: parts.into(), fields: FieldBlock::new((common.options.decorate)(fields)) })
    }

    /// The fields of its 200.
    pub fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    /// The page with this nonce in all places.
    pub fn with(&self, nonce: &[u8]) -> Bytes {
        self.parts.join(nonce).into()
    }
}
