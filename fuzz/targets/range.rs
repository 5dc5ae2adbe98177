//! The length of a representation in eight bytes, and any bytes as `Range`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((length, value)) = data.split_first_chunk() {
        rules::http::promises::range::check(value, u64::from_le_bytes(*length));
    }
});
