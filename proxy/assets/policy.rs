//! How long a file may be kept by browsers and caches.
//!
//! The policy follows the file that is served, never the URL that was asked: the page of an application has one policy under
//! every path that it answers. Which names say that their content never changes is decided in `fingerprint`.

use http::HeaderValue;

use super::fingerprint;
use super::media_type::MediaType;

/// The cache policy of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// A page: stored, but asked for again each time, so that a deploy is seen at once.
    Page,
    /// Its name changes with its content: a year (the longest that caches take) without asking.
    Immutable,
    /// Anything else: stored, and asked for again with its entity tag.
    Revalidated,
}

impl Policy {
    /// The policy of the file at `key`. A page is never immutable, whatever its name looks like: it is what names the others.
    pub(super) fn of(key: &[u8], media_type: MediaType) -> Self {
        if media_type.is_html() {
            Self::Page
        } else if fingerprint::is_in(key) {
            Self::Immutable
        } else {
            Self::Revalidated
        }
    }

    /// The value of `Cache-Control`.
    pub(super) const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Page => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Revalidated => "public, max-age=0, must-revalidate",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(key: &str) -> Policy {
        Policy::of(key.as_bytes(), MediaType::of(key.as_bytes()))
    }

    #[test]
    fn html_is_asked_for_again_even_under_a_hashed_name() {
        assert_eq!(policy("/index.html"), Policy::Page);
        assert_eq!(policy("/assets/page-BgA0-x9_.html"), Policy::Page);
    }

    #[test]
    fn only_hashed_names_are_immutable() {
        assert_eq!(policy("/assets/index-BgA0-x9_.js"), Policy::Immutable);
        assert_eq!(policy("/assets/logo.png"), Policy::Revalidated);
        assert_eq!(policy("/favicon.ico"), Policy::Revalidated);
    }
}
