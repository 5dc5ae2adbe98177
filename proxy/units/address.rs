//! Where Transom listens and where it connects to.

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
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let _ = text;
        todo!()
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
        /// The port; 80 for `http://` without one.
        port: u16,
    },
}

/// An upstream as it is written in `proxy = "…"` and `to = "…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// The address of the server.
    pub address: ServerAddress,
}

impl ServerUrl {
    /// Reads `"unix:/path"`, `"http://host:port"`. Says of `https://` and `h2c://` that they are not built yet,
    /// of a URL with a path that the path is forwarded as it comes, of a bare `host:port` that `http://` is missing.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let _ = text;
        todo!()
    }
}
