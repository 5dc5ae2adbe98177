//! What the tests stand on: a site in one string, an edge that serves it, a backend, and a small client that sees every byte.

mod api;
mod client;
mod edge;
pub mod http2;
mod site;
mod tls;
mod wait;

pub use api::Api;
pub use client::{Client, Response};
pub use edge::{Edge, Stopped};
pub use site::Site;
pub use tls::{Certificate, TlsClient};
pub use wait::{PATIENCE, wait_for};
