//! The config as the operator wrote it, typed, with the places of what may turn out wrong later.
//!
//! Every field is a value that cannot be malformed; whether names meet (a route's upstream, say) is `plan`'s to find.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::{
    BufferRequest, Buffering, CodedFiles, Compression, ContentSecurityPolicy, Folder, Metrics, ProxyOptions, RouteTimeouts, Span, Spanned,
    Template, TrustedProxies, Upstream,
};
use crate::units::{ByteSize, Listen, ServerUrl};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[tls]`, if it is there.
    pub tls: Option<Spanned<Tls>>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[limits]`, as far as it is about bodies that are waited for.
    pub buffering: Buffering,
    /// `[timeouts]`.
    pub timeouts: Timeouts,
    /// `[compression]`, as far as it is about files.
    pub coded_files: CodedFiles,
    /// `[compression]`.
    pub compression: Compression,
    /// `[headers]`.
    pub headers: GlobalHeaders,
    /// `[upstream.NAME]`, in the order of the file.
    pub upstreams: Vec<Upstream>,
    /// `[process.NAME]`, in the order of the file.
    pub processes: Vec<Process>,
    /// `[[route]]`, in the order of the file.
    pub routes: Vec<Route>,
    /// `[log]`.
    pub log: Log,
    /// `[metrics]`, if it is there.
    pub metrics: Option<Metrics>,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// `listen`; at least one.
    pub listen: Vec<Spanned<Listen>>,
    /// `names`, in lower case, without port; empty: any Host is served.
    pub names: Vec<Spanned<String>>,
    /// `http`.
    pub http: HttpVersions,
    /// `https_redirect`: the status with which plain listeners redirect when there is a TLS one; `None`: they serve.
    pub https_redirect: Option<StatusCode>,
    /// `trusted_proxies`.
    pub trusted_proxies: TrustedProxies,
    /// `proxy_protocol`: trusted proxies begin connections with a PROXY header.
    pub proxy_protocol: bool,
    /// `traceparent`.
    pub traceparent: TraceParent,
    /// `grace`: how long a stop waits for work in flight.
    pub grace: Duration,
    /// `resolver`: who is asked for the names of upstreams; empty: who the system asks.
    pub resolver: Vec<SocketAddr>,
}

/// The protocols of `server.http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpVersions {
    /// `"h1"`.
    pub h1: bool,
    /// `"h2"`, by ALPN on TLS listeners.
    pub h2: bool,
}

/// `server.traceparent`: what upstreams get of W3C Trace Context. What is malformed never reaches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceParent {
    /// `"pass"`: what the client sends.
    Pass,
    /// `"make"`: the same, and one of our own, not sampled, where there is none.
    Make,
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Tls {
    /// `dev = true`: a local CA and a certificate for localhost.
    Dev,
    /// `cert` and `key`.
    Files {
        /// PEM file with the certificate chain, leaf first.
        cert: Spanned<PathBuf>,
        /// PEM file with the private key.
        key: Spanned<PathBuf>,
    },
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of a request body; 0 is no limit. Over it: 413.
    pub body: ByteSize,
    /// Bytes of a request head. Over it: 431.
    pub header: ByteSize,
    /// Fields in a request head. Over it: 431.
    pub header_count: usize,
    /// Bytes of a request target. Over it: 414.
    pub uri: ByteSize,
    /// `assets_memory`: bytes of memory that the files of all roots may take, with their response fields, the compressed forms that are made of them,
    /// and files of earlier builds. Over it the largest files stay on disk, and the rest is left out. A new build is loaded beside the one that is
    /// served: until that has ended, what is not common to both is there twice.
    pub assets_memory: ByteSize,
    /// `upstream_header`: bytes of an upstream's response head. Over it: 502.
    pub upstream_header: ByteSize,
}

/// `[timeouts]`; zero is never.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head; also the whole TLS handshake.
    pub header: Duration,
    /// Between two reads of a request body, and between two writes of a response that the client takes.
    pub body_idle: Duration,
    /// How long an idle connection is kept.
    pub keepalive: Duration,
    /// To connect to an upstream.
    pub connect: Duration,
    /// From the end of the request to the upstream's response head (504). For a gRPC call `stream`, where that is longer: servers that say nothing before
    /// their first message need the one or the other on their route.
    pub response: Duration,
    /// Between two reads of an ordinary response from the upstream.
    pub idle: Duration,
    /// Between two bytes, either way, of an upgraded stream, an event stream or a gRPC call that is being answered.
    pub stream: Duration,
    /// TCP keep-alive probes on client connections start after this.
    pub tcp_keepalive: Duration,
}

/// `[headers]`.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalHeaders {
    /// `preset`.
    pub preset: Spanned<HeaderPreset>,
    /// `set` and `remove`.
    pub rules: HeaderRules,
    /// `csp`.
    pub csp: Option<ContentSecurityPolicy>,
}

/// `headers.preset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPreset {
    /// Safe for any single-page app.
    Spa,
    /// As `Spa`, and nothing may be framed or embedded.
    Strict,
    /// Nothing.
    None,
}

/// `set` and `remove` of one table of headers. A `set` of `""` is a removal and stands in `remove`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeaderRules {
    /// Names and the value that each gets, in the order of the file.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// The same for values with variables.
    pub templates: Vec<(HeaderName, Template)>,
    /// Names that go.
    pub remove: Vec<HeaderName>,
    /// Where each of them was written.
    pub places: Vec<(HeaderName, Span)>,
}

/// `[process.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// NAME.
    pub name: Spanned<String>,
    /// `command`: the program and its arguments, never through a shell.
    pub command: Spanned<Vec<String>>,
    /// `cwd`.
    pub cwd: Option<Spanned<PathBuf>>,
    /// `env`: set for the process.
    pub env: Vec<(String, String)>,
    /// `env_pass`: names (or prefixes that end in `*`) of our own environment that are passed on beside the basic ones.
    pub env_pass: Vec<String>,
    /// `ready`: when the process counts as ready.
    pub ready: Option<Spanned<Ready>>,
}

/// `process.ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// `{ upstream = "NAME" }`: the server of that upstream accepts.
    Upstream(String),
    /// `{ socket = "unix:/path" }` or `{ socket = "http://host:port" }`: this address accepts.
    Socket(ServerUrl),
}

/// `[[route]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The `[[route]]` header.
    pub span: Span,
    /// `path` and `exact`; at least one.
    pub patterns: Vec<Spanned<PathPattern>>,
    /// The one action.
    pub action: Spanned<Action>,
    /// `headers.request`: what is changed on the way to the upstream.
    pub request_headers: HeaderRules,
    /// `headers.response`: what is changed on the way to the client.
    pub response_headers: HeaderRules,
    /// `buffer_request`: how much of a body is waited for before the upstream gets any; `None`: none is, but for short ones of requests that may be sent
    /// again, where the upstream has `wait`.
    pub buffer_request: Option<Spanned<BufferRequest>>,
    /// `timeouts`.
    pub timeouts: RouteTimeouts,
}

/// What a route matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// `exact = "/livez"`: this path alone.
    Exact(String),
    /// `path = "/api"`: this path and all below it, by whole segments. No slash at the end but for `/`.
    Prefix(String),
}

/// What a route does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `proxy`.
    Proxy {
        /// Where to.
        target: Spanned<ProxyTarget>,
        /// `strip`: this prefix is taken off the path.
        strip: Option<Spanned<String>>,
        /// `host`, `rewrite` and `accel`.
        options: ProxyOptions,
    },
    /// `root`.
    Root(Folder),
    /// `redirect`.
    Redirect {
        /// Where to: a path or an absolute URL; the query is kept when it has none of its own.
        to: HeaderValue,
        /// 301, 302, 303, 307 or 308.
        status: StatusCode,
    },
    /// `respond`.
    Respond {
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
        /// `type`: its media type; `text/plain; charset=utf-8` unless given.
        content_type: HeaderValue,
    },
}

/// What `proxy` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTarget {
    /// The name of an `[upstream.NAME]`.
    Named(String),
    /// A URL in its place.
    Inline(ServerUrl),
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// `level` of the diagnostics.
    pub level: LogLevel,
    /// `access`; `None` is off.
    pub access: Option<AccessLog>,
}

/// `log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `log.access`.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// `format`.
    pub format: AccessFormat,
    /// `to`.
    pub to: AccessTarget,
    /// `skip`: exact paths that are not logged.
    pub skip: Vec<String>,
}

/// `log.access.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFormat {
    /// One JSON object a line.
    Json,
    /// The combined format of Apache and nginx.
    Combined,
}

/// `log.access.to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessTarget {
    /// `"stdout"`.
    Stdout,
    /// `"stderr"`.
    Stderr,
    /// A path; appended to.
    File(Spanned<PathBuf>),
}
