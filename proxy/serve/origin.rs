//! The client of one request that came through a trusted proxy.
//!
//! `X-Forwarded-For` counts where it is there, and `Forwarded` only where it is not: nearly all proxies write the first and let the second through as
//! the client sent it, so that believing both, or the second first, would be believing the client.

use std::net::SocketAddr;

use super::client::Client;
use super::live::Live;
use crate::config::TrustedProxies;
use crate::http::forwarded_for::{Origin, by_forwarded, by_forwarded_for, scheme};
use crate::http::host;
use crate::http::request::{Known, RequestHead};
use crate::units::Scheme;

/// The client of a request; `None` when it is that of the connection.
pub(crate) fn of(connection: &Client, head: &RequestHead, live: &Live) -> Option<Client> {
    told(connection, head, &live.plan().trusted_proxies, |host| live.serves(Some(host)))
}

/// What a trusted peer tells; a host only if it is one that is `served`.
fn told(connection: &Client, head: &RequestHead, trusted: &TrustedProxies, served: impl Fn(&[u8]) -> bool) -> Option<Client> {
    if !connection.has_trusted_peer {
        return None;
    }
    let is_trusted = |address| trusted.includes(Some(address));
    let told = match head.joined(Known::ForwardedFor) {
        Some(value) => by_forwarded_for(&value, is_trusted).map(|address| Origin { address, is_secure: None, host: None }),
        None => head.joined(Known::Forwarded).and_then(|value| by_forwarded(&value, is_trusted)),
    };
    let (address, is_secure, asked) = told.map_or((None, None, None), |told| (Some(told.address), told.is_secure, told.host));
    let is_secure = head.joined(Known::ForwardedProto).and_then(|value| scheme(&value)).or(is_secure);
    let mut client = connection.clone();
    if let Some(address) = address {
        client.address = Some(SocketAddr::new(address, 0));
    }
    if let Some(is_secure) = is_secure {
        client.scheme = if is_secure { Scheme::Https } else { Scheme::Http };
    }
    // Many proxies pass `X-Forwarded-Host` on as the client sent it. In links of a mail that a stranger asked for, only our own names may stand.
    client.host = forwarded_host(head).or(asked).filter(|host| served(host)).map(Vec::into_boxed_slice);
    Some(client)
}

/// The last of `X-Forwarded-Host`, if it is a host.
fn forwarded_host(head: &RequestHead) -> Option<Vec<u8>> {
    let value = head.joined(Known::ForwardedHost)?;
    let last = value.rsplit(|&byte| byte == b',').next()?.trim_ascii();
    host::parse(last).filter(|host| !host.name.is_empty()).map(|_| last.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Version;

    fn client(peer: [u8; 4], fields: &[(&str, &str)]) -> Option<Client> {
        let mut trusted = TrustedProxies::default();
        trusted.add("10.0.0.0/8").expect("a network");
        let mut connection = Client::new(Some((peer, 5000).into()), Scheme::Http);
        connection.has_trusted_peer = trusted.includes(connection.address.map(|address| address.ip()));
        let mut head = RequestHead::default();
        head.start(Version::Http11, b"GET", b"/");
        fields.iter().for_each(|(name, value)| head.push(name.as_bytes(), value.as_bytes()));
        told(&connection, &head, &trusted, |host| host != b"evil.test")
    }

    fn address(client: Option<Client>) -> Option<String> {
        client.and_then(|client| client.address).map(|address| address.ip().to_string())
    }

    const CLAIMS: [(&str, &str); 3] = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.test")];

    #[test]
    fn a_host_that_is_not_served_is_not_believed() {
        let told = |host| client([10, 0, 0, 1], &[("X-Forwarded-Host", host)]).and_then(|client| client.host);
        assert_eq!(told("shop.test").as_deref(), Some(&b"shop.test"[..]));
        assert_eq!(told("evil.test"), None);
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert!(client([192, 0, 2, 9], &CLAIMS).is_none());
    }

    #[test]
    fn a_trusted_proxy_is() {
        let found = client([10, 0, 0, 1], &CLAIMS).expect("a client");
        assert_eq!((found.scheme, found.host.as_deref()), (Scheme::Https, Some(&b"shop.test"[..])));
        assert_eq!(address(Some(found)).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn forwarded_counts_only_where_there_is_no_x_forwarded_for() {
        let both = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=1.1.1.1;proto=https;host=a")];
        let found = client([10, 0, 0, 1], &both).expect("a client");
        assert_eq!((found.scheme, found.host.as_deref()), (Scheme::Http, None));
        assert_eq!(address(Some(found)).as_deref(), Some("192.0.2.1"));
        let found = client([10, 0, 0, 1], &[("Forwarded", "for=192.0.2.1;proto=https;host=a")]).expect("a client");
        assert_eq!((found.scheme, found.host.as_deref()), (Scheme::Https, Some(&b"a"[..])));
    }

    #[test]
    fn what_is_no_address_scheme_or_host_changes_nothing() {
        let bad = [("X-Forwarded-For", "1.1.1.1, x"), ("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Host", "a/b")];
        let found = client([10, 0, 0, 1], &bad).expect("a client");
        assert_eq!((found.scheme, found.host.as_deref()), (Scheme::Http, None));
        assert_eq!(address(Some(found)).as_deref(), Some("10.0.0.1"));
    }
}
