//! Any bytes as the path of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| rules::http::promises::path::check(raw));
