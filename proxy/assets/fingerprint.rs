//! Whether the name of a file has a hash of its content in it, as bundlers write it.
//!
//! The two mistakes are not alike. A hash that is not seen costs one small conditional request a visit; a name that is taken
//! for one pins an old file in every browser for a year. So the rule outside the folders that belong to bundlers is strict.
//!
//! The *part* is what stands between the last `-` or `.` and the extensions (`main.1a2b3c4d.chunk.js`: `1a2b3c4d`). It is a hash
//!
//! - anywhere, when it is eight or more hexadecimal digits of one case, letters and digits both (webpack, Parcel, Rspack,
//!   Trunk, MkDocs); a name that is nothing else needs sixteen, and a UUID is an identity, not a hash;
//! - anywhere, for scripts and styles, when it is exactly eight of base 32 with a digit before a letter (esbuild, Angular);
//! - in a folder that bundlers write into, when it is eight or more of base 64 (the last eight may hold `-`, and may be
//!   the whole name) in both cases and does not read like words and numbers (Vite, Rollup, Astro, Nuxt, SvelteKit).
//!
//! So `jquery-migrate.js`, `photo-20240101.jpg`, `banner-1920x1080.png`, `font-OpenSans400.woff2` and `icon-settings.svg` are no
//! hashes, in `/assets/` neither. One random hash of eight in base 64 in some thirteen reads like words, and is asked for again.

/// Folders whose names are the bundlers' own, anywhere in the path.
const BUNDLED: &[&[u8]] = &[b"/assets/", b"/_astro/", b"/_nuxt/", b"/_app/immutable/", b"/_next/static/"];

/// What may follow a hash before the last extension.
const INNER_EXTENSIONS: &[&[u8]] =
    &[b"js", b"mjs", b"cjs", b"css", b"min", b"chunk", b"bundle", b"module", b"worker", b"esm", b"iife", b"umd", b"LICENSE"];

const SCRIPTS_AND_STYLES: &[&[u8]] = &[b"js", b"mjs", b"css", b"map"];

/// The length of Vite's, Rollup's and esbuild's hashes.
const SHORT: usize = 8;

/// The longest hash: SHA-256 in hexadecimal.
const LONG: usize = 64;

/// `true` when the last segment of `key` has a content hash.
pub(super) fn is_in(key: &[u8]) -> bool {
    let name = key.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some((stem, extension)) = split(name) else { return false };
    let cut = stem.iter().rposition(|byte| matches!(byte, b'-' | b'.'));
    let part = cut.and_then(|at| stem.get(at + 1..)).unwrap_or(stem);
    if (cut.is_some() || part.len() >= 2 * SHORT) && is_hex_hash(part) && !is_uuid(stem) {
        return true;
    }
    if cut.is_some() && SCRIPTS_AND_STYLES.contains(&extension) && is_base32_hash(part) {
        return true;
    }
    is_bundled(key) && (is_base64_hash(part) || last_eight(stem).is_some_and(is_base64_hash))
}

/// The name without its extensions, and the last of these. wasm-bindgen's `_bg` goes too.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut stem, extension) = split_last(name)?;
    while let Some((shorter, inner)) = split_last(stem).filter(|(_, inner)| INNER_EXTENSIONS.contains(inner)) {
        debug_assert!(!inner.is_empty());
        stem = shorter;
    }
    Some((stem.strip_suffix(b"_bg").unwrap_or(stem), extension))
}

fn split_last(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0)?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

fn is_bundled(key: &[u8]) -> bool {
    BUNDLED.iter().any(|folder| memchr::memmem::find(key, folder).is_some())
}

/// The last eight bytes of a stem when they are all of it or stand behind a `-` or `.`: a hash of base 64 may hold a `-` itself.
fn last_eight(stem: &[u8]) -> Option<&[u8]> {
    let (before, last) = stem.split_at_checked(stem.len().checked_sub(SHORT)?)?;
    matches!(before.last(), None | Some(b'-' | b'.')).then_some(last)
}

fn is_hex_hash(part: &[u8]) -> bool {
    let one_case = |letters: fn(&u8) -> bool| part.iter().all(|byte| byte.is_ascii_digit() || letters(byte));
    (SHORT..=LONG).contains(&part.len())
        && part.iter().any(u8::is_ascii_digit)
        && part.iter().any(u8::is_ascii_alphabetic)
        && (one_case(|byte| matches!(byte, b'a'..=b'f')) || one_case(|byte| matches!(byte, b'A'..=b'F')))
}

/// `550e8400-e29b-41d4-a716-446655440000`.
fn is_uuid(stem: &[u8]) -> bool {
    let lengths = stem.rsplit(|&byte| byte == b'-').map(<[u8]>::len);
    lengths.take(5).eq([12, 4, 4, 4, 8])
}

fn is_base32_hash(part: &[u8]) -> bool {
    let digit = part.iter().position(u8::is_ascii_digit);
    let letter = part.iter().rposition(u8::is_ascii_uppercase);
    part.len() == SHORT
        && part.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && digit.zip(letter).is_some_and(|(digit, letter)| digit < letter)
}

fn is_base64_hash(part: &[u8]) -> bool {
    (SHORT..=LONG).contains(&part.len())
        && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && part.iter().any(u8::is_ascii_uppercase)
        && part.iter().any(u8::is_ascii_lowercase)
        && !reads_like_words(part)
}

/// `true` when a part is made of few and long pieces, each a word (two letters or more, a vowel among them when they are two or three), an abbreviation
/// in capitals or a number: `OpenSans400` is three pieces, `BgA0x9_q` is six.
fn reads_like_words(part: &[u8]) -> bool {
    let mut rest = part;
    let mut pieces = 0;
    while let Some((piece, after)) = next_piece(rest) {
        rest = after;
        match piece {
            [b'-' | b'_', ..] => continue,
            [digit, ..] if digit.is_ascii_digit() => {}
            [_] => return false,
            letters if letters.iter().all(u8::is_ascii_uppercase) => {}
            // `Http` and `Html` have no vowel either; by chance that many letters seldom stand together.
            [_, _, _, _, ..] => {}
            letters if letters.iter().any(|letter| b"aeiouy".contains(&letter.to_ascii_lowercase())) => {}
            _ => return false,
        }
        pieces += 1;
    }
    pieces * 2 < part.len()
}

/// Cuts off one piece: a capital with the small letters behind it, small letters, capitals, digits, or separators.
fn next_piece(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let run = |of: fn(&u8) -> bool| rest.iter().take_while(|byte| of(byte)).count();
    let capitals = run(u8::is_ascii_uppercase);
    let small_behind = rest.get(capitals).is_some_and(u8::is_ascii_lowercase);
    let length = match (rest.first()?, capitals) {
        (b'0'..=b'9', _) => run(u8::is_ascii_digit),
        (b'a'..=b'z', _) => run(u8::is_ascii_lowercase),
        (_, 1) if small_behind => 1 + rest.get(1..)?.iter().take_while(|byte| byte.is_ascii_lowercase()).count(),
        // The last of several capitals belongs to the small letters: `XMLHttp` is `XML` and `Http`.
        (_, 2..) if small_behind => capitals - 1,
        (_, 1..) => capitals,
        (_, 0) => 1,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_bundlers_write_have_a_hash() {
        for key in [
            "/assets/index-BgA0-x9_.js",
            "/assets/index-BgA0x9q-.css",
            "/assets/index--gA0x9qZ.js",
            "/assets/index-BgAkQxzW.js", // Vite, without a digit
            "/assets/index-BgA0-x9_.js.map",
            "/assets/index.1a2b3c4d.js", // Vite 2
            "/sub/assets/Vendor.D3fQ9-_a.js",
            "/static/js/main.1a2b3c4d.js", // Create React App
            "/static/js/2.1a2b3c4d.chunk.js",
            "/static/css/main.1a2b3c4d.chunk.css.map",
            "/static/js/main.1a2b3c4d.js.LICENSE.txt",
            "/main.8f3a2b1c9d0e4f5a6b7c.js", // webpack
            "/8f3a2b1c9d0e4f5a6b7c.png",
            "/chunk-5CVZUXAM.js", // Angular, esbuild
            "/styles-7XQ2WTRB.css",
            "/_astro/hoisted.BgA0x9_q.js",
            "/_nuxt/BgA0x9_q.js",
            "/_app/immutable/entry/start.BgA0x9_q.js",
            "/_next/static/chunks/main-1a2b3c4d5e6f7a8b.js",
            "/app-1a2b3c4d5e6f7a8b_bg.wasm",              // Trunk
            "/assets/javascripts/bundle.83f73b43.min.js", // MkDocs
        ] {
            assert!(is_in(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn words_dates_sizes_and_versions_are_no_hash() {
        for name in [
            "jquery-migrate.js",
            "jquery-3.7.1.min.js",
            "photo-20240101.jpg",
            "photo-20240101T120000Z.jpg",
            "photo-2024-01-01.jpg",
            "IMG-20240101-WA0001.jpg",
            "photo-DSC01234.jpg",
            "icon-settings.svg",
            "icon-1024x1024.png",
            "banner-1920x1080.jpg",
            "polyfills-es2015.js",
            "report-version2.pdf",
            "font-awesome4.min.css",
            "font-OpenSans400.woff2",
            "inter-latin400.woff2",
            "notes-Release2024.pdf",
            "hero-HomePage.jpg",
            "widget-MyVueApp.js",
            "lib-Web3Auth.js",
            "util-XMLHttpRequest.js",
            "model-resnet50v2.onnx",
            "app-VERSION2.js",
            "app-SETTINGS.js",
            "swagger-ui-bundle.js",
            "moment-with-data-10-year-range.js",
            "550e8400-e29b-41d4-a716-4466554400ab.jpg",
            "logo.png",
            "cafebabe.js",
            "deadbeef12.js",
            "LICENSE",
            ".js",
            "",
        ] {
            for folder in ["/", "/assets/", "/img/"] {
                assert!(!is_in(format!("{folder}{name}").as_bytes()), "{folder}{name}");
            }
        }
    }

    #[test]
    fn base64_is_believed_only_in_the_folders_of_bundlers() {
        assert!(is_in(b"/assets/index-BgA0x9_q.js"));
        assert!(!is_in(b"/downloads/index-BgA0x9_q.js"));
        assert!(!is_in(b"/myassets/index-BgA0x9_q.js"));
    }

    #[test]
    fn nine_of_ten_random_hashes_are_seen() {
        const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let seen = |seed: u64| {
            let hash = xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes()).to_le_bytes();
            let name: Vec<u8> = hash.iter().map(|byte| BASE64[usize::from(byte & 63)]).collect();
            is_in(&[b"/assets/index-".as_slice(), &name, b".js"].concat())
        };
        let count = (0..10_000).filter(|&seed| seen(seed)).count();
        assert!(count > 9_000, "{count} of 10000");
    }
}
