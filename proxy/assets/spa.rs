//! The rule of a single-page application: which requests its page answers in the place of a file that does not exist.
//!
//! Asked too widely, it answers a missing script with HTML ("Unexpected token '<'"), which caches then keep. So it is for
//! navigations only, and only to paths that do not look like a file.

use std::sync::Arc;

use super::asset::Asset;
use crate::http::request::{Known, Method, RequestHead};
use crate::http::{accept, path};

/// The page of an application.
#[derive(Debug)]
pub(super) struct Spa {
    page: Arc<Asset>,
}

impl Spa {
    pub(super) fn new(page: Arc<Asset>) -> Self {
        Self { page }
    }

    pub(super) fn page(&self) -> &Asset {
        &self.page
    }
}

/// `true` when a GET or HEAD for a path without a file is a person going to a place in the application: it asks for HTML by
/// name or says that it navigates, and the last segment has no extension.
pub(super) fn is_navigation(path: &[u8], head: &RequestHead) -> bool {
    obstacle(path, head).is_none()
}

/// Why a request is no navigation; `None` when it is one.
///
/// Hidden paths are never places of an application: scanners ask for `/.env` with a browser's `Accept`. Nor is anything below
/// `/.well-known` (RFC 8615): clients find out there what a site supports, and a page would be a false yes.
pub(super) fn obstacle(path: &[u8], head: &RequestHead) -> Option<&'static str> {
    if !matches!(head.method(), Method::Get | Method::Head) {
        Some("the method is neither GET nor HEAD")
    } else if path::has_extension(path) {
        Some("its last segment has a dot, so a file is asked for")
    } else if path::is_hidden(path) {
        Some("a segment begins with a dot")
    } else if path::is_below(path, b"/.well-known") {
        Some("/.well-known says what a site supports")
    } else if !asks_for_a_page(head) {
        Some("nobody navigates: `Accept` does not name text/html, and `Sec-Fetch-Mode` is not navigate")
    } else {
        None
    }
}

fn asks_for_a_page(head: &RequestHead) -> bool {
    head.value(Known::SecFetchMode) == Some(b"navigate") || head.joined(Known::Accept).is_some_and(|accept| accept::names_html(&accept))
}
