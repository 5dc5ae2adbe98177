//! Connections to upstream servers: the one place that names Pingora.
//!
//! A [`Group`] is where requests go; it is part of `Live` and shared by all workers. It picks one of its [`Server`]s for a request, by what each one's
//! [`ServerState`] says. A [`Connector`] belongs to one worker: it connects, keeps idle connections, and takes them back; a
//! [`Multiplexer`] keeps those of HTTP/2, each of which many requests share. What is spoken on a connection is `serve::forward`'s matter.

mod acquire;
mod balancer;
mod breaker;
mod check;
mod connector;
mod denied;
mod group;
#[cfg(test)]
mod group_tests;
mod hold;
mod http2;
mod idle;
mod ledger;
mod name;
mod peer;
mod queue;
mod resolver;
mod ring;
mod roots;
mod rotation;
mod secure;
mod server;
mod snapshot;
mod state;
mod sticky;
mod tried;
mod waits;
mod warmth;

pub use check::Checks;
pub use connector::{ConnectError, Connection, Connector};
pub use group::{AddressKey, Group, Key, Picked, ServerIndex, Wants};
pub use http2::{Multiplexer, Slot};
pub use ledger::Outcome;
pub use resolver::Resolver;
pub use roots::SystemRoots;
pub use server::{Server, Settings};
pub use state::{Before, Lasting, Readiness, ServerState};
pub use tried::Tried;
