//! What an HTTP/2 client sends behind its preface: frames, and the blocks of fields in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    rules::http::promises::hpack::check(&rules::http::promises::frames::check(data));
});
