//! One block of fields.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rules::http::promises::hpack::check(&[data]));
