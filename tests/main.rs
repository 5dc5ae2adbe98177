//! End to end: the real binary, real sockets, real clients. One file for each behaviour; the names of the tests are the promises.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails, and its helpers are tests too"
)]

mod support;

mod accel;
mod access_log;
mod benches;
mod browser;
mod buffering;
mod check;
mod coded_files;
mod command_line;
mod compression;
mod deadlines;
mod deploy;
mod error_pages;
mod executed;
mod explain;
mod faults;
mod foreign_backend;
mod forwarding;
mod framing;
mod grpc;
mod headers;
mod hold;
mod http2;
mod http2_frames;
mod http2_slow_frames;
mod http2_upstream_connections;
mod http2_upstream_faults;
mod http2_upstreams;
mod large_files;
mod limits;
mod listeners;
mod metrics;
mod odd_fields;
mod origins;
mod parity;
mod paths;
mod peers;
mod processes;
mod proxy_protocol;
mod ranges;
mod real_clients;
mod selection;
mod spa_extras;
mod static_files;
mod stopping;
mod streams;
mod tls;
mod upstream_denied;
mod upstream_faults;
mod upstream_groups;
mod upstream_health;
mod upstream_names;
mod upstream_tls;
mod websocket;
