//! Who a request came from, by what trusted proxies say: `X-Forwarded-For` and `Forwarded` (RFC 7239), read from right to left.
//!
//! Each proxy writes at the right end whom it got the request from. So the walk begins there, goes on for as long as what it finds is a proxy
//! that is trusted itself, and ends with the first address that is not: that one is the client, and all left of it is what the client says
//! of itself. What cannot be read ends the walk too: whoever wrote it, the client is at best the last address that was read.

use std::net::{IpAddr, SocketAddr};

use super::{hop, list};

/// Proxies that are walked past at most: the lists of real deployments have a handful.
const HOPS_MAX: usize = 32;

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address of the client.
    pub address: IpAddr,
    /// `true` for `https`, where the list says so.
    pub is_secure: Option<bool>,
    /// The host that it asked, where the list says so.
    pub host: Option<Vec<u8>>,
}

/// Walks an `X-Forwarded-For`. `None` when not even its last entry is an address.
pub fn by_forwarded_for(value: &[u8], is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut found = None;
    for entry in value.rsplit(|&byte| byte == b',').map(list::trim).take(HOPS_MAX) {
        let Some(address) = node(entry) else { break };
        found = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    found
}

/// Walks a `Forwarded`. `None` when its last element has no address.
pub fn by_forwarded(value: &[u8], is_trusted: impl Fn(IpAddr) -> bool) -> Option<Origin> {
    let elements: Vec<&[u8]> = list::split_unquoted(value, b',').collect();
    let mut found = None;
    for element in elements.into_iter().rev().take(HOPS_MAX) {
        let Some(origin) = origin(element) else { break };
        let goes_on = is_trusted(origin.address);
        found = Some(origin);
        if !goes_on {
            break;
        }
    }
    found
}

/// One element (RFC 7239 §4); `None` when any of it is malformed, or when it does not tell an address (`unknown`, `_hidden`).
fn origin(element: &[u8]) -> Option<Origin> {
    let (mut address, mut is_secure, mut host) = (None, None, None);
    for pair in list::split_unquoted(element, b';') {
        let equals = memchr::memchr(b'=', pair)?;
        let (name, value) = (pair.get(..equals)?, unquoted(pair.get(equals + 1..)?)?);
        if name.eq_ignore_ascii_case(b"for") {
            // §4: each parameter at most once.
            address = Some(node(&value).filter(|_| address.is_none())?);
        } else if name.eq_ignore_ascii_case(b"proto") {
            is_secure = scheme(&value);
        } else if name.eq_ignore_ascii_case(b"host") {
            host = Some(value).filter(|value| super::host::parse(value).is_some_and(|host| !host.name.is_empty()));
        }
    }
    Some(Origin { address: address?, is_secure, host })
}

/// `X-Forwarded-Proto` and `proto`: `Some(true)` for `https`, `Some(false)` for `http`.
pub fn scheme(value: &[u8]) -> Option<bool> {
    // Proxies in a row may each have added theirs; the last is the one next to us.
    let last = hop::members(value).last()?;
    if last.eq_ignore_ascii_case(b"https") || last.eq_ignore_ascii_case(b"wss") {
        Some(true)
    } else if last.eq_ignore_ascii_case(b"http") || last.eq_ignore_ascii_case(b"ws") {
        Some(false)
    } else {
        None
    }
}

/// A token as it is, a quoted string without its quotes and escapes.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let Some(inside) = value.strip_prefix(b"\"") else {
        return (!value.is_empty() && !value.contains(&b'"')).then(|| value.to_vec());
    };
    let inside = inside.strip_suffix(b"\"")?;
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => text.push(*bytes.next()?),
            b'"' => return None,
            byte => text.push(byte),
        }
    }
    Some(text)
}

/// An address, with a port or without: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inside| inside.contains(':')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 10.0.0.0/8 is trusted.
    fn is_trusted(address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
    }

    fn walk(value: &str) -> Option<String> {
        by_forwarded_for(value.as_bytes(), is_trusted).map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_trusted_proxy() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
            ("10.0.0.3, 10.0.0.2,10.0.0.1", "10.0.0.3"),
            ("127.0.0.1, 2001:db8::7, 10.0.0.1", "2001:db8::7"),
            ("192.0.2.1:4711, 10.0.0.1:80", "192.0.2.1"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("::ffff:10.0.0.9, ::ffff:10.0.0.1", "10.0.0.9"),
        ] {
            assert_eq!(walk(value).as_deref(), Some(client), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk() {
        for (value, client) in [
            ("1.1.1.1, unknown, 10.0.0.1", Some("10.0.0.1")),
            ("1.1.1.1, , 10.0.0.1", Some("10.0.0.1")),
            ("1.1.1.1, 192.0.2.1 10.0.0.1", None),
            ("1.1.1.1, 192.0.2.300", None),
            ("1.1.1.1,", None),
            ("[10.0.0.1]", None),
            ("10.0.0.1:", None),
            ("0x7f.1", None),
            ("", None),
        ] {
            assert_eq!(walk(value).as_deref(), client, "{value}");
        }
        let long = format!("192.0.2.1{}", ", 10.0.0.1".repeat(HOPS_MAX));
        assert_eq!(walk(&long).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn an_element_of_forwarded_tells_the_address_and_what_was_asked() {
        let walk = |value: &str| by_forwarded(value.as_bytes(), is_trusted);
        let found = walk("for=1.1.1.1;proto=gopher, for=\"[2001:db8::7]:80\";Proto=HTTPS;host=\"shop.test:8443\", for=10.0.0.1;proto=http");
        let host = Some(b"shop.test:8443".to_vec());
        assert_eq!(found, Some(Origin { address: "2001:db8::7".parse().expect("an address"), is_secure: Some(true), host }));
        assert_eq!(walk("for=192.0.2.1;by=10.0.0.1").map(|origin| (origin.is_secure, origin.host)), Some((None, None)));
    }

    #[test]
    fn a_malformed_element_of_forwarded_ends_the_walk() {
        let walk = |value: &str| by_forwarded(value.as_bytes(), is_trusted).map(|origin| origin.address.to_string());
        for value in [
            "for=unknown",
            "for=_hidden",
            "for=\"192.0.2.1",
            "for=192.0.2.1;for=1.1.1.1",
            "192.0.2.1",
            "proto=https",
            "for=",
            "for=2001:db8",
        ] {
            assert_eq!(walk(value), None, "{value}");
            assert_eq!(
                walk(&format!("for=1.1.1.1, {value}, for=10.0.0.1")).filter(|_| !value.contains('"')).as_deref(),
                if value.contains('"') { None } else { Some("10.0.0.1") },
                "{value}"
            );
        }
    }

    #[test]
    fn a_scheme_is_one_of_two() {
        for (value, scheme_found) in
            [("https", Some(true)), ("HTTP", Some(false)), ("http, https", Some(true)), ("wss", Some(true)), ("gopher", None), ("", None)]
        {
            assert_eq!(scheme(value.as_bytes()), scheme_found, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(value: Vec<u8>, text in "(for|proto|host|[0-9.:,;=\"\\\\\\[\\] a])*") {
            for value in [value.as_slice(), text.as_bytes()] {
                let _ = (by_forwarded_for(value, is_trusted), by_forwarded(value, is_trusted), scheme(value));
            }
        }
    }
}
