//! Transom: one binary in the place of nginx and supervisord in front of a web application.
//!
//! `proxy/README.md` has the map of the code. Imports go one way:
//! `cli → run → {serve, process} → {assets, upstream, tls, limits, telemetry} → plan → config → http → {units, standing}`.

#![deny(unsafe_code)]

pub mod assets;
pub mod cli;
pub mod config;
pub mod http;
pub mod plan;
pub mod process;
pub mod run;
pub mod serve;
pub mod standing;
pub mod telemetry;
pub mod tls;
pub mod units;
pub mod upstream;
