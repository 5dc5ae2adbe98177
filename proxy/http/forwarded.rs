//! `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` (RFC 7239), rebuilt from the connection.
//!
//! Here a value is only written; whom to believe is decided where the trusted proxies are known.

use std::io::Write;
use std::net::IpAddr;

/// Appends the value of `Forwarded` (RFC 7239 §4): `for=192.0.2.1;host=example.com;proto=https`. IPv6 is bracketed and quoted (§6),
/// a client without an address is `for=unknown`, a host that is no token is quoted with escapes.
pub fn write_forwarded(out: &mut Vec<u8>, client: Option<IpAddr>, host: &[u8], proto: &str) {
    out.extend_from_slice(b"for=");
    match client {
        Some(address @ IpAddr::V4(_)) => write_address(out, address),
        Some(address @ IpAddr::V6(_)) => {
            out.extend_from_slice(b"\"[");
            write_address(out, address);
            out.extend_from_slice(b"]\"");
        }
        None => out.extend_from_slice(b"unknown"),
    }
    out.extend_from_slice(b";host=");
    write_value(out, host);
    out.extend_from_slice(b";proto=");
    write_value(out, proto.as_bytes());
}

/// Appends an address as it is usually written. Three of them go with each request that is forwarded, which is too often for the formatter.
pub fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    let octets = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{address}");
            return;
        }
    };
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}

/// A token as it is, anything else as a quoted string (RFC 9110 §5.6.4). Control bytes have no place in one and are left out,
/// so that a value can never end its own field line.
fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    if !value.is_empty() && value.iter().all(|&byte| is_token_byte(byte)) {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    for &byte in value {
        if byte.is_ascii_control() {
            continue;
        }
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'!'
            | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(client: Option<&str>, host: &[u8], proto: &str) -> String {
        let mut out = Vec::new();
        write_forwarded(&mut out, client.map(|text| text.parse().expect("an address")), host, proto);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn an_ipv4_client_and_a_plain_host_need_no_quotes() {
        assert_eq!(written(Some("192.0.2.1"), b"example.com", "https"), "for=192.0.2.1;host=example.com;proto=https");
    }

    #[test]
    fn an_ipv6_client_is_bracketed_and_quoted() {
        assert_eq!(written(Some("2001:db8:cafe::17"), b"a", "http"), "for=\"[2001:db8:cafe::17]\";host=a;proto=http");
    }

    #[test]
    fn a_client_without_an_address_is_unknown() {
        assert_eq!(written(None, b"a", "http"), "for=unknown;host=a;proto=http");
    }

    #[test]
    fn a_host_that_is_no_token_is_quoted() {
        for (host, quoted) in [
            (&b"example.com:8080"[..], "\"example.com:8080\""),
            (b"[::1]:80", "\"[::1]:80\""),
            (b"", "\"\""),
            (b"a;proto=http", "\"a;proto=http\""),
            (b"a, for=10.0.0.1", "\"a, for=10.0.0.1\""),
            (b"a\";proto=http;x=\"", "\"a\\\";proto=http;x=\\\"\""),
            (b"a\\", "\"a\\\\\""),
            (b"a\r\nX: y\0", "\"aX: y\""),
        ] {
            assert_eq!(written(None, host, "https"), format!("for=unknown;host={quoted};proto=https"), "{host:?}");
        }
    }

    #[test]
    fn it_is_appended() {
        let mut out = b"for=10.0.0.1, ".to_vec();
        write_forwarded(&mut out, None, b"a", "http");
        assert_eq!(out, b"for=10.0.0.1, for=unknown;host=a;proto=http");
    }

    proptest! {
        #[test]
        fn addresses_are_written_as_the_formatter_writes_them(v4 in any::<u32>(), v6 in any::<u128>()) {
            for address in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())] {
                let mut out = Vec::new();
                write_address(&mut out, address);
                prop_assert_eq!(String::from_utf8_lossy(&out), address.to_string());
            }
        }

        #[test]
        fn no_host_can_end_its_value(host: Vec<u8>) {
            let mut out = Vec::new();
            write_forwarded(&mut out, None, &host, "http");
            prop_assert!(!out.iter().any(|byte| byte.is_ascii_control()));
            let value = out.strip_prefix(b"for=unknown;host=").and_then(|rest| rest.strip_suffix(b";proto=http")).expect("both ends");
            if let Some(quoted) = value.strip_prefix(b"\"") {
                let mut inside = quoted.strip_suffix(b"\"").expect("closed");
                while let [first, rest @ ..] = inside {
                    prop_assert_ne!(*first, b'"');
                    inside = if *first == b'\\' { rest.get(1..).expect("an escape takes a byte with it") } else { rest };
                }
            } else {
                prop_assert!(!value.is_empty() && value.iter().all(|&byte| is_token_byte(byte)));
            }
        }
    }
}
