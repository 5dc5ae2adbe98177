//! Where redirects point: never to a host that the client could choose.

use http::StatusCode;

use super::client::Client;
use super::live::Live;
use crate::http::host;
use crate::http::request::RequestHead;

/// The redirect from a plain listener to the TLS one, if that is what is to be done; without a place when the client names no host.
pub(crate) fn to_https(live: &Live, client: &Client, head: &RequestHead) -> Option<(StatusCode, Option<Vec<u8>>)> {
    let status = live.plan().https_redirect?;
    let port = live.https_port()?;
    // Behind a proxy that speaks TLS to us the client may have used plain HTTP: that is the proxy's to redirect, which alone knows its port.
    if client.is_secure() || client.tls_version.is_some() {
        return None;
    }
    let Some(host) = head.authority().and_then(host::parse) else { return Some((status, None)) };
    let mut location = b"https://".to_vec();
    location.extend_from_slice(host.name);
    if port != 443 {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    // The bytes of the client's own target: they follow a host, so they cannot name one.
    if head.path().is_empty() {
        location.push(b'/');
    }
    location.extend_from_slice(head.path_and_query());
    Some((status, Some(location)))
}

/// The path of a folder with the slash that it lacks. Made from the normal form, whose single leading slash no browser takes for a host.
pub(crate) fn with_slash(normal_path: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let mut location = Vec::with_capacity(normal_path.len() + 8);
    for &byte in normal_path {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            location.push(byte);
        } else {
            location.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    location.push(b'/');
    with_query(&location, query)
}

/// A target with the client's query behind it.
pub(crate) fn with_query(to: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let (to, fragment) = to.split_at(memchr::memchr(b'#', to).unwrap_or(to.len()));
    let mut location = to.to_vec();
    if let Some(query) = query {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    location.extend_from_slice(fragment);
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_to_a_folder_never_names_another_host() {
        for (path, location) in
            [(&b"/docs"[..], "/docs/"), (b"/a b\r\n", "/a%20b%0D%0A/"), (b"/\\evil.com", "/%5Cevil.com/"), (b"/%2F", "/%252F/")]
        {
            assert_eq!(String::from_utf8_lossy(&with_slash(path, None)), location);
        }
    }

    #[test]
    fn the_query_of_the_client_is_kept() {
        assert_eq!(with_slash(b"/docs", Some(b"a=b")), b"/docs/?a=b");
        assert_eq!(with_query(b"/new", Some(b"a=b")), b"/new?a=b");
        assert_eq!(with_query(b"/new", None), b"/new");
        assert_eq!(with_query(b"/new#part", Some(b"a=b")), b"/new?a=b#part");
    }
}
