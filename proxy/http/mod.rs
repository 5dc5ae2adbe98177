//! The rules of HTTP (RFC 9110, 9111, 9112, 9113, 7239, 7541) as pure functions over bytes.
//!
//! No I/O, no async, no allocation where the common case needs none. Nothing here may panic on any input.

pub mod accept;
pub mod compressible;
pub mod conditional;
pub mod date;
pub mod encoding;
pub mod fields;
pub mod forwarded;
pub mod forwarded_for;
pub mod frame;
pub mod hop;
pub mod host;
pub mod hpack;
mod list;
pub mod media_range;
pub mod oversize;
pub mod path;
#[cfg(any(test, fuzzing))]
pub mod promises;
pub mod proxy_protocol;
pub mod range;
pub mod request;
pub mod trace;
mod weight;
pub mod zstd_frame;
