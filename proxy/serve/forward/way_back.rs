//! Responses of an upstream that does not know under which URL it is seen: with `strip` its paths are shorter than the client's, with `host` its URLs
//! have another host. What would lead a client astray is translated back; everything else stays, byte for byte.
//!
//! URLs (`Location`, `Content-Location`, `Refresh`): a path gets the prefix that was taken off, unless it has it already: many applications are told
//! their prefix. An absolute URL is touched only where its host is the upstream's or the client's; one that names the upstream's gets the client's.
//!
//! `Set-Cookie`: a `Path` below the root gets the prefix, or no request would carry the cookie. `Path=/` covers the prefix as it is, and stays: pages
//! and other routes of the same site may rely on it. A `Domain` that the client's host is not in would be refused by every browser, and is taken out.

use crate::http::{host, path};
use crate::plan::Forwarding;
use crate::serve::exchange::{push_line, split_lines};
use crate::serve::template::Facts;
use crate::upstream::ServerIndex;

/// The translation of one exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct WayBack<'a> {
    /// The prefix that was taken off; empty for none.
    strip: &'a [u8],
    /// The host that the upstream was told, where that is not the client's.
    told_host: Option<&'a [u8]>,
    /// The host of its address.
    own_host: &'a [u8],
    /// As the client sees the site.
    client_host: &'a [u8],
    client_scheme: &'a str,
}

impl<'a> WayBack<'a> {
    /// `None` when the upstream sees the same URLs as the client.
    pub(super) fn new(strip: &'a str, forwarding: &'a Forwarding, (facts, server): (Facts<'a>, ServerIndex)) -> Option<Self> {
        let told_host = forwarding.host(server.get()).map(|host| host.as_bytes());
        if strip.is_empty() && told_host.is_none() {
            return None;
        }
        let client_host = facts.client.host.as_deref().or_else(|| facts.request.authority())?;
        Some(Self {
            strip: strip.as_bytes(),
            told_host,
            own_host: forwarding.own_host(server.get()),
            client_host,
            client_scheme: facts.client.scheme_name(),
        })
    }

    /// Translates the lines of a head.
    pub(super) fn translate(&self, lines: &mut Vec<u8>) {
        if !split_lines(lines).any(|(name, value)| self.translated(name, value).is_some()) {
            return;
        }
        let mut translated = Vec::with_capacity(lines.len() + 64);
        for (name, value) in split_lines(lines) {
            push_line(&mut translated, name, self.translated(name, value).as_deref().unwrap_or(value));
        }
        *lines = translated;
    }

    /// The value of a field, where it is another.
    fn translated(&self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        match name.len() {
            8 if name.eq_ignore_ascii_case(b"location") => self.url(value),
            16 if name.eq_ignore_ascii_case(b"content-location") => self.url(value),
            7 if name.eq_ignore_ascii_case(b"refresh") => self.refresh(value),
            10 if name.eq_ignore_ascii_case(b"set-cookie") => self.cookie(value),
            _ => None,
        }
    }

    fn url(&self, url: &[u8]) -> Option<Vec<u8>> {
        let (scheme, rest) = split_scheme(url);
        let Some(rest) = rest.strip_prefix(b"//") else {
            return if scheme.is_empty() && rest.starts_with(b"/") { self.prefixed(rest) } else { None };
        };
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let is = |known: &[u8]| same_host(authority, known, scheme);
        let tail_here = self.prefixed(tail);
        if is(self.client_host) {
            // The application knows where it is seen, but for the prefix.
            return tail_here.map(|tail| [scheme, b"//", authority, &tail].concat());
        }
        if !is(self.own_host) && !self.told_host.is_some_and(is) {
            return None;
        }
        let scheme = if scheme.is_empty() { String::new() } else { format!("{}:", self.client_scheme) };
        Some([scheme.as_bytes(), b"//", self.client_host, tail_here.as_deref().unwrap_or(tail)].concat())
    }

    /// The path, query and fragment of a URL behind the prefix; `None` when they stay.
    fn prefixed(&self, tail: &[u8]) -> Option<Vec<u8>> {
        let end = tail.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(tail.len());
        if self.strip.is_empty() || path::is_below(tail.get(..end)?, self.strip) {
            return None;
        }
        Some([self.strip, tail].concat())
    }

    /// `5; url=/next`, with quotes or without.
    fn refresh(&self, value: &[u8]) -> Option<Vec<u8>> {
        let at = value.windows(4).position(|window| window.eq_ignore_ascii_case(b"url="))? + 4;
        let (before, rest) = value.split_at_checked(at)?;
        let quote = rest.first().filter(|byte| matches!(byte, b'"' | b'\''));
        let Some(quote) = quote else { return self.url(rest).map(|url| [before, &url].concat()) };
        let inside = rest.get(1..)?;
        let (url, behind) = inside.split_at_checked(memchr::memchr(*quote, inside)?)?;
        self.url(url).map(|url| [before, &[*quote], &url, behind].concat())
    }

    fn cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut changed = false;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (index, part) in value.split(|&byte| byte == b';').enumerate() {
            let (name, argument) = attribute(part);
            if index > 0 && name.eq_ignore_ascii_case(b"domain") && self.is_foreign(argument) {
                changed = true;
            } else if index > 0 && name.eq_ignore_ascii_case(b"path") && argument.starts_with(b"/") && argument != b"/" {
                let prefixed = self.prefixed(argument);
                changed |= prefixed.is_some();
                parts.push(prefixed.map_or_else(|| part.to_vec(), |path| [b" Path=", path.as_slice()].concat()));
            } else {
                parts.push(part.to_vec());
            }
        }
        changed.then(|| parts.join(&b';'))
    }

    /// `true` for a domain that the client's host is not in, when the upstream was told another host (RFC 6265 §5.1.3).
    fn is_foreign(&self, domain: &[u8]) -> bool {
        let domain = domain.strip_prefix(b".").unwrap_or(domain);
        let name = host::parse(self.client_host).map_or(self.client_host, |host| host.name);
        let at = name.len().checked_sub(domain.len());
        let ends = at.and_then(|at| name.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(domain));
        let is_within = ends && at.is_some_and(|at| at == 0 || name.get(at - 1) == Some(&b'.'));
        self.told_host.is_some() && !is_within
    }
}

/// `Path=/x` → `Path`, `/x`, without the spaces around them.
fn attribute(part: &[u8]) -> (&[u8], &[u8]) {
    let equals = memchr::memchr(b'=', part).unwrap_or(part.len());
    (part.get(..equals).unwrap_or_default().trim_ascii(), part.get(equals + 1..).unwrap_or_default().trim_ascii())
}

/// `http:` or `https:` in front, if it is there, and the rest.
fn split_scheme(url: &[u8]) -> (&[u8], &[u8]) {
    for scheme in [&b"https:"[..], b"http:"] {
        if let Some((start, rest)) = url.split_at_checked(scheme.len())
            && start.eq_ignore_ascii_case(scheme)
        {
            return (start, rest);
        }
    }
    (b"", url)
}

/// Whether two authorities are the same, written with the port that a scheme has anyhow or without it.
fn same_host(authority: &[u8], known: &[u8], scheme: &[u8]) -> bool {
    let default: &[u8] = if scheme.eq_ignore_ascii_case(b"https:") { b":443" } else { b":80" };
    let bare = |host: &'_ [u8]| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
    !known.is_empty() && bare(authority) == bare(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `strip = "/api"`, `host = "inner.test:8000"`, seen as `https://shop.test`.
    const BACK: WayBack<'static> = WayBack {
        strip: b"/api",
        told_host: Some(b"inner.test:8000"),
        own_host: b"10.0.0.5:8000",
        client_host: b"shop.test",
        client_scheme: "https",
    };

    fn translated(back: WayBack<'_>, line: &str) -> String {
        let mut lines = format!("{line}\r\n").into_bytes();
        back.translate(&mut lines);
        String::from_utf8_lossy(&lines).trim_end().to_owned()
    }

    #[test]
    fn a_location_leads_to_where_the_client_sees_it() {
        for (location, seen) in [
            ("/login", "/api/login"),
            ("/", "/api/"),
            ("/?a=/b", "/api/?a=/b"),
            ("/api/login", "/api/login"),
            ("/api", "/api"),
            ("/apis", "/api/apis"),
            ("http://inner.test:8000/login?x#y", "https://shop.test/api/login?x#y"),
            ("HTTP://Inner.Test:8000", "https://shop.test/api"),
            ("http://10.0.0.5:8000/login", "https://shop.test/api/login"),
            ("//inner.test:8000/login", "//shop.test/api/login"),
            ("https://shop.test/login", "https://shop.test/api/login"),
            ("https://shop.test:443/api/login", "https://shop.test:443/api/login"),
            ("https://other.test/login", "https://other.test/login"),
            ("https://inner.test/login", "https://inner.test/login"),
            ("//other.test/login", "//other.test/login"),
            ("login", "login"),
            ("../login", "../login"),
            ("?page=2", "?page=2"),
            ("mailto:a@b", "mailto:a@b"),
            ("", ""),
        ] {
            assert_eq!(translated(BACK, &format!("Location: {location}")), format!("Location: {seen}").trim_end(), "{location}");
        }
    }

    #[test]
    fn refresh_and_content_location_follow() {
        for (line, seen) in [
            ("Refresh: 5; url=/next", "Refresh: 5; url=/api/next"),
            ("Refresh: 0;URL='http://inner.test:8000/n'", "Refresh: 0;URL='https://shop.test/api/n'"),
            ("Refresh: 5", "Refresh: 5"),
            ("Refresh: 5; url=\"/n", "Refresh: 5; url=\"/n"),
            ("Content-Location: /x.json", "Content-Location: /api/x.json"),
            ("X-Location: /x", "X-Location: /x"),
        ] {
            assert_eq!(translated(BACK, line), seen);
        }
    }

    #[test]
    fn a_cookie_comes_back_to_the_upstream_that_set_it() {
        for (cookie, seen) in [
            ("a=/b; Path=/admin; HttpOnly", "a=/b; Path=/api/admin; HttpOnly"),
            ("a=b; path=/", "a=b; path=/"),
            ("a=b; Path=/api/x", "a=b; Path=/api/x"),
            ("a=b; Domain=inner.test; Secure", "a=b; Secure"),
            ("a=b; Domain=.shop.test", "a=b; Domain=.shop.test"),
            ("a=b; Domain=test", "a=b; Domain=test"),
            ("a=b; Domain=op.test", "a=b"),
            ("path=/x; domain=y", "path=/x"),
            ("path=/x", "path=/x"),
            ("a", "a"),
        ] {
            assert_eq!(translated(BACK, &format!("Set-Cookie: {cookie}")), format!("Set-Cookie: {seen}"), "{cookie}");
        }
    }

    #[test]
    fn with_strip_alone_hosts_stay_and_with_a_host_alone_paths_do() {
        let strip = WayBack { told_host: None, ..BACK };
        assert_eq!(translated(strip, "Set-Cookie: a=b; Domain=inner.test"), "Set-Cookie: a=b; Domain=inner.test");
        assert_eq!(translated(strip, "Location: http://inner.test:8000/x"), "Location: http://inner.test:8000/x");
        let host = WayBack { strip: b"", ..BACK };
        assert_eq!(translated(host, "Location: /x"), "Location: /x");
        assert_eq!(translated(host, "Location: http://inner.test:8000/x"), "Location: https://shop.test/x");
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic_or_adds_a_line(value in "[a-z/:;=.?#'\" é-]{0,40}") {
            for name in ["Location", "Refresh", "Set-Cookie"] {
                prop_assert_eq!(translated(BACK, &format!("{name}: {value}")).lines().count(), 1);
            }
        }
    }
}
