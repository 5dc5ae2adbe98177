//! `[upstream.NAME]` as the operator wrote it: the servers of a group, and how one of them is chosen for a request.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use super::{Health, Retry, Span, Spanned};
use crate::http::proxy_protocol::Version;
use crate::units::ServerUrl;

/// `[upstream.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// NAME.
    pub name: Spanned<String>,
    /// `to`: its servers; at least one.
    pub to: Vec<UpstreamServer>,
    /// Where `to` stands.
    pub to_span: Span,
    /// `balance`: which of them gets a request.
    pub balance: Balance,
    /// `wait`: how long requests are held while no server can be reached, or all have `max_conns`; zero: not at all.
    pub wait: Duration,
    /// `tls`: how servers with `https://` are known.
    pub tls: UpstreamTls,
    /// `queue`: requests that wait at most because all servers have `max_conns`.
    pub queue: usize,
    /// `proxy_protocol`: connections begin with a PROXY header that names the client.
    pub proxy_protocol: Option<Version>,
    /// `breaker`, `slow_start` and `health`: what is done about servers that fail.
    pub health: Health,
    /// `retry`: after which failures a request is sent again.
    pub retry: Retry,
}

/// `upstream.tls`. Without it the roots of the system count, and the name in the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// `ca`: a PEM file of the authorities that are trusted, in the place of the system's.
    pub ca: Option<Spanned<PathBuf>>,
    /// `cert` and `key`: PEM files of what we show.
    pub client: Option<(Spanned<PathBuf>, Spanned<PathBuf>)>,
    /// `sni`: the name that is asked for, and that the certificate must have.
    pub sni: Option<String>,
    /// `verify = false`: whoever answers is believed.
    pub unverified: bool,
    /// Where it stands.
    pub span: Span,
}

/// One entry of `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Where it is.
    pub url: Spanned<ServerUrl>,
    /// `weight`: its share of the requests beside that of the others; from 1 to 256.
    pub weight: u16,
    /// `backup`: it is asked only while no other can be.
    pub backup: bool,
    /// `max_conns`: requests that it is sent at once, over all workers; `None`: any number.
    pub max_conns: Option<u32>,
}

/// `upstream.balance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// One after the other, each as often as its weight says.
    RoundRobin,
    /// The one with the fewest requests under way for its weight.
    LeastConn,
    /// The less busy of two that are drawn.
    Random,
    /// By the client's address: the same client goes to the same server.
    IpHash,
    /// By the value of this field: equal values go to the same server.
    Header(HeaderName),
    /// By a cookie that Transom sets: a client stays with its first server.
    Cookie {
        /// `cookie`: its name.
        name: String,
        /// `secret`: the key of its values; without one they can be guessed by who can guess addresses.
        secret: Option<String>,
    },
}
