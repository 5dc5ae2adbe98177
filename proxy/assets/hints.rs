//! What a page will ask for first, as the `Link` of a 103 (RFC 8297): found in its links and module scripts when the folder is loaded.
//!
//! Only what the same server has is named, and only in ways in which the page itself will ask: a hint with another URL, or another mode of fetching,
//! is loaded and thrown away.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, HtmlString, Spanned, StartTag, Token, Tokenizer};

/// Hints in one 103: the page has a connection of its own need.
const HINTS_MAX: usize = 16;
/// Bytes of `Link`: one packet or two, and less than any client takes of a head.
const LINK_BYTES_MAX: usize = 4 * 1024;
/// Attributes that say how a link is fetched, and that a `Link` has under the same name (HTML, "process a link header").
const PARAMETERS: [&[u8]; 4] = [b"type", b"integrity", b"fetchpriority", b"referrerpolicy"];

/// The field lines of a 103 for this page; `None` when there is nothing to name.
pub(super) fn find(html: &[u8]) -> Option<Box<[u8]>> {
    let mut scan = Scan::default();
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if tag.name.as_slice() == b"body" => break,
            Token::StartTag(tag) => scan.start(&tag),
            Token::EndTag(tag) => scan.end(&tag.name),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    scan.lines()
}

/// The head of a page while it is read.
#[derive(Default)]
struct Scan {
    /// Open `<noscript>` and `<template>`: what is in them is not loaded.
    inert: usize,
    /// The `href` of the first `<base>`.
    base: Option<Vec<u8>>,
    links: Vec<Link>,
}

/// A link that will be fetched.
struct Link {
    href: Vec<u8>,
    /// What stands behind the URL.
    parameters: Vec<u8>,
}

impl Scan {
    fn start(&mut self, tag: &StartTag<()>) {
        let attributes = Attributes(&tag.attributes);
        match tag.name.as_slice() {
            b"noscript" | b"template" => self.inert += 1,
            _ if self.inert > 0 => {}
            b"base" if self.base.is_none() => self.base = attributes.text(b"href").map(<[u8]>::to_vec),
            b"link" => self.links.extend(attributes.link()),
            b"script" => self.links.extend(attributes.module()),
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        if matches!(name, b"noscript" | b"template") {
            self.inert = self.inert.saturating_sub(1);
        }
    }

    fn lines(&self) -> Option<Box<[u8]>> {
        let mut values: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        for link in &self.links {
            let Some(url) = local_url(&link.href, self.base.as_deref()) else { continue };
            let value = [b"<", url.as_slice(), b">", &link.parameters].concat();
            if values.len() < HINTS_MAX && bytes + value.len() <= LINK_BYTES_MAX && !values.contains(&value) {
                bytes += value.len();
                values.push(value);
            }
        }
        if values.is_empty() {
            return None;
        }
        Some([b"link: ", values.join(&b", "[..]).as_slice(), b"\r\n"].concat().into())
    }
}

/// The attributes of a tag; names are in lower case, values are decoded.
struct Attributes<'a>(&'a BTreeMap<HtmlString, Spanned<HtmlString, ()>>);

impl<'a> Attributes<'a> {
    fn text(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.get(name).map(|value| value.value.trim_ascii())
    }

    fn is(&self, name: &[u8], wanted: &[u8]) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    }

    /// `<link>`, when it is fetched for this page in any case.
    fn link(&self) -> Option<Link> {
        let rel: Vec<Vec<u8>> = self.text(b"rel")?.split(u8::is_ascii_whitespace).map(<[u8]>::to_ascii_lowercase).collect();
        let has = |wanted: &str| rel.iter().any(|word| word == wanted.as_bytes());
        // Which of several files is loaded then depends on the client.
        let is_for_all = self.text(b"media").is_none_or(|media| media.is_empty() || matches!(media, b"all" | b"screen"));
        if !is_for_all || self.text(b"imagesrcset").is_some() || has("alternate") || self.text(b"disabled").is_some() {
            return None;
        }
        if has("modulepreload") {
            self.hint(b"; rel=modulepreload", self.text(b"as").filter(|destination| !destination.is_empty()))
        } else if has("stylesheet") {
            self.hint(b"; rel=preload", Some(b"style"))
        } else if has("preload") {
            self.hint(b"; rel=preload", Some(self.text(b"as")?))
        } else {
            None
        }
    }

    /// `<script type="module" src>`: what bundlers write for the entry, whose chunks they write as links.
    fn module(&self) -> Option<Link> {
        if self.is(b"type", b"module") {
            // `type` of a `Link` is a media type.
            return self.hint_with(b"; rel=modulepreload", None, (b"src", PARAMETERS.get(1..).unwrap_or_default()));
        }
        None
    }

    fn hint(&self, rel: &[u8], destination: Option<&[u8]>) -> Option<Link> {
        self.hint_with(rel, destination, (b"href", &PARAMETERS))
    }

    fn hint_with(&self, rel: &[u8], destination: Option<&[u8]>, (url, names): (&[u8], &[&[u8]])) -> Option<Link> {
        let mut parameters = rel.to_vec();
        if let Some(destination) = destination {
            if destination.is_empty() || !destination.iter().all(u8::is_ascii_alphabetic) {
                return None;
            }
            parameters.extend([b"; as=", destination.to_ascii_lowercase().as_slice()].concat());
        }
        match self.text(b"crossorigin") {
            None => {}
            Some(mode) if mode.eq_ignore_ascii_case(b"use-credentials") => parameters.extend(b"; crossorigin=use-credentials"),
            // Any other value means this too (HTML, "CORS settings attributes").
            Some(_) => parameters.extend(b"; crossorigin"),
        }
        for name in names {
            match self.text(name) {
                None | Some([]) => {}
                Some(value) if value.iter().all(|&byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) => {
                    parameters.extend([b"; ", *name, b"=\"", value, b"\""].concat());
                }
                Some(_) => return None,
            }
        }
        Some(Link { href: self.text(url)?.to_vec(), parameters })
    }
}

/// The URL for a `Link`, which clients resolve against the request (RFC 8288 §3.2) and not against `<base>`; `None` when it leads to another server,
/// or may.
fn local_url(href: &[u8], base: Option<&[u8]>) -> Option<Vec<u8>> {
    let url = match (href.first()?, base) {
        (b'/', None) => href.to_vec(),
        (b'/', Some(base)) if is_local(base) => href.to_vec(),
        (_, None) => href.to_vec(),
        (_, Some(base)) if base.starts_with(b"/") && is_local(base) => {
            let folder = memchr::memrchr(b'/', base).and_then(|slash| base.get(..=slash))?;
            [folder, href].concat()
        }
        (_, Some(_)) => return None,
    };
    (is_local(href) && is_local(&url)).then_some(url)
}

/// `true` for a path, relative or not, without scheme and host. A backslash is a slash to browsers.
fn is_local(url: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    let first_special = url.iter().find(|byte| matches!(byte, b':' | b'/' | b'?' | b'#'));
    url.iter().all(is_plain) && !url.starts_with(b"//") && first_special != Some(&b':') && !url.starts_with(b"#")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hints(html: &str) -> String {
        find(html.as_bytes()).map(|lines| String::from_utf8(lines.into()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn the_page_of_a_bundler_gives_its_entry_its_chunks_and_its_styles() {
        let page = r#"<!doctype html><html><head><meta charset="utf-8"><title>a <link> in a title</title>
            <script type="module" crossorigin src="/assets/index-a1b2c3d4.js"></script>
            <link rel="modulepreload" crossorigin href="/assets/vendor-a1b2c3d4.js">
            <LINK REL=StyleSheet HREF='/assets/index.css?a=1&amp;b=2'>
            <link rel="preload" href="/font.woff2" as="font" type="font/woff2" crossorigin="anonymous">
            </head><body><link rel="stylesheet" href="/late.css"></body></html>"#;
        let expected = "link: </assets/index-a1b2c3d4.js>; rel=modulepreload; crossorigin, \
            </assets/vendor-a1b2c3d4.js>; rel=modulepreload; crossorigin, \
            </assets/index.css?a=1&b=2>; rel=preload; as=style, \
            </font.woff2>; rel=preload; as=font; crossorigin; type=\"font/woff2\"\r\n";
        assert_eq!(hints(page), expected);
    }

    #[test]
    fn what_the_page_may_not_load_is_not_named() {
        for tag in [
            "<link rel=icon href=/a.ico>",
            "<link rel=preload href=/a.woff2>",
            "<link rel='alternate stylesheet' href=/a.css>",
            "<link rel=stylesheet href=/a.css media=print>",
            "<link rel=stylesheet href=/a.css disabled>",
            "<link rel=preload as=image href=/a.png imagesrcset='/b.png 2x'>",
            "<noscript><link rel=stylesheet href=/a.css></noscript>",
            "<template><link rel=stylesheet href=/a.css></template>",
            "<!-- <link rel=stylesheet href=/a.css> -->",
            "<style><link rel=stylesheet href=/a.css></style>",
            "<script>'<link rel=stylesheet href=/a.css>'</script>",
            "<script src=/classic.js></script>",
            "<script type=module>import '/a.js'</script>",
            "<link rel=stylesheet>",
            "<link rel=stylesheet href=''>",
        ] {
            assert_eq!(hints(tag), "", "{tag}");
        }
    }

    #[test]
    fn only_this_server_is_named() {
        for href in [
            "https://cdn.example/a.css",
            "//cdn.example/a.css",
            "\\\\cdn.example/a.css",
            "/\\cdn.example",
            "data:text/css,a",
            "/a b.css",
            "/é.css",
            "/>;x=1,</a.css",
            "#a",
        ] {
            assert_eq!(hints(&format!("<link rel=stylesheet href=\"{href}\">")), "", "{href}");
        }
        assert_eq!(hints("<link rel=stylesheet href=assets/a.css>"), "link: <assets/a.css>; rel=preload; as=style\r\n");
    }

    #[test]
    fn links_are_resolved_against_the_base_of_the_page() {
        let page = |base: &str, href: &str| hints(&format!("<base href=\"{base}\"><link rel=modulepreload href={href}>"));
        assert_eq!(page("/", "main.js"), "link: </main.js>; rel=modulepreload\r\n");
        assert_eq!(page("/app/index", "main.js"), "link: </app/main.js>; rel=modulepreload\r\n");
        assert_eq!(page("/app/", "/main.js"), "link: </main.js>; rel=modulepreload\r\n");
        assert_eq!(page("https://cdn.example/", "/main.js"), "");
        assert_eq!(page("//cdn.example/", "main.js"), "");
        assert_eq!(page("sub/", "main.js"), "");
    }

    #[test]
    fn hints_have_a_limit_and_come_once() {
        let many: String = (0..100).map(|number| format!("<link rel=modulepreload href=/{number}.js>")).collect();
        assert_eq!(hints(&many).matches("rel=modulepreload").count(), HINTS_MAX);
        let long: String = (0..10).map(|number| format!("<link rel=modulepreload href=/{number}{}.js>", "a".repeat(1000))).collect();
        assert!(hints(&long).len() <= LINK_BYTES_MAX + 64);
        assert_eq!(hints("<link rel=modulepreload href=/a.js>").len(), hints(&"<link rel=modulepreload href=/a.js>".repeat(3)).len());
    }

    proptest! {
        #[test]
        fn no_page_makes_more_than_one_field(html in "(<link rel=(stylesheet|preload) as=[a-z\"]{0,5} href=[^ ]{0,10} type=\"[^\"]{0,9}\">|<[a-z/!-]{0,9}|[<>'\"&; \r\n]|.){0,12}") {
            let hints = hints(&html);
            prop_assert!(hints.is_empty() || (hints.starts_with("link: <") && hints.find("\r\n") == Some(hints.len() - 2)));
            prop_assert!(hints.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
