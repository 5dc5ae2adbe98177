//! The head of a request, said in HTTP/2 (RFC 9113 §8.3.1).

use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, header};

use crate::serve::exchange::split_lines;
use crate::units::Scheme;

/// Makes it of the bytes that `request::encode` wrote.
///
/// # Errors
/// When it cannot be said: HTTP/1 has room for targets and hosts that HTTP/2 has not.
pub(super) fn of(head: &[u8], scheme: Scheme) -> Result<Request<()>, &'static str> {
    let end = memchr::memchr(b'\n', head).ok_or("a head without a line")?;
    let (line, fields) = (head.get(..end).unwrap_or_default(), head.get(end + 1..).unwrap_or_default());
    let mut words = line.split(|&byte| byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let method = Method::from_bytes(method).map_err(|_| "the method cannot be said in HTTP/2")?;
    let target = PathAndQuery::try_from(target).map_err(|_| "the target has bytes that cannot be said in HTTP/2")?;
    let mut request = Request::new(());
    let mut host = None;
    for (name, value) in split_lines(fields) {
        // The framing is the stream's, and `Connection` says nothing here (RFC 9113 §8.2.2).
        if name == b"host" {
            host = Some(value);
        } else if !matches!(name, b"connection" | b"transfer-encoding" | b"upgrade" | b"keep-alive" | b"proxy-connection") {
            let name = HeaderName::from_bytes(name).map_err(|_| "a field cannot be said in HTTP/2")?;
            let value = HeaderValue::from_bytes(value).map_err(|_| "the value of a field cannot be said in HTTP/2")?;
            request.headers_mut().append(name, value);
        }
    }
    if let Some(value) = request.headers_mut().get_mut(header::AUTHORIZATION) {
        // It is kept out of the table of fields, where its length could be used to guess it (RFC 7541 §7.1.3).
        value.set_sensitive(true);
    }
    let authority = Authority::try_from(host.unwrap_or_default()).map_err(|_| "the host cannot be said in HTTP/2")?;
    let uri = Uri::builder().scheme(scheme.name()).authority(authority).path_and_query(target).build();
    *request.uri_mut() = uri.map_err(|_| "the target cannot be said in HTTP/2")?;
    *request.method_mut() = method;
    *request.version_mut() = Version::HTTP_2;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_head_is_said_without_what_concerns_a_connection_of_http1() {
        let head = b"POST /a%2Fb?c HTTP/1.1\r\nhost: shop.test:81\r\nX-One: 1\r\nx-one: 2\r\ntransfer-encoding: chunked\r\nconnection: te\r\nte: trailers\r\n\r\n";
        let request = of(head, Scheme::Http).unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "http://shop.test:81/a%2Fb?c"));
        let fields: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-one", &b"1"[..]), ("x-one", b"2"), ("te", b"trailers")]);
    }

    #[test]
    fn what_cannot_be_said_is_refused_and_nothing_panics() {
        for head in [&b""[..], b"\r\n", b"GET\r\n", b"GET /a<b HTTP/1.1\r\nhost: a\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n"] {
            assert!(of(head, Scheme::Http).is_err(), "{}", String::from_utf8_lossy(head));
        }
        assert!(of(b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", Scheme::Https).is_ok());
    }
}
