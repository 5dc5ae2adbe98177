//! Where coded forms come from, and which one a request gets.

use std::time::Instant;

use super::*;

const TEXT: &[u8] = b"a transom is the beam above a door; everything that comes in passes under it";
const ALL: (&str, &str) = ("accept-encoding", "gzip, br, zstd");

fn long() -> Vec<u8> {
    TEXT.repeat(40)
}

fn load_with(folder: &TempDir, coded: CodedSources) -> (Assets, Summary) {
    Assets::load(folder.path(), &Options { coded, ..options() }).unwrap()
}

fn answered<'a>(assets: &'a Assets, path: &str, accepted: &'static str) -> Answer<'a> {
    reply(asset(assets, path), &get(&[("accept-encoding", accepted)]))
}

/// Waits until a form in this coding is served.
fn wait_for(assets: &Assets, path: &str, coding: &'static str) {
    let deadline = Instant::now() + CODED_WITHIN;
    while field(&answered(assets, path, coding), "content-encoding") != Some(coding) {
        assert!(Instant::now() < deadline, "{path} was never served in {coding}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A folder whose `a.txt` has all siblings.
fn with_siblings(text: &[u8]) -> TempDir {
    let forms = [Coding::Brotli, Coding::Zstd, Coding::Gzip].map(|coding| coded_form(coding, text));
    site(&[("a.txt", text), ("a.txt.br", &forms[0]), ("a.txt.zst", &forms[1]), ("a.txt.gz", &forms[2])])
}

#[test]
fn siblings_in_three_codings_are_served_by_weight_and_the_shortest_first() {
    let folder = with_siblings(&long());
    let assets = load(&folder);
    let length = |accepted| answered(&assets, "/a.txt", accepted).length;
    for (accepted, coding) in [
        ("zstd", Some("zstd")),
        ("br;q=0.5, zstd;q=0.6, gzip;q=0.4", Some("zstd")),
        ("br;q=0, zstd;q=0, *", Some("gzip")),
        ("identity;q=0, zstd", Some("zstd")),
        ("identity;q=0", None),
        ("identity, *;q=0", None),
    ] {
        assert_eq!(field(&answered(&assets, "/a.txt", accepted), "content-encoding"), coding, "{accepted}");
    }
    let shortest = length("br").min(length("zstd")).min(length("gzip"));
    assert_eq!(length("gzip, deflate, br, zstd"), shortest);
}

#[test]
fn a_form_that_is_longer_than_another_is_not_preferred_because_of_its_coding() {
    let text = long();
    let folder = with_siblings(&text);
    // Brotli that stores: valid, and longer than gzip.
    let mut stored = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 0, lgwin: 10, ..Default::default() };
    brotli::CompressorReader::with_params(&text[..], 4096, &parameters).read_to_end(&mut stored).unwrap();
    assert!(stored.len() > coded_form(Coding::Gzip, &text).len());
    write(folder.path(), "a.txt.br", &stored);
    let assets = load(&folder);
    assert_eq!(field(&answered(&assets, "/a.txt", "br"), "content-encoding"), Some("br"));
    assert_ne!(field(&answered(&assets, "/a.txt", "br, gzip"), "content-encoding"), Some("br"));
}

#[test]
fn a_stale_sibling_is_not_served_in_any_coding_whatever_its_time_says() {
    let folder = with_siblings(b"the old text");
    write(folder.path(), "a.txt", b"the new text");
    for name in ["a.txt.br", "a.txt.zst", "a.txt.gz"] {
        set_modified(&folder.path().join(name), 3_000_000_000);
    }
    let stale = |name: &str| (name.to_owned(), WarningReason::CodedStale);
    assert_eq!(warnings(&folder), [stale("a.txt.br"), stale("a.txt.gz"), stale("a.txt.zst")]);
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/a.txt"), &get(&[ALL]));
    assert_eq!((field(&answer, "content-encoding"), body(&answer)), (None, b"the new text".to_vec()));
}

#[test]
fn without_siblings_their_names_are_files_like_any_other() {
    let folder = with_siblings(&long());
    let (assets, _) = load_with(&folder, CodedSources { siblings: false, compress: false });
    let answer = reply(asset(&assets, "/a.txt"), &get(&[ALL]));
    assert_eq!((field(&answer, "content-encoding"), field(&answer, "vary")), (None, None));
    let plain = reply(asset(&assets, "/a.txt.gz"), &get(&[ALL]));
    assert_eq!((field(&plain, "content-encoding"), field(&plain, "content-type")), (None, Some("application/gzip")));
}

#[test]
fn what_has_no_siblings_is_compressed_in_the_background_and_varies_from_the_start() {
    let folder = site(&[("a.txt", &long()), ("b.txt", &long()), ("short.txt", b"short"), ("a.png", &long())]);
    let assets = load(&folder);
    let before = reply(asset(&assets, "/a.txt"), &get(&[ALL]));
    assert_eq!((field(&before, "content-encoding"), field(&before, "vary")), (None, Some("Accept-Encoding")));
    assets.begin_coding(u64::MAX).unwrap();
    for path in ["/a.txt", "/b.txt"] {
        for (name, coding) in [("br", Coding::Brotli), ("gzip", Coding::Gzip)] {
            wait_for(&assets, path, name);
            let answer = answered(&assets, path, name);
            assert_eq!((body(&answer), field(&answer, "vary")), (coded_form(coding, &long()), Some("Accept-Encoding")));
            assert_eq!(field(&answer, "content-type"), Some("text/plain; charset=utf-8"));
        }
    }
    let (Body::Memory(one), Body::Memory(other)) = (answered(&assets, "/a.txt", "br").body, answered(&assets, "/b.txt", "br").body) else {
        panic!("both are in memory");
    };
    assert_eq!(one.as_ptr(), other.as_ptr(), "equal files have one form");
    for path in ["/short.txt", "/a.png"] {
        let answer = reply(asset(&assets, path), &get(&[ALL]));
        assert_eq!((field(&answer, "content-encoding"), field(&answer, "vary")), (None, None), "{path}");
    }
}

#[test]
fn a_stale_sibling_is_replaced_by_a_form_made_in_the_background() {
    let folder = with_siblings(TEXT);
    write(folder.path(), "a.txt", &long());
    let assets = load(&folder);
    assets.begin_coding(u64::MAX).unwrap();
    wait_for(&assets, "/a.txt", "br");
    assert_eq!(body(&answered(&assets, "/a.txt", "br")), coded_form(Coding::Brotli, &long()));
}

#[test]
fn a_file_that_hardly_shrinks_is_kept_as_it_is() {
    let noise: Vec<u8> = (0..4096_u32).flat_map(|number| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()).to_le_bytes()).collect();
    let folder = site(&[("noise.txt", &noise), ("zzz.txt", &long().repeat(20))]);
    let assets = load(&folder);
    assets.begin_coding(u64::MAX).unwrap();
    // The larger is made last.
    wait_for(&assets, "/zzz.txt", "gzip");
    assert_eq!(field(&reply(asset(&assets, "/noise.txt"), &get(&[ALL])), "content-encoding"), None);
}

#[test]
fn siblings_on_disk_are_withheld_until_they_are_verified() {
    let text = long();
    let folder = with_siblings(&text);
    write(folder.path(), "old.txt", &text);
    write(folder.path(), "old.txt.br", &coded_form(Coding::Brotli, &[&text[1..], b"x"].concat()));
    let bytes = vec![b'x'; 5 << 20];
    for (name, coding) in [("big.txt", None), ("big.txt.zst", Some(Coding::Zstd))] {
        write(folder.path(), name, &coding.map_or_else(|| bytes.clone(), |coding| coded_form(coding, &bytes)));
    }
    let (assets, summary) =
        Assets::load(folder.path(), &Options { coded: CodedSources { siblings: true, compress: false }, ..options() }).unwrap();
    assert_eq!(summary.warnings.iter().map(|warning| &warning.reason).collect::<Vec<_>>(), [&WarningReason::CodedStale]);
    let before = answered(&assets, "/big.txt", "zstd");
    assert_eq!((field(&before, "content-encoding"), field(&before, "vary")), (None, Some("Accept-Encoding")));
    assets.begin_coding(u64::MAX).unwrap();
    wait_for(&assets, "/big.txt", "zstd");
    assert_eq!(body(&answered(&assets, "/big.txt", "zstd")), coded_form(Coding::Zstd, &bytes));
}

#[test]
fn the_tag_of_a_made_form_is_of_its_own_bytes_and_the_same_on_every_replica() {
    let (one, other) = (site(&[("a.txt", &long())]), site(&[("a.txt", &long())]));
    let mut tags = Vec::new();
    let (one, other) = (load(&one), load(&other));
    for coding in ["br", "gzip"] {
        for assets in [&one, &other] {
            assets.begin_coding(u64::MAX).unwrap();
            wait_for(assets, "/a.txt", coding);
        }
        let tag = |assets| field(&answered(assets, "/a.txt", coding), "etag").unwrap().to_owned();
        assert_eq!(tag(&one), tag(&other));
        let answer = reply(asset(&one, "/a.txt"), &get(&[("accept-encoding", coding), ("if-none-match", &tag(&one))]));
        assert_eq!((answer.status.as_u16(), field(&answer, "etag").map(str::to_owned)), (304, Some(tag(&one))));
        assert_eq!((field(&answer, "content-encoding"), field(&answer, "vary")), (None, Some("Accept-Encoding")));
        tags.push(tag(&one));
    }
    tags.push(field(&reply(asset(&one, "/a.txt"), &get(&[])), "etag").unwrap().to_owned());
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3);
}

#[test]
fn the_policy_of_the_route_is_on_coded_forms_too() {
    let decorate = with_field("x-policy", "yes");
    let folder = with_siblings(&long());
    let (assets, _) = Assets::load(folder.path(), &Options { decorate: &decorate, ..options() }).unwrap();
    let answer = reply(asset(&assets, "/a.txt"), &get(&[ALL]));
    assert_eq!(field(&answer, "x-policy"), Some("yes"));
    assert_eq!(answer.fields.get_all("content-encoding").count(), 1);
}
