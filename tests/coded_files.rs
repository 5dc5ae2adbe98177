//! Coded forms of files: siblings that are right are served, those that are not are never, and what has none gets one without any
//! request waiting for it.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use crate::support::{Edge, Response, Site, wait_for};

const CONFIG: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
"#;

/// Long enough to be compressed.
fn script() -> Vec<u8> {
    b"console.log('a transom is the beam above a door');\n".repeat(60)
}

/// Brotli of these bytes.
pub fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorReader::new(bytes, 4096, 9, 22).read_to_end(&mut out).expect("brotli");
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

fn zstd(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("zstd");
    encoder.window_log(window_log).expect("a window");
    encoder.write_all(bytes).expect("zstd");
    encoder.finish().expect("zstd")
}

fn decoded(response: &Response) -> Vec<u8> {
    let body = response.body.as_slice();
    let mut decoder: Box<dyn Read + '_> = match response.field("content-encoding") {
        None => Box::new(body),
        Some("br") => Box::new(brotli::Decompressor::new(body, 4096)),
        Some("gzip") => Box::new(flate2::read::GzDecoder::new(body)),
        Some("zstd") => Box::new(zstd::stream::read::Decoder::new(body).expect("zstd")),
        Some(other) => panic!("an unknown coding: {other}"),
    };
    let mut out = Vec::new();
    decoder.read_to_end(&mut out).expect("a sound coded form");
    out
}

/// A site whose `app.js` has these siblings.
fn site(config: &str, siblings: &[(&str, Vec<u8>)]) -> Site {
    let site = Site::new(CONFIG);
    let table = std::fs::read_to_string(site.join("proxy.toml")).expect("the config");
    site.write("proxy.toml", format!("{config}{table}").as_bytes());
    site.write("site/app.js", &script());
    for (suffix, bytes) in siblings {
        site.write(&format!("site/app.js.{suffix}"), bytes);
    }
    site
}

fn all_siblings() -> Vec<(&'static str, Vec<u8>)> {
    vec![("br", brotli(&script())), ("zst", zstd(&script(), 20)), ("gz", gzip(&script()))]
}

fn start(config: &str, siblings: &[(&str, Vec<u8>)]) -> Edge {
    Edge::start_with(site(config, siblings), |_| {})
}

const NOTHING_MADE: &str = "[compression]\nstatic = false\n";

fn accepting(edge: &Edge, accepted: &str) -> Response {
    edge.get("/app.js", &format!("Accept-Encoding: {accepted}\r\n"))
}

fn compress(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transom"))
        .arg("compress")
        .args(arguments)
        .current_dir(site.path())
        .stdin(Stdio::null())
        .output()
        .expect("transom runs")
}

#[test]
fn siblings_are_chosen_by_the_clients_weights_and_the_shortest_of_equals() {
    let siblings = all_siblings();
    let edge = start(NOTHING_MADE, &siblings);
    let names = [("br", "br"), ("zst", "zstd"), ("gz", "gzip")];
    let shortest = siblings.iter().min_by_key(|(_, bytes)| bytes.len()).expect("three").0;
    let shortest = names.iter().find(|(suffix, _)| *suffix == shortest).map(|(_, name)| *name);
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", shortest),
        ("zstd", Some("zstd")),
        ("ZSTD;q=0.5, gzip;q=0.4, br;q=0.3", Some("zstd")),
        ("br;q=0.9, gzip", Some("gzip")),
        ("*;q=0.1, br;q=0, gzip;q=0", Some("zstd")),
        ("identity;q=0, gzip", Some("gzip")),
        ("identity;q=0", None),
        ("identity, *;q=0", None),
        ("identity, zstd;q=0.9", None),
        ("compress", None),
        ("", None),
    ] {
        let response = accepting(&edge, accepted);
        assert_eq!((response.status, response.field("content-encoding")), (200, coding), "{accepted:?}");
        assert_eq!((response.count("vary"), response.field("vary")), (1, Some("Accept-Encoding")), "{accepted:?}");
        assert_eq!(response.field("content-type"), Some("text/javascript; charset=utf-8"), "{accepted:?}");
        assert_eq!(decoded(&response), script(), "{accepted:?}");
    }
    assert_eq!(edge.get("/app.js", "").field("content-encoding"), None, "a client that says nothing gets the file as it is");
    for (suffix, _) in names {
        assert_eq!(edge.get(&format!("/app.js.{suffix}"), "").status, 404, "a coded form has no name of its own");
    }
}

#[test]
fn each_coded_form_has_a_tag_of_its_own_and_a_304_to_it_alone() {
    let edge = start(NOTHING_MADE, &all_siblings());
    let codings = ["br", "zstd", "gzip", "identity"];
    let tags = codings.map(|coding| accepting(&edge, coding).field("etag").expect("a tag").to_owned());
    for (coding, own) in codings.iter().zip(&tags) {
        for tag in &tags {
            let response = edge.get("/app.js", &format!("Accept-Encoding: {coding}\r\nIf-None-Match: {tag}\r\n"));
            assert_eq!(response.status, if tag == own { 304 } else { 200 }, "{coding} {tag}");
            assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{coding} {tag}");
            assert_eq!(response.field("etag"), Some(own.as_str()), "{coding} {tag}");
        }
        assert!(own.starts_with('"'), "strong: {own}");
    }
}

#[test]
fn a_head_and_a_range_are_of_the_coded_form() {
    let siblings = all_siblings();
    let edge = start(NOTHING_MADE, &siblings);
    for (coding, (_, bytes)) in ["br", "zstd", "gzip"].iter().zip(&siblings) {
        let head = edge.request(&format!("HEAD /app.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"));
        let length = bytes.len().to_string();
        assert_eq!((head.field("content-encoding"), head.field("content-length")), (Some(*coding), Some(length.as_str())));
        let part = edge.get("/app.js", &format!("Accept-Encoding: {coding}\r\nRange: bytes=2-9\r\n"));
        assert_eq!((part.status, part.body.as_slice()), (206, &bytes[2..10]), "{coding}");
    }
}

#[test]
fn a_stale_sibling_is_not_served_in_any_coding_and_is_warned_of() {
    let old = script().to_ascii_uppercase();
    let siblings = [("br", brotli(&old)), ("zst", zstd(&old, 20)), ("gz", gzip(&old))];
    let edge = start(NOTHING_MADE, &siblings);
    for coding in ["br", "zstd", "gzip", "br, zstd, gzip"] {
        let response = accepting(&edge, coding);
        assert_eq!((response.field("content-encoding"), response.body.as_slice()), (None, script().as_slice()), "{coding}");
    }
    for suffix in ["br", "zst", "gz"] {
        let warning = edge.wait_for_event("a warning", |event| {
            event["msg"].as_str().is_some_and(|text| text.contains(&format!("app.js.{suffix} is not served: made from other bytes")))
        });
        assert!(warning["msg"].as_str().is_some_and(|text| text.contains("transom compress")), "{warning}");
    }
}

#[test]
fn a_stale_sibling_of_a_large_file_is_never_served_also_while_it_is_not_verified() {
    let site = site(NOTHING_MADE, &[]);
    let (old, new) = (vec![b'a'; 6 << 20], vec![b'b'; 6 << 20]);
    site.write("site/big.txt", &new);
    site.write("site/big.txt.br", &brotli(&old));
    site.write("site/right.txt", &new);
    site.write("site/right.txt.br", &brotli(&new));
    let edge = Edge::start_with(site, |_| {});
    let ask = |path: &str| edge.request(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n"));
    wait_for("the right one to be verified", || {
        assert_eq!(ask("/big.txt").field("content-encoding"), None);
        (ask("/right.txt").field("content-encoding") == Some("br")).then_some(())
    });
    edge.wait_for_event("a warning", |event| event["msg"].as_str().is_some_and(|text| text.contains("big.txt.br is not served")));
    assert_eq!(ask("/big.txt").field("content-encoding"), None);
}

#[test]
fn zstd_with_a_window_over_8_mib_is_not_served_and_is_warned_of() {
    let edge = start(NOTHING_MADE, &[("zst", zstd(&script(), 24)), ("gz", gzip(&script()))]);
    assert_eq!(accepting(&edge, "zstd").field("content-encoding"), None);
    assert_eq!(accepting(&edge, "zstd, gzip").field("content-encoding"), Some("gzip"));
    edge.wait_for_event("a warning", |event| {
        event["msg"].as_str().is_some_and(|text| text.contains("app.js.zst is not served: its window of 16 MiB is larger than the 8 MiB"))
    });
    let edge = start(NOTHING_MADE, &[("zst", zstd(&script(), 23))]);
    assert_eq!(accepting(&edge, "zstd").field("content-encoding"), Some("zstd"), "8 MiB is what every browser takes");
}

#[test]
fn without_siblings_a_file_is_compressed_in_the_background_and_varies_from_the_first_request() {
    let edge = start("", &[]);
    let first = edge.get("/app.js", "");
    assert_eq!((first.status, first.field("vary")), (200, Some("Accept-Encoding")));
    let mut tags = vec![first.field("etag").expect("a tag").to_owned()];
    for coding in ["br", "gzip"] {
        let response = wait_for("a coded form", || {
            let response = accepting(&edge, coding);
            assert_eq!((response.status, response.field("vary"), decoded(&response)), (200, Some("Accept-Encoding"), script()));
            (response.field("content-encoding") == Some(coding)).then_some(response)
        });
        assert!(response.body.len() < script().len() / 2, "{coding}");
        let tag = response.field("etag").expect("a tag").to_owned();
        let unchanged = edge.get("/app.js", &format!("Accept-Encoding: {coding}\r\nIf-None-Match: {tag}\r\n"));
        assert_eq!((unchanged.status, unchanged.field("vary")), (304, Some("Accept-Encoding")), "{coding}");
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "each form has a tag of its own: {tags:?}");
    // Another server of the same file makes the same form.
    let other = start("", &[]);
    let tag = wait_for("a coded form", || {
        let response = accepting(&other, "br");
        (response.field("content-encoding") == Some("br")).then(|| response.field("etag").expect("a tag").to_owned())
    });
    assert!(tags.contains(&tag));
}

#[test]
fn pictures_and_short_files_are_not_compressed_and_do_not_vary() {
    let site = site("", &[]);
    site.write("site/a.png", &script());
    site.write("site/short.js", b"1");
    site.write("site/zzz.js", &script().repeat(2));
    let edge = Edge::start_with(site, |_| {});
    wait_for("the last file to be compressed", || {
        (edge.get("/zzz.js", "Accept-Encoding: gzip\r\n").field("content-encoding") == Some("gzip")).then_some(())
    });
    for path in ["/a.png", "/short.js"] {
        let response = edge.get(path, "Accept-Encoding: br, gzip\r\n");
        assert_eq!((response.field("content-encoding"), response.field("vary")), (None, None), "{path}");
    }
}

#[test]
fn siblings_that_are_not_wanted_are_files_like_any_other() {
    let edge = start("[compression]\nprecompressed = false\nstatic = false\n", &all_siblings());
    let plain = accepting(&edge, "br, zstd, gzip");
    assert_eq!((plain.field("content-encoding"), plain.field("vary")), (None, None));
    let file = edge.get("/app.js.gz", "Accept-Encoding: gzip\r\n");
    assert_eq!((file.status, file.field("content-encoding"), file.field("content-type")), (200, None, Some("application/gzip")));
}

#[test]
fn compress_makes_siblings_that_are_then_served_and_says_what_it_saved() {
    let site = site(NOTHING_MADE, &[("gz", gzip(b"stale"))]);
    site.write("site/a.png", &script());
    let first = compress(&site, &["site"]);
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(first.status.success() && first.stderr.is_empty(), "{first:?}");
    assert!(text.starts_with("site: 3 files written, ") && text.contains("% saved)"), "{text}");
    assert!(!site.join("site/a.png.br").exists());
    let second = compress(&site, &["site", "--jobs", "1"]);
    assert_eq!(String::from_utf8_lossy(&second.stdout), "site: nothing to write, 3 up to date\n");
    let edge = Edge::start_with(site, |_| {});
    for coding in ["br", "zstd", "gzip"] {
        let response = accepting(&edge, coding);
        assert_eq!((response.field("content-encoding"), decoded(&response)), (Some(coding), script()), "{coding}");
    }
}

#[test]
fn compress_goes_on_after_a_file_that_cannot_be_written_names_it_and_fails() {
    let site = site("", &[]);
    std::fs::create_dir(site.join("site/app.js.br")).expect("a folder in the place of a sibling");
    let output = compress(&site, &["site"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("app.js.br: is there, and is no regular file") && errors.contains("1 file could not be written"), "{errors}");
    assert!(site.join("site/app.js.gz").exists() && site.join("site/app.js.zst").exists());
    let missing = compress(&site, &["nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read nowhere"), "{missing:?}");
    assert_eq!(compress(&site, &[]).status.code(), Some(64));
}
