//! Who gets a 103 (RFC 8297): a person's browser that goes to a page, where nothing on the way is known to stumble over an interim response.

use crate::http::accept;
use crate::http::request::{Known, Method, RequestHead, Version};

/// `true` when a 103 before the response to this request is of use and does no harm.
///
/// Over HTTP/2 interim responses are frames like others, and a navigation is enough. Over HTTP/1 a client that does not know them takes a 103 for the
/// response (RFC 8297 §3 asks for care), and none says in words that it does: `Sec-Fetch-Mode` is what only browsers send that do. It is not believed
/// where a proxy says that it passed the request on, since the proxy reads the response first.
pub(super) fn reach(head: &RequestHead) -> bool {
    let navigates = head.value(Known::SecFetchMode).map(|mode| mode == b"navigate");
    let is_passed_on =
        || head.field("via").is_some() || head.value(Known::ForwardedFor).is_some() || head.value(Known::Forwarded).is_some();
    head.method() == Method::Get
        && match head.version() {
            Version::Http2 => navigates.unwrap_or_else(|| head.joined(Known::Accept).is_some_and(|accept| accept::names_html(&accept))),
            Version::Http11 => navigates == Some(true) && !is_passed_on(),
            // It has no interim responses (RFC 9110 §15.2).
            Version::Http10 => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(version: Version, method: &str, fields: &[(&str, &str)]) -> bool {
        let mut head = RequestHead::default();
        head.start(version, method.as_bytes(), b"/");
        for (name, value) in fields {
            head.push(name.as_bytes(), value.as_bytes());
        }
        reach(&head)
    }

    #[test]
    fn a_navigation_over_http2_gets_hints() {
        assert!(reaches(Version::Http2, "GET", &[("accept", "text/html,*/*;q=0.8")]));
        assert!(reaches(Version::Http2, "GET", &[("sec-fetch-mode", "navigate")]));
        assert!(!reaches(Version::Http2, "GET", &[("sec-fetch-mode", "cors"), ("accept", "text/html")]));
        assert!(!reaches(Version::Http2, "GET", &[("accept", "*/*")]));
        assert!(!reaches(Version::Http2, "HEAD", &[("sec-fetch-mode", "navigate")]));
    }

    #[test]
    fn over_http1_only_a_browser_itself_gets_hints() {
        assert!(reaches(Version::Http11, "GET", &[("sec-fetch-mode", "navigate")]));
        assert!(!reaches(Version::Http11, "GET", &[("accept", "text/html")]));
        assert!(!reaches(Version::Http10, "GET", &[("sec-fetch-mode", "navigate")]));
        for passed_on in ["via", "x-forwarded-for", "forwarded"] {
            assert!(!reaches(Version::Http11, "GET", &[("sec-fetch-mode", "navigate"), (passed_on, "1.1 edge")]), "{passed_on}");
        }
    }
}
