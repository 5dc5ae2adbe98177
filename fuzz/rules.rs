//! The rules of HTTP, compiled by themselves: `proxy/http` needs three small crates, where the whole edge would be instrumented for minutes
//! and its public interface would have to grow for it.
//!
//! What has to hold of them is in `proxy/http/promises`, for the property tests and for the fuzzers alike.

#[path = "../proxy/http/mod.rs"]
pub mod http;
