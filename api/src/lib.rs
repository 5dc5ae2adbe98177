//! The demo and test backend behind Transom: the application an edge would stand in front of.
//!
//! It answers a small REST interface, streams, WebSockets and file-sized payloads quickly, and it
//! misbehaves exactly: slowly, early, cut off, or with bytes no server should send. It serves the
//! demo page, the end-to-end tests of the edge, and the benchmarks.
//!
//! It must never become a part of the edge, and it must not be exposed to a network: it ends its
//! own process when asked to.
//!
//! Start reading at [`router`] for the endpoints, at [`server`] for the life of a connection, and
//! at [`canned`] for the byte-exact misbehaviour that a correct HTTP library cannot produce.

pub mod backend;
pub mod call;
pub mod canned;
pub mod drain;
pub mod duration;
pub mod echo;
pub mod faults;
pub mod listen;
pub mod notes;
pub mod payload;
pub mod query;
pub mod raw;
pub mod reply;
pub mod room;
pub mod router;
pub mod server;
pub mod socket;
pub mod stream;
pub mod upgrade;
pub mod websocket;

pub use backend::Crash;
pub use listen::{Address, Listener};
pub use server::{Server, serve};
