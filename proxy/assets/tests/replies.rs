//! 200, 206, 304, 412 and 416, and the fields of each.

use super::*;

const SCRIPT: &[u8] = b"console.log('0123456789')";

/// A script in three codings and a picture in one.
fn coded() -> TempDir {
    let folder = site(&[
        ("app.js", SCRIPT),
        ("app.js.br", &coded_form(Coding::Brotli, SCRIPT)),
        ("app.js.gz", &coded_form(Coding::Gzip, SCRIPT)),
        ("a.png", b"0123456789"),
        ("empty.txt", b""),
        ("index.html", b"<p>"),
    ]);
    for name in ["app.js", "app.js.br", "app.js.gz", "a.png"] {
        set_modified(&folder.path().join(name), 784_111_777);
    }
    folder
}

const ALL: (&str, &str) = ("accept-encoding", "gzip, br");

fn names(answer: &Answer<'_>) -> Vec<String> {
    let lines = String::from_utf8(answer.fields.lines().to_vec()).unwrap();
    lines.lines().map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
}

#[test]
fn a_200_has_everything_that_a_cache_needs() {
    let folder = coded();
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/app.js"), &get(&[ALL]));
    let brotli = coded_form(Coding::Brotli, SCRIPT);
    assert_eq!((answer.status.as_u16(), answer.length, body(&answer)), (200, brotli.len() as u64, brotli.clone()));
    let etag = format!("etag: \"{:032x}-br\"\r\n", xxhash_rust::xxh3::xxh3_128(&brotli));
    assert_eq!(
        String::from_utf8_lossy(answer.fields.lines()),
        "content-type: text/javascript; charset=utf-8\r\ncontent-encoding: br\r\n".to_owned()
            + &etag
            + "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\ncache-control: public, max-age=0, must-revalidate\r\n\
               accept-ranges: bytes\r\nvary: Accept-Encoding\r\n"
    );
}

#[test]
fn head_agrees_with_get() {
    let folder = coded();
    let (assets, _) = Assets::load(folder.path(), &Options { memory_file_bytes_max: 15, ..options() }).unwrap();
    let etag = field(&reply(asset(&assets, "/app.js"), &get(&[])), "etag").unwrap().to_owned();
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[ALL],
        &[("if-none-match", &etag)],
        &[("if-match", "\"other\"")],
        &[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")],
    ];
    for path in ["/app.js", "/a.png", "/empty.txt"] {
        for fields in cases {
            let (get, head) = (reply(asset(&assets, path), &get(fields)), reply(asset(&assets, path), &head("HEAD", fields)));
            assert_eq!((get.status, get.fields, get.length), (head.status, head.fields, head.length), "{path} {fields:?}");
            assert!(matches!(head.body, Body::Empty));
        }
    }
}

#[test]
fn head_ignores_a_range() {
    let folder = coded();
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/a.png"), &head("HEAD", &[("range", "bytes=0-1")]));
    assert_eq!((answer.status.as_u16(), answer.length, answer.content_range), (200, 10, None));
}

#[test]
fn the_best_accepted_coding_is_sent() {
    let folder = coded();
    let assets = load(&folder);
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip", Some("gzip")),
        ("br;q=0.5, gzip", Some("gzip")),
        ("br;q=0, gzip;q=0", None),
        ("deflate", None),
        ("identity;q=0", None),
    ] {
        let answer = reply(asset(&assets, "/app.js"), &get(&[("accept-encoding", accepted)]));
        assert_eq!(field(&answer, "content-encoding"), coding, "{accepted}");
    }
    assert_eq!(field(&reply(asset(&assets, "/app.js"), &get(&[])), "content-encoding"), None);
}

#[test]
fn the_etag_differs_by_coding_and_is_the_same_on_every_replica() {
    let (folder, replica) = (coded(), coded());
    for name in ["app.js", "app.js.br", "app.js.gz"] {
        set_modified(&replica.path().join(name), 1_000_000_000);
    }
    let (one, other) = (load(&folder), load(&replica));
    let mut seen = Vec::new();
    for accepted in ["br", "gzip", "identity"] {
        let fields = [("accept-encoding", accepted)];
        let etag = |assets: &Assets| field(&reply(asset(assets, "/app.js"), &get(&fields)), "etag").unwrap().to_owned();
        assert_eq!(etag(&one), etag(&other));
        assert!(!etag(&one).starts_with("W/"));
        assert!(!seen.contains(&etag(&one)));
        seen.push(etag(&one));
    }
}

#[test]
fn vary_is_on_every_answer_of_an_asset_with_codings_and_only_there() {
    let folder = coded();
    let assets = load(&folder);
    let etag = field(&reply(asset(&assets, "/app.js"), &get(&[])), "etag").unwrap().to_owned();
    let cases: [(u16, &[(&str, &str)]); 6] = [
        (200, &[]),
        (200, &[ALL]),
        (206, &[("range", "bytes=0-0")]),
        (304, &[("if-none-match", &etag)]),
        (412, &[("if-match", "\"other\"")]),
        (416, &[("range", "bytes=99-")]),
    ];
    for (status, fields) in cases {
        let answer = reply(asset(&assets, "/app.js"), &get(fields));
        assert_eq!((answer.status.as_u16(), field(&answer, "vary")), (status, Some("Accept-Encoding")));
        assert_eq!(field(&reply(asset(&assets, "/a.png"), &get(fields)), "vary"), None, "{status}");
    }
}

#[test]
fn a_304_has_the_validators_and_no_description_of_a_body() {
    let folder = coded();
    let decorate = with_field("x-frame-options", "DENY");
    let (assets, _) = Assets::load(folder.path(), &Options { decorate: &decorate, ..options() }).unwrap();
    let etag = field(&reply(asset(&assets, "/app.js"), &get(&[ALL])), "etag").unwrap().to_owned();
    let answer = reply(asset(&assets, "/app.js"), &get(&[ALL, ("if-none-match", &etag)]));
    assert_eq!((answer.status.as_u16(), answer.length), (304, coded_form(Coding::Brotli, SCRIPT).len() as u64));
    assert!(matches!(answer.body, Body::Empty));
    assert_eq!(names(&answer), ["etag", "last-modified", "cache-control", "vary", "x-frame-options"]);
    assert_eq!(field(&answer, "etag"), Some(etag.as_str()));
}

#[test]
fn a_policy_cannot_describe_the_body_that_a_304_does_not_have() {
    let folder = coded();
    let decorate = with_field("content-type", "text/plain");
    let (assets, _) = Assets::load(folder.path(), &Options { decorate: &decorate, ..options() }).unwrap();
    let answer = reply(asset(&assets, "/a.png"), &get(&[("if-none-match", "*")]));
    assert_eq!((answer.status.as_u16(), field(&answer, "content-type")), (304, None));
}

#[test]
fn if_none_match_is_a_list_and_compares_weakly() {
    let folder = coded();
    let assets = load(&folder);
    let etag = field(&reply(asset(&assets, "/a.png"), &get(&[])), "etag").unwrap().to_owned();
    let status = |fields: &[(&str, &str)]| reply(asset(&assets, "/a.png"), &get(fields)).status.as_u16();
    assert_eq!(status(&[("if-none-match", &format!("W/{etag}"))]), 304);
    assert_eq!(status(&[("if-none-match", &format!("\"a\", W/\"b\" , {etag}"))]), 304);
    assert_eq!(status(&[("if-none-match", "\"a\""), ("if-none-match", &etag)]), 304);
    assert_eq!(status(&[("if-none-match", "*")]), 304);
    assert_eq!(status(&[("if-none-match", "\"a\", \"b\"")]), 200);
    // The date is not looked at beside a tag (RFC 9110 §13.1.3).
    assert_eq!(status(&[("if-none-match", "\"a\""), ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")]), 200);
}

#[test]
fn the_etag_of_another_coding_is_not_a_304() {
    let folder = coded();
    let assets = load(&folder);
    let etag = field(&reply(asset(&assets, "/app.js"), &get(&[("accept-encoding", "gzip")])), "etag").unwrap().to_owned();
    assert_eq!(reply(asset(&assets, "/app.js"), &get(&[ALL, ("if-none-match", &etag)])).status, 200);
}

#[test]
fn preconditions_that_fail_are_412_and_not_stored() {
    let folder = coded();
    let assets = load(&folder);
    for condition in [("if-match", "\"other\""), ("if-unmodified-since", "Sat, 05 Nov 1994 08:49:37 GMT")] {
        let answer = reply(asset(&assets, "/a.png"), &get(&[condition]));
        assert_eq!((answer.status.as_u16(), answer.length, field(&answer, "cache-control")), (412, 0, Some("no-store")));
        assert!(matches!(answer.body, Body::Empty));
    }
}

#[test]
fn a_range_is_a_206_with_the_fields_of_the_200() {
    let folder = coded();
    for memory_file_bytes_max in [0, 1024] {
        let (assets, _) = Assets::load(folder.path(), &Options { memory_file_bytes_max, ..options() }).unwrap();
        let whole = reply(asset(&assets, "/a.png"), &get(&[]));
        for (range, content_range, part) in
            [("bytes=2-4", "bytes 2-4/10", "234"), ("bytes=7-", "bytes 7-9/10", "789"), ("bytes=-1", "bytes 9-9/10", "9")]
        {
            let answer = reply(asset(&assets, "/a.png"), &get(&[("range", range)]));
            assert_eq!((answer.status.as_u16(), answer.length as usize, body(&answer)), (206, part.len(), part.as_bytes().to_vec()));
            assert_eq!(answer.content_range.as_ref().unwrap(), content_range);
            assert_eq!(answer.fields, whole.fields);
        }
    }
}

#[test]
fn a_range_of_a_coded_variant_counts_its_coded_bytes() {
    let folder = coded();
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/app.js"), &get(&[ALL, ("range", "bytes=7-99")]));
    let brotli = coded_form(Coding::Brotli, SCRIPT);
    let total = brotli.len();
    assert_eq!((answer.status.as_u16(), answer.length, body(&answer)), (206, total as u64 - 7, brotli[7..].to_vec()));
    assert_eq!(answer.content_range.as_ref().unwrap(), &format!("bytes 7-{}/{total}", total - 1));
    assert_eq!(field(&answer, "content-encoding"), Some("br"));
}

#[test]
fn if_range_that_does_not_hold_gives_the_whole() {
    let folder = coded();
    let assets = load(&folder);
    let etag = field(&reply(asset(&assets, "/a.png"), &get(&[])), "etag").unwrap().to_owned();
    let status = |value: &str| reply(asset(&assets, "/a.png"), &get(&[("range", "bytes=0-1"), ("if-range", value)])).status.as_u16();
    assert_eq!(status(&etag), 206);
    assert_eq!(status(&format!("W/{etag}")), 200);
    assert_eq!(status("\"other\""), 200);
}

#[test]
fn if_range_by_date_holds_only_for_a_file_that_was_older_than_its_load() {
    let folder = coded();
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let status = |now: u64| {
        let now = UNIX_EPOCH + Duration::from_secs(now);
        let (assets, _) = Assets::load(folder.path(), &Options { now, ..options() }).unwrap();
        let fields = [("range", "bytes=0-1"), ("if-range", date)];
        let answer = reply(asset(&assets, "/a.png"), &get(&fields));
        assert_eq!(field(&answer, "last-modified"), Some(date));
        answer.status.as_u16()
    };
    set_modified(&folder.path().join("a.png"), 784_111_777);
    assert_eq!(status(784_111_778), 206);
    // Loaded within the second of the change: it may have changed again in that second.
    assert_eq!(status(784_111_777), 200);
}

#[test]
fn a_416_says_the_length_and_is_not_stored() {
    let folder = coded();
    let decorate = with_field("x-frame-options", "DENY");
    let (assets, _) = Assets::load(folder.path(), &Options { decorate: &decorate, ..options() }).unwrap();
    let total = coded_form(Coding::Brotli, SCRIPT).len();
    let answer = reply(asset(&assets, "/app.js"), &get(&[ALL, ("range", &format!("bytes={total}-"))]));
    assert_eq!((answer.status.as_u16(), answer.length), (416, 0));
    assert_eq!(answer.content_range.as_ref().unwrap(), &format!("bytes */{total}"));
    assert_eq!(names(&answer), ["cache-control", "accept-ranges", "vary", "x-frame-options"]);
    assert_eq!(field(&answer, "cache-control"), Some("no-store"));
    assert!(matches!(answer.body, Body::Empty));
}

#[test]
fn an_empty_file_is_a_200_and_has_no_ranges() {
    let folder = coded();
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/empty.txt"), &get(&[]));
    assert_eq!((answer.status.as_u16(), answer.length, body(&answer)), (200, 0, Vec::new()));
    assert_eq!(reply(asset(&assets, "/empty.txt"), &get(&[("range", "bytes=0-")])).status, 416);
}

#[test]
fn a_reproducible_or_future_time_gives_no_last_modified() {
    let folder = site(&[("a.txt", b"x")]);
    for (seconds, sent) in [(0, false), (1, false), (315_532_800, false), (499_162_500, false), (784_111_777, true), (4_000_000_001, false)]
    {
        set_modified(&folder.path().join("a.txt"), seconds);
        let assets = load(&folder);
        assert_eq!(field(&reply(asset(&assets, "/a.txt"), &get(&[])), "last-modified").is_some(), sent, "{seconds}");
    }
}

#[test]
fn an_epoch_time_never_makes_a_304() {
    let folder = site(&[("a.txt", b"x")]);
    set_modified(&folder.path().join("a.txt"), 0);
    let assets = load(&folder);
    assert_eq!(reply(asset(&assets, "/a.txt"), &get(&[("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")])).status, 200);
}

#[test]
fn the_policy_of_the_route_is_in_every_answer_and_wins_where_a_file_is_answered() {
    let folder = coded();
    let decorate = |fields: Fields| {
        let mut fields = fields;
        fields.retain(|(name, _)| *name != "cache-control" && *name != "vary");
        fields.push((http::header::CACHE_CONTROL, HeaderValue::from_static("private")));
        fields.push((http::header::VARY, HeaderValue::from_static("Origin")));
        fields
    };
    let (assets, _) = Assets::load(folder.path(), &Options { decorate: &decorate, ..options() }).unwrap();
    for (fields, status, policy) in [
        (&[][..], 200, "private"),
        (&[("range", "bytes=0-1")], 206, "private"),
        (&[("if-none-match", "*")], 304, "private"),
        (&[("range", "bytes=99-")], 416, "no-store"),
        (&[("if-match", "\"other\"")], 412, "no-store"),
    ] {
        let answer = reply(asset(&assets, "/app.js"), &get(fields));
        let cache_control: Vec<_> = answer.fields.get_all("cache-control").collect();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(cache_control, [policy.as_bytes()], "{status}");
        let vary: Vec<_> = answer.fields.get_all("vary").collect();
        assert_eq!(vary, ["Origin".as_bytes(), b"Accept-Encoding"], "a policy cannot take the coding out of Vary");
    }
}
