//! The backend from outside: the real binary on sockets of its own.
//!
//! [`http`] holds what the endpoints promise, [`websocket`] what upgraded connections do, and
//! [`lifecycle`] how the process starts and ends. [`program`] starts it.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails, and its helpers are tests too"
)]

mod http;
mod lifecycle;
mod program;
mod websocket;
