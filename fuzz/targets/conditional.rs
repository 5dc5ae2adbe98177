//! Seven lines: an entity tag, a modification date in seconds, and the values of the five conditional fields.
#![no_main]

use rules::http::conditional::Conditions;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|&byte| byte == b'\n');
    let etag = lines.next().unwrap_or_default();
    let modified = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    // A line `-` stands for a field that is not there.
    let mut field = || lines.next().filter(|&line| line != b"-");
    let conditions = Conditions {
        if_match: field(),
        if_unmodified_since: field(),
        if_none_match: field(),
        if_modified_since: field(),
        if_range: field(),
    };
    rules::http::promises::conditional::check(&conditions, etag, modified);
});
