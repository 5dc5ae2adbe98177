//! Reads what an upstream connection goes to.

#![allow(clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use std::net::Ipv6Addr;

use super::{Protocol, Scheme, ServerAddress, ServerUrl, parse_port, parse_socket_path, scheme_name};
use crate::units::UnitError;

/// The port of `http://` (RFC 9110 §4.2.1), and of HTTP/2 without TLS.
const HTTP_PORT: u16 = 80;
/// The port of `https://` (RFC 9110 §4.2.2), and of HTTP/2 in TLS.
const HTTPS_PORT: u16 = 443;

/// The longest DNS name in text form (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Reads `"unix:/path"`, `"http://host:port"`, `"h2c://host:port"`.
pub(super) fn parse(text: &str) -> Result<ServerUrl, UnitError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path, Protocol::Http1);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(without_scheme(text));
    };
    let spoken = match scheme {
        "http" => (Scheme::Http, Protocol::Http1),
        "https" => (Scheme::Https, Protocol::Http1),
        // The names of HTTP/2 without and with TLS (RFC 7540 §3.1).
        "h2c" => (Scheme::Http, Protocol::Http2),
        "h2" => (Scheme::Https, Protocol::Http2),
        "grpc" => return error(text, format!("gRPC is spoken in HTTP/2: write \"h2c://{rest}\"")),
        "grpcs" => return error(text, format!("gRPC is spoken in HTTP/2, here in TLS: write \"h2://{rest}\"")),
        "ws" | "wss" => {
            return error(text, format!("WebSockets need no scheme of their own: write \"http://{rest}\""));
        }
        other => return error(text, format!("`{other}://` is no scheme of an upstream: write \"http://{rest}\"")),
    };
    if let Some(path) = rest.strip_prefix("unix:") {
        match spoken {
            (Scheme::Http, Protocol::Http2) => return unix(path, Protocol::Http2),
            (Scheme::Https, Protocol::Http2) => {
                return error(text, format!("a Unix socket needs no TLS: write \"h2c://unix:{path}\""));
            }
            (Scheme::Http | Scheme::Https, Protocol::Http1) => {}
        }
        return error(text, format!("a Unix socket stands without `http://`: write \"unix:{}\"", path.trim_end_matches(':')));
    }
    parse_authority(text, rest, spoken)
}

fn unix(path: &str, protocol: Protocol) -> Result<ServerUrl, UnitError> {
    Ok(ServerUrl { scheme: Scheme::Http, protocol, address: ServerAddress::Unix(parse_socket_path(path)?) })
}

/// The port where none is written.
pub(super) const fn usual_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => HTTP_PORT,
        Scheme::Https => HTTPS_PORT,
    }
}

/// Reads `host`, `host:port`, `[v6]`, `[v6]:port`; `text` is the whole URL, for the message.
fn parse_authority(text: &str, rest: &str, (scheme, protocol): (Scheme, Protocol)) -> Result<ServerUrl, UnitError> {
    let name = scheme_name(scheme, protocol);
    if let Some(end) = rest.find(['/', '?', '#']) {
        return Err(UnitError {
            message: format!("\"{text}\" has a path, which would be ignored"),
            help: format!("write \"{name}://{}\": the path is forwarded as it comes; `strip` takes a prefix off", &rest[..end]),
        });
    }
    if let Some((_, host)) = rest.rsplit_once('@') {
        return error(text, format!("a user and a password are not sent to upstreams: write \"{name}://{host}\""));
    }
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, after)) => match inner.parse::<Ipv6Addr>() {
            Ok(ip) => (ip.to_string(), after),
            Err(_) => return error(text, format!("`{inner}` is no IPv6 address: write \"http://[::1]:3000\"")),
        },
        None => {
            let (host, after) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
            if let Some(problem) = host_problem(rest, host) {
                return error(text, problem);
            }
            (host.to_ascii_lowercase(), after)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => usual_port(scheme),
        Some(port) => match parse_port(port) {
            Some(port) if port > 0 => port,
            _ => return error(text, "a port is a number from 1 to 65535: write \"http://127.0.0.1:3000\"".into()),
        },
        None => return error(text, "after `]` stands a port: write \"http://[::1]:3000\"".into()),
    };
    Ok(ServerUrl { scheme, protocol, address: ServerAddress::Tcp { host, port } })
}

/// Why `host` is no name or IPv4 address. Underscores are allowed: container networks have names with them.
fn host_problem(rest: &str, host: &str) -> Option<String> {
    if let Ok(ip) = rest.parse::<Ipv6Addr>() {
        return Some(format!("an IPv6 address stands in brackets: write \"http://[{ip}]:3000\""));
    }
    if host.is_empty() {
        return Some(format!("a host is missing: write \"http://127.0.0.1{rest}\""));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.len() > HOST_BYTES_MAX || !host.bytes().all(allowed) || host.starts_with('.') || host.contains("..") {
        return Some("a host has letters, digits, dots and hyphens: write \"http://api:3000\"".into());
    }
    None
}

/// `/run/api.sock`, `127.0.0.1:3000` and `3000` miss only what comes before them.
fn without_scheme(text: &str) -> UnitError {
    let help = if text.starts_with('/') || text.starts_with("./") || text.ends_with(".sock") {
        format!("a Unix socket is written \"unix:{text}\"")
    } else if text.starts_with(':') && parse_port(&text[1..]).is_some() {
        format!("write \"http://127.0.0.1{text}\"")
    } else if parse_port(text).is_some() && !text.is_empty() {
        format!("write \"http://127.0.0.1:{text}\"")
    } else if let Ok(url) = parse_authority(text, text, (Scheme::Http, Protocol::Http1))
        && !text.is_empty()
    {
        format!("`http://` is missing: write \"{url}\"")
    } else {
        "write \"http://host:port\" or \"unix:/path\"".into()
    };
    UnitError { message: format!("\"{text}\" is not the address of an upstream"), help }
}

fn error<T>(text: &str, help: String) -> Result<T, UnitError> {
    Err(UnitError { message: format!("\"{text}\" is not the address of an upstream"), help })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp(host: &str, port: u16) -> Result<ServerUrl, UnitError> {
        Ok(ServerUrl { scheme: Scheme::Http, protocol: Protocol::Http1, address: ServerAddress::Tcp { host: host.into(), port } })
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(parse("http://API.internal:3000"), tcp("api.internal", 3000));
        assert_eq!(parse("http://api_1"), tcp("api_1", 80));
        assert_eq!(parse("http://127.0.0.1:9"), tcp("127.0.0.1", 9));
        assert_eq!(parse("http://[::1]:9"), tcp("::1", 9));
        assert_eq!(parse("http://[::1]"), tcp("::1", 80));
        assert_eq!(parse("unix:/run/a.sock"), unix("/run/a.sock", Protocol::Http1));
    }

    #[test]
    fn a_near_miss_is_told_the_text_to_paste() {
        for (text, right) in [
            ("api:3000", "\"http://api:3000\""),
            ("127.0.0.1:3000", "\"http://127.0.0.1:3000\""),
            ("3000", "\"http://127.0.0.1:3000\""),
            (":3000", "\"http://127.0.0.1:3000\""),
            ("/run/a.sock", "\"unix:/run/a.sock\""),
            ("http://unix:/run/a.sock:", "\"unix:/run/a.sock\""),
            ("unix:///run/a.sock", "\"unix:/run/a.sock\""),
            ("http://api:3000/v1", "\"http://api:3000\""),
            ("http://api:3000/", "\"http://api:3000\""),
            ("http://u:p@api:3000", "\"http://api:3000\""),
            ("ws://api:3000", "\"http://api:3000\""),
            ("http://::1", "\"http://[::1]:3000\""),
            ("http://:3000", "\"http://127.0.0.1:3000\""),
        ] {
            let help = parse(text).expect_err(text).help;
            assert!(help.contains(right), "{text}: {help}");
        }
    }

    #[test]
    fn a_tls_upstream_has_the_port_of_tls() {
        let url = |port| {
            Ok(ServerUrl { scheme: Scheme::Https, protocol: Protocol::Http1, address: ServerAddress::Tcp { host: "api".into(), port } })
        };
        assert_eq!(parse("https://api"), url(443));
        assert_eq!(parse("https://api:8443"), url(8443));
        assert!(parse("https://api/v1").unwrap_err().help.contains("\"https://api\""));
    }

    #[test]
    fn http2_has_a_scheme_without_tls_and_one_with() {
        for (text, scheme, port) in
            [("h2c://api:50051", Scheme::Http, 50051), ("h2c://api", Scheme::Http, 80), ("h2://api", Scheme::Https, 443)]
        {
            let address = ServerAddress::Tcp { host: "api".into(), port };
            assert_eq!(parse(text), Ok(ServerUrl { scheme, protocol: Protocol::Http2, address }), "{text}");
        }
        let socket = parse("h2c://unix:/run/a.sock");
        assert_eq!(socket, unix("/run/a.sock", Protocol::Http2));
        assert_eq!(socket.unwrap().to_string(), "h2c://unix:/run/a.sock");
        for (text, right) in [
            ("grpc://api:50051", "\"h2c://api:50051\""),
            ("grpcs://api:50051", "\"h2://api:50051\""),
            ("h2://unix:/run/a.sock", "\"h2c://unix:/run/a.sock\""),
            ("h2c://api/v1", "\"h2c://api\""),
        ] {
            let help = parse(text).expect_err(text).help;
            assert!(help.contains(right), "{text}: {help}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "http://",
            "http://api:0",
            "http://api:",
            "http://a b",
            "http://a..b",
            "http://[::1",
            "http://[::1]x",
            "http://[x]:1",
            "unix:",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_read_is_shown_so_that_it_is_read_again(text in "((http|https|h2c|h2)://|(h2c://)?unix:)?[a-zA-Z0-9:./\\[\\]@é_-]{0,20}") {
            if let Ok(url) = parse(&text) {
                prop_assert_eq!(parse(&url.to_string()), Ok(url));
            }
        }
    }
}
