//! What the tests stand on: a site in one string, an edge that serves it, a backend, and a small client that sees every byte.

mod api;
mod backed;
mod cdp;
mod client;
pub mod dns;
mod edge;
pub mod frame_server;
pub mod http2;
pub mod http2_server;
mod peer;
mod played;
mod secure;
mod site;
mod tls;
pub mod tools;
mod wait;

pub use api::Api;
pub use backed::{Backed, FORWARD, memory_peak, seen, start_api};
pub use cdp::{Browser, Page};
pub use client::{Client, Response};
pub use edge::{Edge, Stopped};
pub use peer::Peer;
pub use played::{accept, played, played_with};
pub use secure::{connect_secure, tls_config};
pub use site::Site;
pub use tls::{Certificate, TlsClient};
pub use tools::{has, python, run};
pub use wait::{PATIENCE, wait_for};
