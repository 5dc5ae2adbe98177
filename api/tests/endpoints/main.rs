//! The backend from outside: the real binary on sockets of its own.
//!
//! [`http`] holds what the endpoints promise, [`websocket`] what upgraded connections do, and
//! [`lifecycle`] how the process starts and ends. [`program`] starts it.

mod http;
mod lifecycle;
mod program;
mod websocket;
