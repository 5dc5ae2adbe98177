//! Hop-by-hop fields (RFC 9110 §7.6.1): which fields never cross.

use super::list;
use super::request::Known;

/// `true` for fields that concern one connection only, whatever `Connection` says: Connection, Keep-Alive, Proxy-Connection,
/// Proxy-Authenticate, Proxy-Authorization, TE, Transfer-Encoding, Upgrade, HTTP2-Settings. (`Trailer` crosses: trailers do.)
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    Known::from_name(name).is_some_and(Known::is_hop_by_hop)
}

/// `true` for a trailer that may be passed on (RFC 9110 §6.5.1): none that frames, routes, authenticates or describes the message, which whoever merges
/// trailers into the head would believe.
pub fn may_trail(name: &[u8]) -> bool {
    const NEVER: [&[u8]; 9] = [
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-range",
        b"content-type",
        b"cookie",
        b"set-cookie",
        b"trailer",
        b"location",
    ];
    Known::from_name(name).is_none() && !NEVER.iter().any(|never| never.eq_ignore_ascii_case(name))
}

/// The members of a list value such as `Connection: close, x-private`, trimmed, empty ones left out.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Tokens have no quotes (§5.6.2): a comma always separates, so that a stray quote cannot hide a name from us.
    value.split(|&byte| byte == b',').map(list::trim).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fields_of_one_connection_never_cross_in_any_case() {
        for name in [
            "Connection",
            "KEEP-ALIVE",
            "proxy-connection",
            "Proxy-Authenticate",
            "Proxy-Authorization",
            "te",
            "TE",
            "Transfer-Encoding",
            "uPgRaDe",
            "HTTP2-Settings",
        ] {
            assert!(is_hop_by_hop(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn other_fields_cross() {
        for name in ["", "Trailer", "Host", "Content-Length", "Connection ", "Connectiom", "Upgrades", "t", "tf", "Authorization"] {
            assert!(!is_hop_by_hop(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn members_are_trimmed_and_empty_ones_left_out() {
        let cases: [(&[u8], &[&[u8]]); 7] = [
            (b"close", &[b"close"]),
            (b"close, x-private", &[b"close", b"x-private"]),
            // The examples of RFC 9110 §5.6.1.2.
            (b"foo ,bar,", &[b"foo", b"bar"]),
            (b"foo , ,bar,charlie", &[b"foo", b"bar", b"charlie"]),
            (b"", &[]),
            (b",   ,", &[]),
            (b"\"a, x-private", &[b"\"a", b"x-private"]),
        ];
        for (value, expected) in cases {
            assert_eq!(members(value).collect::<Vec<_>>(), expected, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_list_of_the_rfc_in_any_case(
            name in "(?i)(te|upgrade|connection|keep-alive|host|range|proxy-[a-z]{2,13}|http2-settings|transfer-encoding|[a-z-]{0,20})",
            known in "(?i)proxy-(connection|authenticate|authorization)",
        ) {
            const LISTED: [&str; 9] = [
                "connection",
                "http2-settings",
                "keep-alive",
                "proxy-authenticate",
                "proxy-authorization",
                "proxy-connection",
                "te",
                "transfer-encoding",
                "upgrade",
            ];
            for name in [name, known] {
                prop_assert_eq!(is_hop_by_hop(name.as_bytes()), LISTED.contains(&name.to_ascii_lowercase().as_str()));
            }
        }

        #[test]
        fn members_of_any_bytes_are_neither_empty_nor_padded(value: Vec<u8>) {
            for member in members(&value) {
                prop_assert!(!member.is_empty() && !member.contains(&b','));
                prop_assert_eq!(list::trim(member), member);
            }
        }
    }
}
