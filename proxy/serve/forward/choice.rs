//! What in a request decides which server of a group gets it, and the cookie that says so the next time.

use std::io::Write as _;

use crate::http::request::RequestHead;
use crate::serve::client::Client;
use crate::units::Scheme;
use crate::upstream::{AddressKey, Key, Wants};

/// What the group wants to know.
pub(super) fn key<'a>(wants: Wants<'_>, head: &'a RequestHead, client: &Client) -> Key<'a> {
    match wants {
        Wants::Nothing => Key::None,
        Wants::Address => client.address.map_or(Key::None, |address| Key::Address(AddressKey::new(address.ip()))),
        Wants::Header(name) => value(head, name.as_str()).map_or(Key::None, Key::Value),
        Wants::Cookie(name) => cookie_value(head, name).map_or(Key::None, Key::Value),
    }
}

/// The first value of a field that is not empty.
fn value<'a>(head: &'a RequestHead, name: &str) -> Option<&'a [u8]> {
    let is_it = |field: &crate::http::request::Field<'a>| field.name.eq_ignore_ascii_case(name.as_bytes()) && !field.value.is_empty();
    head.fields().find(is_it).map(|field| field.value)
}

/// The first cookie of this name (RFC 6265 §4.2).
fn cookie_value<'a>(head: &'a RequestHead, name: &str) -> Option<&'a [u8]> {
    let pairs =
        head.fields().filter(|field| field.name.eq_ignore_ascii_case(b"cookie")).flat_map(|field| field.value.split(|&byte| byte == b';'));
    pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")).next()
}

/// The value of `Set-Cookie` for this name and value: for the whole site, for no script, and for as long as the browser is open.
pub(super) fn cookie(new: Option<(&str, &str)>, client: &Client) -> Option<Vec<u8>> {
    let (name, value) = new?;
    let mut text = Vec::with_capacity(96);
    let _ = write!(text, "{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if client.scheme == Scheme::Https {
        text.extend_from_slice(b"; Secure");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Version;

    fn head(fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        head.start(Version::Http11, b"GET", b"/");
        fields.iter().for_each(|(name, value)| head.push(name.as_bytes(), value.as_bytes()));
        head
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        for (line, found) in [
            ("srv=1", Some("1")),
            ("a=2; srv=1; b=3", Some("1")),
            ("xsrv=2;srv=1", Some("1")),
            ("srvx=2; Srv=3", None),
            ("srv", None),
            ("", None),
        ] {
            assert_eq!(cookie_value(&head(&[("Cookie", line)]), "srv"), found.map(str::as_bytes), "{line}");
        }
        assert_eq!(cookie_value(&head(&[("Cookie", "a=1"), ("cookie", "srv=2")]), "srv"), Some(&b"2"[..]));
    }

    #[test]
    fn a_header_counts_in_any_case_and_when_it_says_something() {
        assert_eq!(value(&head(&[("x-tenant", ""), ("X-TENANT", "a")]), "x-tenant"), Some(&b"a"[..]));
        assert_eq!(value(&head(&[("X-Tenants", "a")]), "x-tenant"), None);
    }

    #[test]
    fn the_cookie_is_for_no_script_and_secure_where_the_client_is() {
        let client = |scheme| Client::new(None, scheme);
        let text = |scheme| String::from_utf8(cookie(Some(("srv", "ab")), &client(scheme)).expect("a cookie")).expect("text");
        assert_eq!(text(Scheme::Http), "srv=ab; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(text(Scheme::Https), "srv=ab; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(cookie(None, &client(Scheme::Http)).is_none());
    }
}
