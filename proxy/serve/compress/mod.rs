//! Compressing responses on their way to the client: those of upstreams, and fixed answers, which are compressed when they are loaded.
//!
//! [`choose`] says whether and how, from the head alone; [`Flow`] does it, and holds nothing back: what the upstream has sent so far is with the client
//! before the next piece is waited for. What comes at once is gathered, and compressed as a whole where that is all (`whole`). Files are not its
//! affair: `assets` has compressed them beforehand.
//!
//! BREACH: who can make a client send requests with text of his choice, and can see how long the responses are, learns a secret that stands in the same
//! response as his text, byte by byte. Responses that repeat what was asked beside a token that stays the same (CSRF tokens in forms) should mask the
//! token anew each time, or say `Cache-Control: no-transform`, which is honoured here and can also be set by a route. Where secrets are in cookies and
//! headers alone, as in a JSON API with tokens, there is nothing to learn: heads are not compressed together with content.

mod encoder;
mod encoders;
mod fields;
mod fixed;
mod flow;
#[cfg_attr(not(all(target_arch = "x86_64", target_os = "linux")), path = "no_igzip.rs")]
mod igzip;
mod messages;
mod whole;

use http::StatusCode;

pub(crate) use encoder::EncodeError;
pub(crate) use encoders::Encoders;
pub(crate) use fields::Untouchable;
pub(crate) use fixed::{Fixed, Form};
pub(crate) use flow::Flow;

use self::fields::{add_vary, dress, facts, weaken_etag};
use self::messages::is_messages;
use crate::config::Compression;
use crate::http::compressible::is_compressible;
use crate::http::encoding::{self, Coding};
use crate::http::request::{Known, Method, RequestHead};
use crate::serve::exchange::{ContentLength, ResponseHead};

/// A body whose length is not known counts as long enough from here on, whatever `min_size` says: it is held until that is clear.
const HELD_BYTES_MAX: u64 = 64 * 1024;

/// How a response is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    coding: Coding,
    level: u8,
    /// Its length, where the upstream tells it.
    size: Option<u64>,
    /// Bodies of unknown length that end before this many bytes are sent as they are.
    held_bytes: usize,
}

/// Whether the content of this response is compressed. Says in its head, in any case, that it depends on `Accept-Encoding` when it does; the head of a
/// response to HEAD, or of a 304, is finished here, as there is no content to wait for.
pub(crate) fn choose(
    response: &mut ResponseHead<'_>,
    untouchable: Untouchable,
    request: &RequestHead,
    rules: &Compression,
) -> Option<Choice> {
    let bodiless = response.status.is_informational()
        || matches!(response.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT);
    if rules.dynamic.is_empty() || bodiless || untouchable.is_set() {
        return None;
    }
    let facts = facts(&response.lines);
    let is_unchanged = response.status == StatusCode::NOT_MODIFIED;
    let is_eligible = match facts.media_type {
        Some(media_type) => is_eligible(media_type, rules),
        // A 304 need not tell the type of what has not changed.
        None => is_unchanged,
    };
    if !is_eligible || facts.untouchable.is_set() {
        return None;
    }
    let vary = facts.vary;
    add_vary(&mut response.lines, vary);
    let accepted = request.joined(Known::AcceptEncoding);
    let coding = encoding::choose(accepted.as_deref(), &rules.dynamic)?;
    if is_unchanged {
        // The tag that the client has got, if it has got it from us (RFC 9110 §15.4.5).
        weaken_etag(&mut response.lines);
        return None;
    }
    let size_min = if encoding::forbids_identity(accepted.as_deref()) { 1 } else { rules.min_size.0.max(1) };
    let size = match response.length {
        ContentLength::None => return None,
        ContentLength::Known(size) if size < size_min => return None,
        ContentLength::Known(size) => Some(size),
        ContentLength::Unknown => None,
    };
    if request.method() == Method::Head {
        // Of unknown length, a GET may be sent as it is: what depends on the content may be left out (RFC 9110 §9.3.2).
        if size.is_some() {
            dress(&mut response.lines, coding.name());
            response.length = ContentLength::Unknown;
        }
        return None;
    }
    // A length that is known is long enough: nothing is held to find out.
    let held = if size.is_some() { 0 } else { size_min.min(HELD_BYTES_MAX) };
    Some(Choice { coding, level: rules.level.of(coding), size, held_bytes: usize::try_from(held).unwrap_or(usize::MAX) })
}

fn is_eligible(media_type: &[u8], rules: &Compression) -> bool {
    is_compressible(media_type) && !is_messages(media_type) && !rules.skip.iter().any(|range| range.includes(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::defaults;
    use crate::http::media_range::MediaRange;
    use crate::http::request::Version;

    /// The choice for a response with these lines, and its head afterwards.
    struct Chosen {
        choice: Option<Choice>,
        lines: String,
        length: ContentLength,
    }

    fn chosen_by(rules: &Compression, method: &str, accept: &str, (status, length): (u16, ContentLength), lines: &str) -> Chosen {
        let mut request = RequestHead::default();
        request.start(Version::Http11, method.as_bytes(), b"/");
        request.push(b"Accept-Encoding", accept.as_bytes());
        let mut response = ResponseHead::new(StatusCode::from_u16(status).expect("a status"), None, length);
        response.lines = lines.replace('\n', "\r\n").into_bytes();
        let choice = choose(&mut response, Untouchable::default(), &request, rules);
        Chosen { choice, lines: String::from_utf8_lossy(&response.lines).replace("\r\n", "\n"), length: response.length }
    }

    fn chosen(method: &str, accept: &str, status_and_length: (u16, ContentLength), lines: &str) -> Chosen {
        chosen_by(&defaults::compression(), method, accept, status_and_length, lines)
    }

    const LONG: (u16, ContentLength) = (200, ContentLength::Known(5000));
    const JSON: &str = "Content-Type: application/json\n";

    fn coding(accept: &str, status_and_length: (u16, ContentLength)) -> Option<Coding> {
        chosen("GET", accept, status_and_length, JSON).choice.map(|choice| choice.coding)
    }

    #[test]
    fn the_client_weighs_and_the_server_prefers() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip;q=1, br;q=0.5", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("", None),
            ("deflate", None),
            ("*", Some(Coding::Zstd)),
        ] {
            assert_eq!(coding(accept, LONG), expected, "{accept}");
        }
    }

    #[test]
    fn short_bodies_are_compressed_only_for_who_takes_nothing_else() {
        for (length, plain, forced) in [(0, false, false), (1, false, true), (1023, false, true), (1024, true, true)] {
            let of = |accept| coding(accept, (200, ContentLength::Known(length))).is_some();
            assert_eq!((of("gzip"), of("gzip, identity;q=0")), (plain, forced), "{length}");
        }
    }

    #[test]
    fn what_depends_on_the_client_says_so_whatever_it_gets() {
        for accept in ["gzip", "identity", ""] {
            for length in [10, 5000] {
                let chosen = chosen("GET", accept, (200, ContentLength::Known(length)), JSON);
                assert!(chosen.lines.contains("vary: Accept-Encoding\n"), "{accept} {length}: {}", chosen.lines);
            }
        }
    }

    #[test]
    fn what_is_left_alone_is_not_touched_at_all() {
        let csv_skipped = Compression { skip: MediaRange::parse("text/csv").into_iter().collect(), ..defaults::compression() };
        let off = Compression { dynamic: Vec::new(), ..defaults::compression() };
        for (rules, status, lines) in [
            (&defaults::compression(), 200, "Content-Type: image/png\n"),
            (&defaults::compression(), 200, "Content-Type: text/event-stream\n"),
            (&defaults::compression(), 200, "Content-Type: application/grpc+json\n"),
            (&defaults::compression(), 200, "X-A: 1\n"),
            (&defaults::compression(), 200, "Content-Type: text/html\nCache-Control: no-transform\n"),
            (&defaults::compression(), 200, "Content-Type: text/html\nContent-Encoding: br\n"),
            (&defaults::compression(), 200, "Content-Type: text/html\nX-Accel-Buffering: no\n"),
            (&defaults::compression(), 206, "Content-Type: text/html\nContent-Range: bytes 0-1/9\n"),
            (&defaults::compression(), 204, "Content-Type: text/html\n"),
            (&csv_skipped, 200, "Content-Type: text/csv; charset=utf-8\n"),
            (&off, 200, "Content-Type: text/html\n"),
        ] {
            let chosen = chosen_by(rules, "GET", "gzip", (status, ContentLength::Known(5000)), lines);
            assert_eq!((chosen.choice, chosen.lines.as_str()), (None, lines));
        }
    }

    #[test]
    fn an_answer_to_head_has_the_head_that_a_get_would_have() {
        let lines = "Content-Type: text/html\nETag: \"a\"\nAccept-Ranges: bytes\n";
        let head = chosen("HEAD", "gzip", LONG, lines);
        assert_eq!(head.lines, "Content-Type: text/html\nETag: W/\"a\"\nvary: Accept-Encoding\ncontent-encoding: gzip\n");
        assert_eq!((head.choice, head.length), (None, ContentLength::Unknown));
        let short = chosen("HEAD", "gzip", (200, ContentLength::Known(5)), lines);
        assert_eq!(short.lines, format!("{lines}vary: Accept-Encoding\n"));
        assert_eq!(short.length, ContentLength::Known(5));
    }

    #[test]
    fn a_304_names_the_tag_that_the_client_has() {
        for (accept, tag) in [("gzip", "W/\"a\""), ("identity", "\"a\"")] {
            let chosen = chosen("GET", accept, (304, ContentLength::None), "ETag: \"a\"\n");
            assert_eq!(chosen.lines, format!("ETag: {tag}\nvary: Accept-Encoding\n"));
        }
        let picture = chosen("GET", "gzip", (304, ContentLength::None), "ETag: \"a\"\nContent-Type: image/png\n");
        assert_eq!(picture.lines, "ETag: \"a\"\nContent-Type: image/png\n");
    }
}
