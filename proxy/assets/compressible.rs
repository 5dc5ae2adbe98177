//! Which files are worth compressing, and when the result is worth keeping.

/// Shorter files fit into one packet with their head as they are.
pub(super) const LENGTH_BYTES_MIN: u64 = 1024;

/// Types that are text in disguise or have no compression of their own, beside those that [`is_type`] knows by their form.
const TYPES: &[&str] = &[
    "application/ecmascript",
    "application/geo+json-seq",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/manifest",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/x-ms-bmp",
    "model/obj",
    "model/stl",
];

/// `true` when files of this type (without parameters) become smaller. Pictures, films, archives and woff2 are compressed already.
pub(super) fn is_type(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type.ends_with("+json") || media_type.ends_with("+xml") || TYPES.contains(&media_type)
}

/// The most bytes that a coded form of a file may have to be kept: it saves at least 5 %, for less does not pay for its memory and for
/// decoding it.
pub(super) const fn worth_bytes_max(length: u64) -> u64 {
    length - length / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_compresses_and_what_is_compressed_does_not() {
        for media_type in ["text/html", "text/javascript", "image/svg+xml", "application/manifest+json", "application/wasm", "font/ttf"] {
            assert!(is_type(media_type), "{media_type}");
        }
        for media_type in ["image/png", "font/woff2", "video/mp4", "application/gzip", "application/zip", "application/octet-stream"] {
            assert!(!is_type(media_type), "{media_type}");
        }
    }

    #[test]
    fn five_percent_is_the_least() {
        assert_eq!([0, 1000, 1019, u64::MAX].map(worth_bytes_max), [0, 950, 969, u64::MAX - u64::MAX / 20]);
    }
}
