//! The authority of a request: `Host` and `:authority` (RFC 9110 §7.2, RFC 3986 §3.2.2).
//!
//! What passes here is safe in a redirect, a field, a log line and a file name. It is not lowered; `plan` compares without case.

use std::net::Ipv6Addr;

/// A checked authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The name or address without port; IPv6 keeps its brackets. As received, not lowered. May be empty only for an empty `Host`.
    pub name: &'a [u8],
    /// The port, if one was written.
    pub port: Option<u16>,
}

/// Checks and splits a `Host` value. `None` when it is malformed: userinfo, a character that no host has, an empty label, a bad port,
/// a bad IPv6 literal. A colon with no port after it is no port (RFC 3986 §3.2.3).
pub fn parse(value: &[u8]) -> Option<Host<'_>> {
    // The client has no authority to name (RFC 9112 §3.2).
    if value.is_empty() {
        return Some(Host { name: value, port: None });
    }
    let name_end = match value {
        [b'[', ..] => memchr::memchr(b']', value)? + 1,
        _ => memchr::memchr(b':', value).unwrap_or(value.len()),
    };
    let (name, port) = value.split_at_checked(name_end)?;
    let is_good = match name {
        [b'[', address @ .., b']'] => is_ipv6(address),
        _ => is_name(name),
    };
    if !is_good {
        return None;
    }
    match port {
        b"" | b":" => Some(Host { name, port: None }),
        [b':', digits @ ..] => Some(Host { name, port: Some(port_number(digits)?) }),
        _ => None,
    }
}

/// Unreserved characters (RFC 3986 §2.3) in labels that are not empty. A reg-name might also have sub-delims and escapes; no name in use
/// does, and they would mean something to whoever gets the host next: `a,b` is two hosts, `%61` is another spelling, `'` ends a string.
fn is_name(name: &[u8]) -> bool {
    // A dot at the end is the root's.
    let mut label_is_empty = true;
    for &byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => label_is_empty = false,
            b'.' if !label_is_empty => label_is_empty = true,
            _ => return false,
        }
    }
    !name.is_empty()
}

/// An address without a zone: RFC 6874 zones mean something on the client's machine only. (IPvFuture has no version in use.)
fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn port_number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |number, digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        number.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
    })
}

/// Names that are never in the public DNS: RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`.
const PRIVATE_SUFFIXES: [&[u8]; 7] = [b"localhost", b"local", b"test", b"internal", b"invalid", b"example", b"home.arpa"];

/// `true` for a public DNS name, which HSTS makes sense for (RFC 6797 §8.1.1): not an IP address, not `localhost` or below it,
/// not a single label, not under `.local`, `.test`, `.internal`, `.invalid`, `.example`, `.home.arpa`.
pub fn is_public_name(name: &[u8]) -> bool {
    if !is_name(name) {
        return false;
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    // A name that ends in a number is an IPv4 address, in whatever spelling; no top-level domain begins with a digit.
    let Some(dot) = memchr::memrchr(b'.', name) else { return false };
    let top_is_letter = name.get(dot + 1).is_some_and(u8::is_ascii_alphabetic);
    top_is_letter && !PRIVATE_SUFFIXES.iter().any(|suffix| is_at_or_under(name, suffix))
}

/// By whole labels, in any case.
fn is_at_or_under(name: &[u8], suffix: &[u8]) -> bool {
    let Some((above, end)) = name.len().checked_sub(suffix.len()).and_then(|at| name.split_at_checked(at)) else { return false };
    end.eq_ignore_ascii_case(suffix) && matches!(above.last(), None | Some(b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_or_address_is_split_from_its_port() {
        let cases: [(&str, &str, Option<u16>); 19] = [
            ("", "", None),
            ("example.com", "example.com", None),
            ("example.com:8080", "example.com", Some(8080)),
            ("Example.COM:443", "Example.COM", Some(443)),
            ("example.com:", "example.com", None),
            ("example.com.", "example.com.", None),
            ("example.com.:80", "example.com.", Some(80)),
            ("localhost", "localhost", None),
            ("my_service:3000", "my_service", Some(3000)),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("a:0", "a", Some(0)),
            ("a:65535", "a", Some(65535)),
            ("a:0000000080", "a", Some(80)),
            ("[::1]", "[::1]", None),
            ("[::1]:443", "[::1]", Some(443)),
            ("[::1]:", "[::1]", None),
            ("[::ffff:12.30.67.89]:4321", "[::ffff:12.30.67.89]", Some(4321)),
            ("[2001:DB8::1]", "[2001:DB8::1]", None),
        ];
        for (value, name, port) in cases {
            assert_eq!(parse(value.as_bytes()), Some(Host { name: name.as_bytes(), port }), "{value}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn what_is_no_authority_is_refused() {
        for value in [
            "a@b",
            "a:b@c",
            "@",
            "user:80@evil.com",
            "host:99999",
            "host:65536",
            "host:-1",
            "host:+1",
            "host: 80",
            "host:80 ",
            "host:8 0",
            "host:80:80",
            "host:0x50",
            ":",
            ":80",
            " ",
            "a b",
            " a",
            "a\t",
            "a\r\nb",
            "a\0",
            "a/b",
            "a\\b",
            "../etc",
            "a?b",
            "a#b",
            "a,b",
            "a, b",
            "a;b",
            "a'b",
            "a\"b",
            "a<b",
            "a%61",
            "%2e%2e",
            "a%00",
            "b\u{fc}cher.example",
            ".",
            "..",
            ".a",
            "a..b",
            "a..",
            "..:80",
            "::1",
            "[",
            "]",
            "[]",
            "[::1",
            "::1]",
            "[::1]]",
            "[::1]x",
            "[::1]80",
            "[::1].",
            "[::1%25eth0]",
            "[::1%eth0]",
            "[::1]:99999",
            "[:::]",
            "[1::2::3]",
            "[12345::]",
            "[127.0.0.1]",
            "[v1.a]",
            "[ ::1]",
            "[a]",
            "a[::1]",
            "http://a",
            "*",
            "*.a",
        ] {
            assert_eq!(parse(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(parse(b"a\xff"), None);
        assert_eq!(parse(b"[\xff]"), None);
    }

    #[test]
    fn a_megabyte_of_host_is_read() {
        assert!(parse(&b"a.".repeat(1 << 19)).is_some());
        assert!(parse(&b"a:".repeat(1 << 19)).is_none());
        assert!(parse(&b"[:".repeat(1 << 19)).is_none());
        assert!(parse(&[&b"["[..], &b":0".repeat(1 << 19), b"]"].concat()).is_none());
        assert!(is_public_name(&b"a.".repeat(1 << 19)));
    }

    #[test]
    fn a_name_in_the_public_dns_is_public() {
        for name in [
            "example.com",
            "EXAMPLE.com",
            "example.com.",
            "a.b.co.uk",
            "notlocalhost.net",
            "mylocal.dev",
            "a.contest",
            "xn--p1ai.xn--p1ai",
            "arpa.home.org",
        ] {
            assert!(is_public_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn an_address_a_single_label_and_a_reserved_name_are_not_public() {
        for name in [
            "",
            ".",
            "localhost",
            "LOCALHOST.",
            "app.localhost",
            "api",
            "api.",
            "printer.local",
            "a.b.Local.",
            "a.test",
            "a.internal",
            "a.invalid",
            "a.example",
            "router.home.arpa",
            "home.arpa",
            "HOME.ARPA.",
            "127.0.0.1",
            "127.1",
            "1.2.3.4.",
            "0x7f.0x1",
            "999.999.999.999",
            "[::1]",
            "[2001:db8::1]",
            "a..com",
            ".com",
            "a b.com",
            "example.com:80",
        ] {
            assert!(!is_public_name(name.as_bytes()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(value: Vec<u8>) {
            parse(&value);
            is_public_name(&value);
        }

        #[test]
        fn a_parsed_host_is_the_beginning_of_its_value_and_harmless(value in "[a-c0-9.:@%\\[\\]_~,/ -]{1,24}") {
            if let Some(host) = parse(value.as_bytes()) {
                prop_assert!(value.as_bytes().starts_with(host.name) && !host.name.is_empty());
                prop_assert!(!host.name.iter().any(|byte| b"@%,/ ".contains(byte)));
                prop_assert!(!host.name.windows(2).any(|pair| pair == b".."));
            }
        }

        #[test]
        fn every_name_and_port_comes_back(name in "[a-z0-9_]{1,8}(\\.[a-z0-9-]{1,8}){0,3}\\.?", port: u16) {
            let value = format!("{name}:{port}");
            prop_assert_eq!(parse(value.as_bytes()), Some(Host { name: name.as_bytes(), port: Some(port) }));
        }

        #[test]
        fn every_ipv6_address_is_a_host(address: Ipv6Addr) {
            let value = format!("[{address}]");
            prop_assert_eq!(parse(value.as_bytes()), Some(Host { name: value.as_bytes(), port: None }));
            prop_assert!(!is_public_name(value.as_bytes()));
        }
    }
}
