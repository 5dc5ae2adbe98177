//! Where Transom listens and where it connects to: the types, and how they are written. The reading is in `listen` and `server`.

mod listen;
mod server;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::UnitError;

/// Whether a connection speaks plain HTTP or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `"http"` or `"https"` (RFC 9110 §4.2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Which HTTP is spoken to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, one request after the other on a connection.
    Http1,
    /// HTTP/2, known beforehand or agreed on in TLS; many requests at once on a connection.
    Http2,
}

/// One entry of `listen`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listen {
    /// The scheme that was written before the address, if any; else the port and `[tls]` decide.
    pub scheme: Option<Scheme>,
    /// The address itself.
    pub address: ListenAddress,
}

/// What a listener binds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// `":443"`, `"127.0.0.1:8080"`, `"[::1]:0"`. Without an address: every address, IPv6 and IPv4 on one socket.
    Tcp {
        /// The address; `None` is every address of both families.
        ip: Option<IpAddr>,
        /// The port; 0 is any free one.
        port: u16,
    },
    /// `"unix:/run/transom.sock"`.
    Unix(PathBuf),
    /// `"fd:3"`: a listening socket that was passed on by the parent (socket activation).
    Fd(i32),
}

impl Listen {
    /// Reads `":443"`, `"host:port"`, `"unix:/path"`, `"fd:3"`, each with an optional `http://` or `https://` before it.
    ///
    /// # Errors
    /// Anything else, with what to write in its place.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        listen::parse(text)
    }
}

/// What an upstream connection goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// `"unix:/run/app/api.sock"`.
    Unix(PathBuf),
    /// A name or IP address (an IPv6 address without brackets), and a port.
    Tcp {
        /// The name or address, as written, in lower case.
        host: String,
        /// The port; without one 80 for `http://`, 443 for `https://`.
        port: u16,
    },
}

/// An upstream as it is written in `proxy = "…"` and `to = "…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// Whether it is spoken to in TLS. (A Unix socket is not.)
    pub scheme: Scheme,
    /// What it is spoken to in.
    pub protocol: Protocol,
    /// The address of the server.
    pub address: ServerAddress,
}

impl ServerUrl {
    /// Reads `"unix:/path"`, `"http://host:port"`, `"https://host:port"`, and for HTTP/2 `"h2c://host:port"`, `"h2c://unix:/path"` and, in TLS,
    /// `"h2://host:port"`. Says of a URL with a path that the path is forwarded as it comes, of a bare `host:port` that `http://` is missing.
    ///
    /// # Errors
    /// Anything else, with what to write in its place.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        server::parse(text)
    }

    /// What stands before `://`: `http`, `https`, `h2c`, `h2`. (A Unix socket has nothing there for `http`.)
    pub fn scheme_name(&self) -> &'static str {
        scheme_name(self.scheme, self.protocol)
    }

    /// What a client that connects there by itself would send as `Host`: the port only where it is not the scheme's (RFC 9110 §7.2). A socket has no
    /// name, and is `localhost`.
    pub fn authority(&self) -> String {
        match &self.address {
            ServerAddress::Unix(_) => NAMELESS.to_owned(),
            ServerAddress::Tcp { host, port } if *port == server::usual_port(self.scheme) => bracketed(host).into_owned(),
            address @ ServerAddress::Tcp { .. } => address.to_string(),
        }
    }
}

/// A host as it stands in a URL: an IPv6 address in brackets (RFC 3986 §3.2.2).
fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') { format!("[{host}]").into() } else { host.into() }
}

/// What stands for a server that has no name.
const NAMELESS: &str = "localhost";

fn scheme_name(scheme: Scheme, protocol: Protocol) -> &'static str {
    match (protocol, scheme) {
        (Protocol::Http1, scheme) => scheme.name(),
        (Protocol::Http2, Scheme::Http) => "h2c",
        (Protocol::Http2, Scheme::Https) => "h2",
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Listen {
    /// As it would be written in a config.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme}://")?;
        }
        self.address.fmt(f)
    }
}

impl fmt::Display for ListenAddress {
    /// As it would be written in a config.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { ip: None, port } => write!(f, ":{port}"),
            Self::Tcp { ip: Some(ip), port } => std::net::SocketAddr::new(*ip, *port).fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Fd(number) => write!(f, "fd:{number}"),
        }
    }
}

impl fmt::Display for ServerUrl {
    /// As it would be written in a config.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme_name();
        match &self.address {
            address @ ServerAddress::Unix(_) if self.protocol == Protocol::Http1 => address.fmt(f),
            address => write!(f, "{scheme}://{address}"),
        }
    }
}

impl fmt::Display for ServerAddress {
    /// Without what says how it is spoken to: `unix:/run/api.sock`, `api:3000`, `[::1]:3000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "{}:{port}", bracketed(host)),
        }
    }
}

/// Bytes in the path of a Unix socket: `sun_path` has 108 on Linux (unix(7)), one of them the NUL at the end.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Reads what follows `unix:`.
fn parse_socket_path(text: &str) -> Result<PathBuf, UnitError> {
    let error = |message: String, help: &str| Err(UnitError { message, help: help.into() });
    if let Some(rest) = text.strip_prefix("//") {
        let path = rest.trim_start_matches('/');
        return error(format!("\"unix:{text}\" has slashes that belong to a URL"), &format!("write \"unix:/{path}\""));
    }
    if text.is_empty() || text.ends_with('/') {
        return error(format!("\"unix:{text}\" names no socket file"), "write the path of the socket, such as \"unix:/run/app/api.sock\"");
    }
    if text.len() > SOCKET_PATH_BYTES_MAX {
        return error(
            format!("the socket path has {} bytes, and the system takes at most {SOCKET_PATH_BYTES_MAX}", text.len()),
            "use a shorter folder, such as \"unix:/run/app/api.sock\"",
        );
    }
    if text.chars().any(char::is_control) {
        return error("the socket path has a control character".into(), "write the path of the socket, such as \"unix:/run/app/api.sock\"");
    }
    Ok(PathBuf::from(text))
}

/// Reads a port of decimal digits.
fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
