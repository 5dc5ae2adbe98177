//! Reads one entry of `listen`.

#![allow(clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use std::net::{IpAddr, Ipv6Addr};

use super::{Listen, ListenAddress, Scheme, parse_port, parse_socket_path};
use crate::units::UnitError;

/// The first descriptor that is not standard input, output or error; socket activation starts here (sd_listen_fds(3)).
const FD_MIN: i32 = 3;

/// Reads `":443"`, `"host:port"`, `"unix:/path"`, `"fd:3"`, each with an optional `http://` or `https://` before it.
pub(super) fn parse(text: &str) -> Result<Listen, UnitError> {
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Some(Scheme::Http), rest),
        Some(("https", rest)) => (Some(Scheme::Https), rest),
        Some(("unix", _)) => (None, text),
        Some((other, rest)) => {
            return error(text, format!("`{other}://` is nothing to listen with: write \"http://{rest}\" or \"https://{rest}\""));
        }
        None => (None, text),
    };
    let address = if let Some(path) = rest.strip_prefix("unix:") {
        ListenAddress::Unix(parse_socket_path(path)?)
    } else if let Some(number) = rest.strip_prefix("fd:") {
        parse_fd(text, number)?
    } else {
        parse_tcp(text, rest)?
    };
    Ok(Listen { scheme, address })
}

fn parse_fd(text: &str, number: &str) -> Result<ListenAddress, UnitError> {
    match number.parse::<i32>() {
        Ok(fd) if fd >= FD_MIN && number.bytes().all(|byte| byte.is_ascii_digit()) => Ok(ListenAddress::Fd(fd)),
        _ => error(text, format!("descriptors that are passed on begin at {FD_MIN}: write \"fd:{FD_MIN}\"")),
    }
}

/// Reads `:port`, `v4:port` and `[v6]:port`; `text` is the whole entry, for the message.
fn parse_tcp(text: &str, rest: &str) -> Result<ListenAddress, UnitError> {
    if parse_port(rest).is_some() {
        return error(text, format!("a port alone has a colon before it: write \":{rest}\""));
    }
    if let Ok(ip) = rest.parse::<Ipv6Addr>() {
        return error(text, format!("an IPv6 address stands in brackets, before a port: write \"[{ip}]:8080\""));
    }
    if rest.starts_with('[') && rest.ends_with(']') {
        return error(text, format!("a port is missing: write \"{text}:8080\""));
    }
    let Some((host, port_text)) = rest.rsplit_once(':') else {
        let host = if rest.parse::<IpAddr>().is_ok() { rest } else { "" };
        return error(text, format!("a port is missing: write \"{host}:8080\""));
    };
    if let Some((port, path)) = port_text.split_once('/') {
        let help = if path.is_empty() { "leave out the slash" } else { "a listener has no path; paths are for routes" };
        return error(text, format!("{help}: write \"{}\"", text[..text.len() - path.len() - 1].trim_end_matches(port).to_owned() + port));
    }
    let Some(port) = parse_port(port_text) else {
        return error(text, format!("a port is a number from 0 to 65535: write \"{host}:8080\""));
    };
    Ok(ListenAddress::Tcp { ip: parse_ip(text, host, port)?, port })
}

fn parse_ip(text: &str, host: &str, port: u16) -> Result<Option<IpAddr>, UnitError> {
    if host.is_empty() {
        return Ok(None);
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'))
        && let Ok(ip) = inner.parse::<Ipv6Addr>()
    {
        return Ok(Some(IpAddr::V6(ip)));
    }
    match host.parse::<IpAddr>() {
        Ok(ip @ IpAddr::V4(_)) => Ok(Some(ip)),
        Ok(IpAddr::V6(ip)) => error(text, format!("an IPv6 address stands in brackets: write \"[{ip}]:{port}\"")),
        Err(_) if host == "*" => error(text, format!("every address is written without a star: \":{port}\"")),
        Err(_) if host == "localhost" => {
            error(text, format!("listeners are numbers, not names: write \"127.0.0.1:{port}\" or \"[::1]:{port}\""))
        }
        Err(_) => error(text, format!("listeners are IP addresses, not names: write \":{port}\" for all, or \"127.0.0.1:{port}\"")),
    }
}

fn error<T>(text: &str, help: String) -> Result<T, UnitError> {
    Err(UnitError { message: format!("\"{text}\" is not an address to listen on"), help })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read_and_shown_as_it_was_written() {
        for text in [
            ":80",
            ":0",
            "127.0.0.1:8080",
            "[::1]:0",
            "[::]:443",
            "https://127.0.0.1:9443",
            "http://:8443",
            "unix:/run/transom.sock",
            "http://unix:/run/transom.sock",
            "unix:run/transom.sock",
            "fd:3",
            "https://fd:4",
        ] {
            assert_eq!(parse(text).map(|listen| listen.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn a_scheme_before_the_address_is_kept() {
        let address = ListenAddress::Tcp { ip: None, port: 9443 };
        assert_eq!(parse("https://:9443"), Ok(Listen { scheme: Some(Scheme::Https), address: address.clone() }));
        assert_eq!(parse(":9443"), Ok(Listen { scheme: None, address }));
    }

    #[test]
    fn a_near_miss_is_told_the_text_to_paste() {
        for (text, right) in [
            ("8080", "\":8080\""),
            ("*:80", "\":80\""),
            ("localhost:80", "\"127.0.0.1:80\""),
            ("example.com:80", "\":80\""),
            ("::1:80", "\"[::1:80]:8080\""),
            ("127.0.0.1", "\"127.0.0.1:8080\""),
            ("[::1]", "\"[::1]:8080\""),
            ("http://:80/", "\"http://:80\""),
            (":80/api", "\":80\""),
            (":99999", "\":8080\""),
            ("fd:0", "\"fd:3\""),
            ("unix:///run/a.sock", "\"unix:/run/a.sock\""),
            ("tcp://:80", "\"http://:80\""),
        ] {
            let help = parse(text).expect_err(text).help;
            assert!(help.contains(right), "{text}: {help}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":",
            "unix:",
            "unix:/",
            "fd:",
            "fd:+3",
            "fd:99999999999",
            ":+80",
            ":-1",
            "[::1]",
            "[x]:80",
            "http://",
            "a:b:c",
            "unix:/a\0b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("unix:/{}", "a".repeat(107))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_in_the_alphabet_of_addresses_is_answered_without_a_panic(text in "(https?://)?(unix:|fd:)?[a-z0-9:./\\[\\]é*+-]{0,20}") {
            if let Ok(listen) = parse(&text) {
                prop_assert_eq!(parse(&listen.to_string()), Ok(listen));
            }
        }
    }
}
