//! Any bytes as the start of a connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rules::http::promises::proxy_protocol::check(data));
