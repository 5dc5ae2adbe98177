//! The front end for proxy.toml.
//!
//! Text → spanned TOML tree (`syntax` words its mistakes) → one file a table, each of which takes its keys from a [`reader::Table`] and leaves the
//! rest to be reported as unknown. Every mistake is noted and reading goes on with a default, so that all are found in one run; a config that
//! was read with mistakes is thrown away. Not serde's derive: that stops at the first mistake.

mod action;
mod attempt;
mod balance;
mod coded_files;
mod compression;
mod csp;
mod environment;
mod error_page;
mod expand;
mod folder;
mod headers;
mod health;
mod hint;
mod item;
mod keys;
mod limits;
mod log;
mod metrics;
mod passage;
mod pattern;
mod process;
mod proxy_options;
mod reader;
mod resolver;
mod retry;
mod route;
mod selection;
mod server;
mod syntax;
mod tls;
mod upstream;
mod upstream_tls;

#[cfg(test)]
mod tests;

use self::reader::{Reader, Table};
use super::{Config, Diagnostics, Environment, Source};

/// Reads a proxy.toml into a [`Config`], or says everything that is wrong with it, in the order of the places.
///
/// # Errors
/// Every mistake that one table can show, with its place.
pub fn read(source: &Source, environment: &Environment) -> Result<Config, Diagnostics> {
    let (tree, errors) = ::toml::de::DeTable::parse_recoverable(&source.text);
    let reader = Reader::new(source, environment);
    let root = Table::new(&reader, &keys::ROOT, "", Some((tree.get_ref(), (0..0).into())));
    let config = read_root(root);
    let syntax = syntax::mistakes(source, tree.get_ref(), &errors);
    let (wrong, absent) = reader.into_mistakes();
    syntax.join(source, wrong, absent).or(config)
}

fn read_root(mut root: Table<'_>) -> Config {
    let tls_table = root.table("tls", &keys::TLS, "[tls]");
    let has_tls = tls_table.is_there();
    let mut compression = root.table("compression", &keys::COMPRESSION, "[compression]");
    let coded_files = coded_files::read(&mut compression);
    let (limits, buffering) = limits::read_limits(root.table("limits", &keys::LIMITS, "[limits]"));
    let config = Config {
        coded_files,
        server: server::read(root.table("server", &keys::SERVER, "[server]"), has_tls),
        tls: tls::read(tls_table),
        limits,
        buffering,
        timeouts: limits::read_timeouts(root.table("timeouts", &keys::TIMEOUTS, "[timeouts]")),
        compression: compression::read(compression),
        headers: headers::read_global(root.table("headers", &keys::HEADERS, "[headers]")),
        upstreams: upstream::read(root.item("upstream")),
        processes: process::read(root.item("process")),
        routes: route::read(root.item("route")),
        log: log::read(root.table("log", &keys::LOG, "[log]")),
        metrics: metrics::read(root.table("metrics", &keys::METRICS, "[metrics]")),
    };
    root.finish();
    config
}
