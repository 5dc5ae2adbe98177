//! What the operator wrote: the model, its defaults, its sources and its mistakes.
//!
//! A front end (today `toml`, later nginx.conf) reads a [`Source`] into a [`Config`] or into [`Diagnostics`]; nothing below
//! this layer can tell which front end it was. No I/O: text and environment come in as arguments.

mod buffering;
mod coded_files;
mod compression;
mod csp;
pub mod defaults;
mod diagnostic;
mod error_page;
mod file_pattern;
mod folder;
#[cfg(test)]
mod golden;
mod health;
mod metrics;
mod model;
mod path_rewrite;
mod proxy_options;
mod public_environment;
mod retry;
mod route_timeouts;
mod selection;
mod source;
mod template;
mod toml;
mod trusted_proxies;
mod upstream;

pub use buffering::{BufferRequest, Buffering};
pub use coded_files::CodedFiles;
pub use compression::{Compression, CompressionLevel};
pub use csp::{ContentSecurityPolicy, PolicyText};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use error_page::{ErrorPage, Statuses};
pub use file_pattern::FilePattern;
pub use folder::Folder;
pub use health::{Breaker, CheckRequest, Health, HealthCheck};
pub use metrics::Metrics;
pub use model::*;
pub use path_rewrite::{PathRewrite, Rewritten};
pub use proxy_options::{Accel, HostHeader, ProxyOptions};
pub use public_environment::PublicEnvironment;
pub use retry::{Retry, RetryMethods, RetryOn};
pub use route_timeouts::RouteTimeouts;
pub use selection::{Attempt, Hidden, MimeRule, Selection, Symlinks};
pub use source::{Environment, Source, Span, Spanned};
pub use template::{Parsed as ParsedTemplate, Piece, Template, Variable};
pub use toml::read;
pub use trusted_proxies::TrustedProxies;
pub use upstream::{Balance, Upstream, UpstreamServer, UpstreamTls};
