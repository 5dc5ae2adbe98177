//! How long a file may be kept by browsers and caches.
//!
//! The policy follows the file that is served, never the URL that was asked: the page of an application has one policy under
//! every path that it answers. Which names say that their content never changes is decided by `immutable` where the route has
//! it, else in `fingerprint`.

use http::HeaderValue;

use super::fingerprint;
use super::media_type::MediaType;
use crate::config::Selection;

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
    pub(super) fn of(key: &[u8], media_type: MediaType<'_>, selection: &Selection) -> Self {
        let never_changes = || match &selection.immutable {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(key)),
            None => fingerprint::is_in(key),
        };
        if media_type.is_html() {
            Self::Page
        } else if never_changes() {
            Self::Immutable
        } else {
            Self::Revalidated
        }
    }

    /// The value of `Cache-Control`.
    pub(super) fn header_value(self, selection: &Selection) -> HeaderValue {
        match self {
            Self::Page => selection.html_cache.clone(),
            Self::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::Revalidated => HeaderValue::from_static("public, max-age=0, must-revalidate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FilePattern;

    fn policy(key: &str) -> Policy {
        Policy::of(key.as_bytes(), MediaType::of(key.as_bytes()), &Selection::default())
    }

    fn policy_by(patterns: &[&str], key: &str) -> Policy {
        let immutable = patterns.iter().map(|pattern| FilePattern::parse(pattern).unwrap()).collect();
        let selection = Selection { immutable: Some(immutable), ..Selection::default() };
        Policy::of(key.as_bytes(), MediaType::of(key.as_bytes()), &selection)
    }

    #[test]
    fn patterns_stand_in_the_place_of_the_look_for_a_hash() {
        let patterns = ["/assets/*", "*.[hash].*"];
        assert_eq!(policy_by(&patterns, "/assets/logo.png"), Policy::Immutable);
        assert_eq!(policy_by(&patterns, "/main.1a2b3c4d.js"), Policy::Immutable);
        assert_eq!(policy_by(&patterns, "/main-1a2b3c4d.js"), Policy::Revalidated);
        assert_eq!(policy_by(&patterns, "/logo.png"), Policy::Revalidated);
        assert_eq!(policy_by(&[], "/assets/index-BgA0-x9_.js"), Policy::Revalidated);
    }

    #[test]
    fn a_page_is_never_immutable_whatever_the_patterns_say() {
        assert_eq!(policy_by(&["/**"], "/assets/page.html"), Policy::Page);
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
