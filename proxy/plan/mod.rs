//! What the edge will do: a [`Config`](crate::config::Config) compiled so that nothing is left to look up or to parse while serving.
//!
//! Pure: no I/O. Names are resolved to indexes, headers to typed values, routes to a matcher. Mistakes that only show when
//! tables are seen together (an unknown upstream, two routes with one path) are found here and told with their places.

mod compile;
mod forwarding;
mod headers;
mod listeners;
mod metrics;
mod router;
mod upstreams;

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

pub use compile::compile;
pub use forwarding::Forwarding;
pub use headers::{NoncedField, RequestRules, ResponsePolicy};
pub use listeners::Listener;
pub use router::{RouteMatch, Router};
pub use upstreams::{Upstream, UpstreamServer};

use crate::config::{
    AccessLog, BufferRequest, Buffering, CodedFiles, Compression, Folder, HttpVersions, Limits, LogLevel, PathPattern, Process, Span,
    Spanned, Timeouts, Tls, TraceParent, TrustedProxies,
};
use crate::units::ServerAddress;

/// A compiled configuration.
#[derive(Debug)]
pub struct Plan {
    /// What is bound, in the order of the file.
    pub listeners: Vec<Listener>,
    /// Host names that are served, in lower case; empty: any.
    pub names: Vec<String>,
    /// The protocols that are offered.
    pub http: HttpVersions,
    /// The certificate's origin, if there is a TLS listener.
    pub tls: Option<Tls>,
    /// Where `[tls]` was written.
    pub tls_span: Span,
    /// Status of the redirect from plain to TLS; `None`: plain listeners serve.
    pub https_redirect: Option<StatusCode>,
    /// Who may say of a request where it came from.
    pub trusted_proxies: TrustedProxies,
    /// Trusted proxies begin connections with a PROXY header.
    pub proxy_protocol: bool,
    /// What upstreams get of W3C Trace Context.
    pub traceparent: TraceParent,
    /// How long a stop waits for work in flight.
    pub grace: Duration,
    /// Bounds on requests.
    pub limits: Limits,
    /// What bodies that are waited for may take.
    pub buffering: Buffering,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Where the compressed forms of files come from.
    pub coded_files: CodedFiles,
    /// How responses are compressed on their way.
    pub compression: Compression,
    /// Path to route.
    pub router: Router,
    /// The routes; the last one answers 404 to what no route matches.
    pub routes: Vec<Route>,
    /// The upstreams: named ones in the order of the file, then the inline ones.
    pub upstreams: Vec<Upstream>,
    /// Who is asked for the names of upstreams; empty: who the system asks.
    pub resolver: Vec<SocketAddr>,
    /// The child processes, with what tells that they are ready.
    pub processes: Vec<PlannedProcess>,
    /// Level of the diagnostics.
    pub log_level: LogLevel,
    /// The access log.
    pub access_log: Option<AccessLog>,
    /// Where Transom tells of itself: a plan of its own, with its own listeners and no routes.
    pub metrics: Option<Box<Plan>>,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// What it does.
    pub action: Action,
    /// What is changed on every response.
    pub response: ResponsePolicy,
    /// What is changed on requests that are forwarded.
    pub request: RequestRules,
    /// How much of a request body is waited for before it is forwarded.
    pub buffer_request: Option<Spanned<BufferRequest>>,
    /// Deadlines, with what the route says otherwise.
    pub timeouts: Timeouts,
    /// Where it was written, to explain it; `None` for the route of last resort.
    pub origin: Option<RouteOrigin>,
}

/// Where a route was written.
#[derive(Debug, Clone)]
pub struct RouteOrigin {
    /// What it matches.
    pub patterns: Vec<Spanned<PathPattern>>,
    /// The value of its action.
    pub action: Span,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Send on to an upstream.
    Proxy {
        /// Index into [`Plan::upstreams`].
        upstream: usize,
        /// The prefix that is taken off the path; empty for none.
        strip: String,
        /// What else it changes on the way.
        forwarding: Forwarding,
    },
    /// Answer from a folder.
    Root(Folder),
    /// Redirect.
    Redirect {
        /// The target.
        to: HeaderValue,
        /// The status.
        status: StatusCode,
    },
    /// A fixed answer.
    Respond {
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
        /// Its media type.
        content_type: HeaderValue,
    },
    /// 404: the route of last resort.
    NotFound,
}

/// A child process.
#[derive(Debug)]
pub struct PlannedProcess {
    /// As it was written.
    pub process: Process,
    /// The address whose accepting says that it is ready.
    pub ready: Option<ServerAddress>,
}
