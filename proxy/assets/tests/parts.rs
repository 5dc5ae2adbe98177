//! Several ranges of one file.

use proptest::prelude::*;

use super::*;

const FILE: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// Long enough to have a coded form.
const IDENTITY: [u8; 400] = [b'i'; 400];

fn app_coded() -> Vec<u8> {
    coded_form(Coding::Brotli, &IDENTITY)
}

fn folder() -> TempDir {
    let folder = site(&[("a.txt", FILE.as_bytes()), ("app.js", &IDENTITY), ("app.js.br", &app_coded())]);
    set_modified(&folder.path().join("a.txt"), 784_111_777);
    folder
}

/// The content ranges and the contents of the parts of a multipart body.
#[track_caller]
fn read_parts(answer: &Answer<'_>) -> Vec<(String, String)> {
    let kind = answer.parts_type.as_ref().expect("a media type for the parts").to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let text = String::from_utf8(body(answer)).unwrap();
    assert_eq!(text.len() as u64, answer.length, "the length is that of what is sent");
    let inner = text.strip_prefix(&format!("--{boundary}\r\n")).unwrap().strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    let part = |part: &str| {
        let (fields, content) = part.split_once("\r\n\r\n").unwrap();
        let (kind, range) = fields.split_once("\r\n").unwrap();
        assert_eq!(kind, "content-type: text/plain; charset=utf-8");
        (range.strip_prefix("content-range: ").unwrap().to_owned(), content.to_owned())
    };
    inner.split(&format!("\r\n--{boundary}\r\n")).map(part).collect()
}

#[test]
fn several_ranges_are_a_multipart_with_the_fields_of_the_200() {
    let folder = folder();
    for memory_file_bytes_max in [0, 1024] {
        let (assets, _) = Assets::load(folder.path(), &Options { memory_file_bytes_max, ..options() }).unwrap();
        let whole = reply(asset(&assets, "/a.txt"), &get(&[]));
        let answer = reply(asset(&assets, "/a.txt"), &get(&[("range", "bytes=0-1, 10-12, -1")]));
        assert_eq!((answer.status.as_u16(), &answer.content_range, answer.fields), (206, &None, whole.fields));
        let expected = [("bytes 0-1/36", "01"), ("bytes 10-12/36", "abc"), ("bytes 35-35/36", "z")];
        assert_eq!(read_parts(&answer), expected.map(|(range, content)| (range.to_owned(), content.to_owned())));
    }
}

#[test]
fn ranges_that_become_one_are_a_plain_206() {
    let folder = folder();
    let assets = load(&folder);
    for (range, content_range, content) in [
        ("bytes=0-4,5-9", "bytes 0-9/36", "0123456789"),
        ("bytes=5-9,0-4", "bytes 0-9/36", "0123456789"),
        ("bytes=0-1,36-", "bytes 0-1/36", "01"),
    ] {
        let answer = reply(asset(&assets, "/a.txt"), &get(&[("range", range)]));
        assert_eq!((answer.status.as_u16(), body(&answer), answer.parts_type.is_none()), (206, content.as_bytes().to_vec(), true));
        assert_eq!(answer.content_range.as_ref().unwrap(), content_range, "{range}");
    }
}

#[test]
fn several_ranges_obey_preconditions_and_if_range_and_head_ignores_them() {
    let folder = folder();
    let assets = load(&folder);
    let ranges = ("range", "bytes=0-1,5-6");
    let etag = field(&reply(asset(&assets, "/a.txt"), &get(&[])), "etag").unwrap().to_owned();
    let status = |condition: (&str, &str)| reply(asset(&assets, "/a.txt"), &get(&[ranges, condition])).status.as_u16();
    assert_eq!(status(("if-range", &etag)), 206);
    assert_eq!(status(("if-range", "\"other\"")), 200);
    assert_eq!(status(("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")), 206);
    assert_eq!(status(("if-range", "Sun, 06 Nov 1994 08:49:38 GMT")), 200);
    assert_eq!(status(("if-none-match", &etag)), 304);
    assert_eq!(status(("if-match", "\"other\"")), 412);
    let answer = reply(asset(&assets, "/a.txt"), &head("HEAD", &[ranges]));
    assert_eq!((answer.status.as_u16(), answer.length, answer.parts_type), (200, 36, None));
}

#[test]
fn several_ranges_of_a_coded_variant_are_the_whole() {
    let folder = folder();
    let assets = load(&folder);
    let answer = reply(asset(&assets, "/app.js"), &get(&[("accept-encoding", "br"), ("range", "bytes=0-1,5-6")]));
    assert_eq!((answer.status.as_u16(), body(&answer), answer.parts_type.is_none()), (200, app_coded(), true));
    assert_eq!(reply(asset(&assets, "/app.js"), &get(&[("range", "bytes=0-1,5-6")])).status, 206);
}

#[test]
fn ten_thousand_ranges_are_one_whole_file() {
    let folder = folder();
    let assets = load(&folder);
    let ranges: Vec<String> = (0..10_000).map(|at| format!("{0}-{0}", at * 2 % 36)).collect();
    let answer = reply(asset(&assets, "/a.txt"), &get(&[("range", &format!("bytes={}", ranges.join(",")))]));
    assert_eq!((answer.status.as_u16(), body(&answer)), (200, FILE.as_bytes().to_vec()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_part_is_what_its_content_range_says(ranges in prop::collection::vec((0..40_usize, 0..6_usize), 1..6)) {
        let folder = folder();
        let assets = load(&folder);
        let specs: Vec<String> = ranges.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        let answer = reply(asset(&assets, "/a.txt"), &get(&[("range", &format!("bytes={}", specs.join(",")))]));
        if answer.parts_type.is_some() {
            for (range, content) in read_parts(&answer) {
                let (first, last) = range.strip_prefix("bytes ").unwrap().strip_suffix("/36").unwrap().split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                prop_assert_eq!(Some(content.as_str()), FILE.get(first..=last));
            }
        }
    }
}
