//! The media type of a file, by its name.
//!
//! `mime_guess` knows a thousand extensions; the ones that a browser is strict about, or that it has otherwise than the web
//! does, are fixed here, so that an update of that list cannot change what a site serves. The route's `mime` is before both.

use http::HeaderValue;

use crate::config::MimeRule;
use crate::http::compressible::is_compressible;

/// Extension (lower case) and media type.
const FIXED: &[(&[u8], &str)] = &[
    (b"html", "text/html"),
    (b"htm", "text/html"),
    (b"xhtml", "application/xhtml+xml"),
    (b"css", "text/css"),
    // RFC 9239: text/javascript, and modules are refused under anything else.
    (b"js", "text/javascript"),
    (b"mjs", "text/javascript"),
    (b"cjs", "text/javascript"),
    (b"json", "application/json"),
    (b"map", "application/json"),
    (b"webmanifest", "application/manifest+json"),
    (b"wasm", "application/wasm"),
    (b"svg", "image/svg+xml"),
    (b"png", "image/png"),
    (b"jpg", "image/jpeg"),
    (b"jpeg", "image/jpeg"),
    (b"gif", "image/gif"),
    (b"webp", "image/webp"),
    (b"avif", "image/avif"),
    (b"ico", "image/x-icon"),
    (b"woff", "font/woff"),
    (b"woff2", "font/woff2"),
    (b"ttf", "font/ttf"),
    (b"otf", "font/otf"),
    (b"txt", "text/plain"),
    (b"md", "text/markdown"),
    (b"csv", "text/csv"),
    (b"vtt", "text/vtt"),
    (b"xml", "application/xml"),
    (b"yaml", "application/yaml"),
    (b"yml", "application/yaml"),
    (b"pdf", "application/pdf"),
    (b"zip", "application/zip"),
    (b"gz", "application/gzip"),
    (b"mp4", "video/mp4"),
    (b"webm", "video/webm"),
    (b"m3u8", "application/vnd.apple.mpegurl"),
    // A segment of a video stream; TypeScript sources are not served.
    (b"ts", "video/mp2t"),
];

/// Files that are known by their whole name.
const NAMED: &[(&[u8], &str)] = &[(b"apple-app-site-association", "application/json")];

const UNKNOWN: &str = "application/octet-stream";

/// A media type; only one of the operator's may have parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediaType<'a>(&'a str);

impl<'a> MediaType<'a> {
    /// The media type of the file at `key` by the longest ending among `rules`, else by what is known.
    pub(super) fn chosen(key: &[u8], rules: &'a [MimeRule]) -> Self {
        let ends = |ending: &[u8]| {
            key.len().checked_sub(ending.len()).and_then(|at| key.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
        };
        let rule = rules.iter().filter(|rule| ends(rule.ending.as_bytes())).max_by_key(|rule| rule.ending.len());
        rule.map_or_else(|| MediaType::of(key), |rule| Self(&rule.media_type))
    }

    /// `text/html` of `text/html; charset=x`, in whatever case it is written.
    fn essence(self) -> &'a str {
        self.0.split(';').next().unwrap_or_default().trim_ascii_end()
    }

    fn is(self, known: &str) -> bool {
        self.essence().eq_ignore_ascii_case(known)
    }
}

impl MediaType<'_> {
    /// The media type of the file at `key`, a path with slashes.
    pub(super) fn of(key: &[u8]) -> MediaType<'static> {
        let name = key.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let known = |table: &'static [(&[u8], &str)], wanted: &[u8]| {
            table.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted)).map(|&(_, media_type)| media_type)
        };
        if let Some(media_type) = known(NAMED, name) {
            return MediaType(media_type);
        }
        let Some(dot) = memchr::memrchr(b'.', name) else { return MediaType(UNKNOWN) };
        let extension = name.get(dot + 1..).unwrap_or_default();
        let guessed = || mime_guess::from_ext(std::str::from_utf8(extension).ok()?).first_raw();
        MediaType(known(FIXED, extension).or_else(guessed).unwrap_or(UNKNOWN))
    }

    /// `true` for a page.
    pub(super) fn is_html(self) -> bool {
        self.is("text/html") || self.is("application/xhtml+xml")
    }

    /// `true` for an archive, whose compressed form is a file of its own that people download under its own name: `x.tar.gz` beside `x.tar`.
    pub(super) fn is_archive(self) -> bool {
        self.is("application/x-tar")
    }

    /// `true` when files of this type become smaller.
    pub(super) fn is_compressible(self) -> bool {
        is_compressible(self.essence().as_bytes())
    }

    /// `true` when the bytes are characters, so that a `charset` says something.
    fn is_text(self) -> bool {
        let essence = self.essence().to_ascii_lowercase();
        essence.starts_with("text/")
            || essence.ends_with("+json")
            || essence.ends_with("+xml")
            || matches!(essence.as_str(), "application/json" | "application/xml" | "application/yaml")
    }

    /// The value of `Content-Type`. `is_utf8` is whether the bytes are: a text in another encoding is left to say so itself,
    /// since the header would win over it (HTML: "determining the character encoding"; RFC 7303 §3.2).
    pub(super) fn header_value(self, encoding: TextEncoding) -> HeaderValue {
        let says_charset = self.0.to_ascii_lowercase().contains("charset=");
        let value = match encoding {
            TextEncoding::Utf8 if self.is_text() && !says_charset => HeaderValue::try_from(format!("{}; charset=utf-8", self.0)),
            TextEncoding::Utf8 | TextEncoding::Other => HeaderValue::try_from(self.0),
        };
        // All are valid values: the config was read with that rule, and the tables have a test.
        value.unwrap_or(HeaderValue::from_static(UNKNOWN))
    }
}

/// How the bytes of a file would be read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEncoding {
    /// They are UTF-8.
    Utf8,
    /// They are not.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(key: &str) -> String {
        MediaType::of(key.as_bytes()).header_value(TextEncoding::Utf8).to_str().unwrap().to_owned()
    }

    #[test]
    fn text_says_that_it_is_utf8() {
        for (name, value) in [
            ("/index.html", "text/html; charset=utf-8"),
            ("/a/b.js", "text/javascript; charset=utf-8"),
            ("/a.mjs", "text/javascript; charset=utf-8"),
            ("/a.css", "text/css; charset=utf-8"),
            ("/a.json", "application/json; charset=utf-8"),
            ("/a.js.map", "application/json; charset=utf-8"),
            ("/app.webmanifest", "application/manifest+json; charset=utf-8"),
            ("/logo.SVG", "image/svg+xml; charset=utf-8"),
            ("/robots.txt", "text/plain; charset=utf-8"),
            ("/sitemap.xml", "application/xml; charset=utf-8"),
        ] {
            assert_eq!(utf8(name), value, "{name}");
        }
    }

    #[test]
    fn other_types_have_no_charset() {
        for (name, value) in [
            ("/a.png", "image/png"),
            ("/a.woff2", "font/woff2"),
            ("/a.wasm", "application/wasm"),
            ("/favicon.ico", "image/x-icon"),
            ("/data.tar.gz", "application/gzip"),
            ("/a.mp3", "audio/mpeg"),
        ] {
            assert_eq!(utf8(name), value, "{name}");
        }
    }

    #[test]
    fn an_unknown_or_missing_extension_is_octets() {
        for name in ["/LICENSE", "/a.zzzz", "/a.b/c", "/a.", "/"] {
            assert_eq!(utf8(name), "application/octet-stream", "{name}");
        }
        assert_eq!(MediaType::of(b"/a.\xff").header_value(TextEncoding::Other), UNKNOWN);
    }

    #[test]
    fn the_app_link_file_without_extension_is_json() {
        assert_eq!(utf8("/.well-known/apple-app-site-association"), "application/json; charset=utf-8");
    }

    #[test]
    fn text_in_another_encoding_is_not_called_utf8() {
        assert_eq!(MediaType::of(b"/old.html").header_value(TextEncoding::Other), "text/html");
    }

    #[test]
    fn the_longest_ending_of_the_operator_is_before_all_others() {
        let rule = |ending: &str, media_type: &str| MimeRule { ending: ending.into(), media_type: media_type.into() };
        let rules = [
            rule(".js", "text/plain"),
            rule(".user.js", "application/x-user-script+json"),
            rule(".old.html", "Text/HTML; Charset=iso-8859-1"),
            rule(".vue", "TEXT/x-vue; version=3"),
            rule(".bin", "application/x-thing"),
        ];
        for (key, value) in [
            ("/a.js", "text/plain; charset=utf-8"),
            ("/A.JS", "text/plain; charset=utf-8"),
            ("/a.user.js", "application/x-user-script+json; charset=utf-8"),
            ("/a.css", "text/css; charset=utf-8"),
            ("/a.old.html", "Text/HTML; Charset=iso-8859-1"),
            ("/a.vue", "TEXT/x-vue; version=3; charset=utf-8"),
            ("/a.bin", "application/x-thing"),
            ("/js", "application/octet-stream"),
        ] {
            assert_eq!(MediaType::chosen(key.as_bytes(), &rules).header_value(TextEncoding::Utf8), value, "{key}");
        }
        assert!(MediaType::chosen(b"/a.old.html", &rules).is_html());
        assert!(!MediaType::chosen(b"/a.js", &rules).is_html());
    }

    #[test]
    fn every_fixed_type_is_a_header_value() {
        for (extension, media_type) in FIXED {
            assert!(HeaderValue::from_str(media_type).is_ok(), "{media_type}");
            assert_eq!(*extension, extension.to_ascii_lowercase());
        }
    }
}
