//! Any bytes as `Accept-Encoding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|value: &[u8]| rules::http::promises::encoding::check(value));
