//! What `proxy` changes on the way, beside headers: the Host, the path, and where files come from that the upstream only names.

use std::path::PathBuf;

use http::HeaderValue;

use super::{PathRewrite, Spanned};

/// The options of `proxy`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProxyOptions {
    /// `host`.
    pub host: HostHeader,
    /// `rewrite`.
    pub rewrite: Option<Spanned<PathRewrite>>,
    /// `accel`.
    pub accel: Option<Accel>,
}

/// `host`: the Host that the upstream gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// `"keep"`: the client's. Applications build URLs and check origins with it.
    #[default]
    Keep,
    /// `"upstream"`: that of its address.
    Upstream,
    /// This one.
    Literal(HeaderValue),
}

/// `accel`: answers that name a file (`X-Accel-Redirect`, `X-Sendfile`) get it from a folder that no client can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accel {
    /// `prefix`: what such a path begins with; it ends with a slash.
    pub prefix: String,
    /// `root`: the folder that the rest of it is a path in.
    pub root: Spanned<PathBuf>,
}
