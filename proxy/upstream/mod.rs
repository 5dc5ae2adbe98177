//! Connections to upstream servers: the one place that names Pingora.
//!
//! A [`Server`] is where requests go; it is part of `Live` and shared by all workers. A [`Connector`] belongs to one worker: it connects, keeps
//! idle connections, and takes them back. What is spoken on a connection is `serve::forward`'s matter.

mod connector;
mod hold;
mod peer;
mod server;

pub use connector::{ConnectError, Connection, Connector};
pub use server::{Server, ServerError};
