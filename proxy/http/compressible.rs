//! Which media types get smaller when they are compressed: text and what is written like it, and a few binary forms without compression of their own.
//!
//! One rule for files and for responses on their way. It knows names alone: lengths, and what a sender forbids, are for those who ask.

/// Suffixes that say what a type is written in (RFC 6838 §4.2.8; RFC 6839, 8091, 8949, 9512). Not `+gzip`, `+zip` and `+zstd`, and not `+ber` and `+der`,
/// which are certificates and signatures: short, and mostly of numbers that nobody can guess.
const SUFFIXES: [&[u8]; 6] = [b"+cbor", b"+json", b"+json-seq", b"+text", b"+xml", b"+yaml"];

/// Text that is called an application: source, data and markup. XML and JSON under names of their own have a suffix.
const TEXTS: [&str; 21] = [
    "application/dart",
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    // As `.manifest` is guessed to be: the application cache of old browsers, a list of addresses.
    "application/manifest",
    "application/ndjson",
    "application/rtf",
    "application/sql",
    "application/toml",
    // Playlists of HLS.
    "application/vnd.apple.mpegurl",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "model/obj",
    // STL is text, or triangles as plain numbers, of which neighbours share two corners.
    "model/stl",
];

/// Binary forms that leave compression to others: data with the names of its fields, code, outlines of letters (but not WOFF, which is compressed), pixels.
const BINARIES: [&str; 12] = [
    "application/cbor",
    "application/msgpack",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/x-ms-bmp",
    "model/gltf-binary",
];

/// `true` for a media type (without parameters, in any case) whose content is worth compressing. Pictures, films, archives and WOFF are compressed already;
/// of a type that is not known (`application/octet-stream`) the same is assumed.
pub fn is_compressible(media_type: &[u8]) -> bool {
    let Some(slash) = memchr::memchr(b'/', media_type) else { return false };
    let (kind, subtype) = media_type.split_at_checked(slash).unwrap_or_default();
    let subtype = subtype.get(1..).unwrap_or_default();
    kind.eq_ignore_ascii_case(b"text") || has_suffix(subtype) || is_one_of(&TEXTS, media_type) || is_one_of(&BINARIES, media_type)
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
    use proptest::prelude::*;

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
            "application/vnd.oai.openapi+yaml",
            "application/xhtml+xml",
            "application/rss+xml",
            "application/manifest+json",
            "application/x-ndjson",
            "application/X-SH",
            "image/svg+xml",
            "model/gltf+json",
            "model/obj",
        ] {
            assert!(is_compressible(media_type.as_bytes()), "{media_type}");
        }
    }

    #[test]
    fn binary_forms_without_compression_of_their_own_are_compressed() {
        for media_type in
            ["application/wasm", "application/senml+cbor", "application/msgpack", "font/ttf", "image/bmp", "model/gltf-binary"]
        {
            assert!(is_compressible(media_type.as_bytes()), "{media_type}");
        }
    }

    #[test]
    fn what_is_compressed_already_or_not_known_is_left_alone() {
        for media_type in [
            "application/octet-stream",
            "application/zip",
            "application/gzip",
            "application/epub+zip",
            "application/pdf",
            "application/x-tar",
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

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(media_type: Vec<u8>) {
            is_compressible(&media_type);
        }
    }
}
