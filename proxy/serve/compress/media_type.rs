//! Which media types get smaller: text and what is written like it, and a few binary forms without compression of their own.

/// Subtypes of `application/` beside those that end in `+json`, `+xml` and the like.
const APPLICATION: [&str; 21] = [
    "dart",
    "ecmascript",
    "geo+json-seq",
    "graphql",
    "javascript",
    "json",
    "json5",
    "jsonl",
    "msgpack",
    "ndjson",
    "rtf",
    "sql",
    "toml",
    "vnd.apple.mpegurl",
    "vnd.ms-fontobject",
    "wasm",
    "x-javascript",
    "x-ndjson",
    "x-yaml",
    "xml",
    "yaml",
];
/// Suffixes that say what a type is written in (RFC 6839).
const SUFFIXES: [&[u8]; 6] = [b"+json", b"+xml", b"+yaml", b"+json-seq", b"+cbor", b"+text"];
/// Uncompressed pictures and fonts.
const OTHER: [&str; 8] = [
    "image/bmp",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "font/collection",
    "font/otf",
    "font/ttf",
    "model/gltf-binary",
];

/// `true` for an event stream or gRPC, which are read message by message and by clients that do not all decode.
pub(super) fn is_messages(media_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    media_type.eq_ignore_ascii_case(b"text/event-stream")
        || media_type.get(..GRPC.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(GRPC))
}

/// `true` for a media type (without parameters, in any case) whose content is worth compressing.
pub(super) fn is_compressible(media_type: &[u8]) -> bool {
    let Some(slash) = memchr::memchr(b'/', media_type) else { return false };
    let (kind, subtype) = media_type.split_at_checked(slash).unwrap_or_default();
    let subtype = subtype.get(1..).unwrap_or_default();
    if kind.eq_ignore_ascii_case(b"text") {
        return !is_messages(media_type);
    }
    if kind.eq_ignore_ascii_case(b"application") {
        return !is_messages(media_type) && (is_one_of(&APPLICATION, subtype) || has_suffix(subtype));
    }
    is_one_of(&OTHER, media_type) || (kind.eq_ignore_ascii_case(b"model") && has_suffix(subtype))
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn has_suffix(subtype: &[u8]) -> bool {
    SUFFIXES.iter().any(|suffix| {
        let start = subtype.len().saturating_sub(suffix.len());
        start > 0 && subtype.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_what_is_written_like_it_is_compressed() {
        for media_type in [
            "text/html",
            "TEXT/CSS",
            "text/javascript",
            "application/json",
            "application/problem+json",
            "application/vnd.api+JSON",
            "application/xhtml+xml",
            "application/rss+xml",
            "application/manifest+json",
            "application/x-ndjson",
            "application/wasm",
            "image/svg+xml",
            "model/gltf+json",
            "font/ttf",
        ] {
            assert!(is_compressible(media_type.as_bytes()), "{media_type}");
        }
    }

    #[test]
    fn what_is_compressed_already_or_read_message_by_message_is_not() {
        for media_type in [
            "text/event-stream",
            "Text/Event-Stream",
            "application/grpc",
            "application/grpc+json",
            "application/grpc-web-text",
            "application/octet-stream",
            "application/zip",
            "application/pdf",
            "image/png",
            "image/*",
            "video/mp4",
            "font/woff2",
            "multipart/x-mixed-replace",
            "application/+json",
            "+json",
            "text",
            "",
            "/",
        ] {
            assert!(!is_compressible(media_type.as_bytes()), "{media_type}");
        }
    }
}
