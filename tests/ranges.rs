//! Several ranges of one file: what is sent, how much of it at most, and what is logged, over HTTP/1 and HTTP/2.

use http::{HeaderValue, Request};

use crate::support::http2::{Http2, get, run};
use crate::support::{Edge, Site};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[limits]
header = "256KiB"
[log]
access = { format = "json" }
[[route]]
path = "/"
root = "site"
headers.response.set = { "X-Frame-Options" = "DENY" }
//- /site/index.html
home
//- /site/digits.txt
0123456789
"#;

const FILM_BYTES: usize = 5_000_000;

fn film() -> Vec<u8> {
    (0..FILM_BYTES as u32).map(|index| (index % 251) as u8).collect()
}

fn site(text: &str) -> Site {
    let site = Site::new(text);
    // In memory, and too large for it.
    site.write("site/short.bin", &film()[..100_000]);
    site.write("site/film.mp4", &film());
    site
}

fn start() -> Edge {
    Edge::start_with(site(SITE), |_| {})
}

fn start_secure() -> Edge {
    let secure = SITE.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"https://127.0.0.1:0\"]\n[tls]\ndev = true");
    Edge::start_with(site(&secure), |_| {})
}

fn with_range(path: &str, ranges: &str) -> Request<()> {
    let mut request = get(path);
    request.headers_mut().insert("range", HeaderValue::from_str(ranges).expect("a value"));
    request
}

/// The content ranges and the contents of a multipart body.
#[track_caller]
fn read_parts(content_type: Option<&str>, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let boundary = content_type.and_then(|kind| kind.strip_prefix("multipart/byteranges; boundary=")).expect("a multipart");
    let find = |bytes: &[u8], sought: &[u8]| memchr::memmem::find(bytes, sought).expect("a complete multipart");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(delimiter.trim_start().as_bytes()).expect("a first delimiter");
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let (head, content) = rest.split_at(find(rest, b"\r\n\r\n"));
        let (content, after) = content.split_at(find(content, delimiter.as_bytes()));
        let head = String::from_utf8_lossy(head).into_owned();
        let range = head.lines().find_map(|line| line.strip_prefix("content-range: ")).expect("a content range");
        assert!(head.contains("content-type: "), "{head}");
        parts.push((range.to_owned(), content[4..].to_vec()));
        rest = &after[delimiter.len()..];
    }
    parts
}

#[track_caller]
fn assert_film_parts(parts: &[(String, Vec<u8>)], length: usize, expected: &[(usize, usize)]) {
    let film = film();
    assert_eq!(parts.len(), expected.len());
    for ((range, content), (first, last)) in parts.iter().zip(expected) {
        assert_eq!(*range, format!("bytes {first}-{last}/{length}"));
        assert!(*content == film[*first..=*last], "{range}");
    }
}

#[test]
fn several_ranges_come_as_one_multipart_from_memory_and_from_disk() {
    let edge = start();
    for (path, length) in [("/short.bin", 100_000), ("/film.mp4", FILM_BYTES)] {
        // In the order that was asked; the third and the fourth overlap.
        let response = edge.get(path, "Range: bytes=90000-98999, 0-0, 10-20, 15-50, -1\r\n");
        assert_eq!((response.status, response.field("content-range"), response.field("x-frame-options")), (206, None, Some("DENY")));
        assert_eq!((response.count("content-type"), response.count("etag"), response.count("date")), (1, 1, 1));
        let parts = read_parts(response.field("content-type"), &response.body);
        assert_film_parts(&parts, length, &[(90_000, 98_999), (0, 0), (10, 50), (length - 1, length - 1)]);
        let sent = response.body.len();
        edge.wait_for_access("the bytes that were sent", |line| line["path"] == path && line["bytes"] == sent);
    }
    // The connection goes on: the length was right.
    let mut client = edge.connect();
    for _ in 0..3 {
        client.send(b"GET /film.mp4 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-299999, 1000000-1299999\r\n\r\n");
        let response = client.response();
        assert_film_parts(&read_parts(response.field("content-type"), &response.body), FILM_BYTES, &[(0, 299_999), (1_000_000, 1_299_999)]);
        client.send(b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().body, b"home");
    }
}

#[test]
fn several_ranges_come_as_one_multipart_over_http_2_too() {
    let edge = start_secure();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for (path, length) in [("/short.bin", 100_000), ("/film.mp4", FILM_BYTES)] {
            let answer = client.request(with_range(path, "bytes=90000-98999,0-0,10-20,15-50,-1"), &[], None).await.expect("an answer");
            let field = |name: &str| answer.fields.get(name).and_then(|value| value.to_str().ok());
            assert_eq!((answer.status.as_u16(), field("content-range"), field("x-frame-options")), (206, None, Some("DENY")));
            assert_eq!(field("content-length"), Some(answer.body.len().to_string().as_str()));
            assert_eq!(answer.fields.get_all("content-type").iter().count(), 1);
            let parts = read_parts(field("content-type"), &answer.body);
            assert_film_parts(&parts, length, &[(90_000, 98_999), (0, 0), (10, 50), (length - 1, length - 1)]);
            let sent = answer.body.len();
            edge.wait_for_access("the bytes that were sent", |line| line["path"] == path && line["bytes"] == sent);
        }
    });
}

#[test]
fn ranges_that_touch_are_one_part_and_those_outside_are_left_out() {
    let edge = start();
    for (ranges, status, content_range, body) in [
        ("0-1,2-3", 206, Some("bytes 0-3/10"), "0123"),
        ("5-,0-4", 206, Some("bytes 0-9/10"), "0123456789"),
        ("8-99,99-", 206, Some("bytes 8-9/10"), "89"),
        ("10-,11-12", 416, Some("bytes */10"), ""),
        ("0-1,x", 200, None, "0123456789"),
        ("0-1,3-2", 200, None, "0123456789"),
    ] {
        let response = edge.get("/digits.txt", &format!("Range: bytes={ranges}\r\n"));
        assert_eq!((response.status, response.field("content-range"), response.text().as_str()), (status, content_range, body), "{ranges}");
    }
}

/// Ten thousand single bytes, none beside another; the same open range ten thousand times; and what the default limit of a head lets in.
fn floods() -> [String; 2] {
    let apart: Vec<String> = (0..10_000).map(|at| format!("{0}-{0}", at * 2)).collect();
    [format!("bytes={}", apart.join(",")), format!("bytes={}", ["0-"; 10_000].join(","))]
}

#[test]
fn ten_thousand_ranges_send_the_file_once_and_no_more() {
    let edge = start();
    for flood in floods() {
        for path in ["/short.bin", "/film.mp4"] {
            let response = edge.get(path, &format!("Range: {flood}\r\n"));
            let length = if path == "/film.mp4" { FILM_BYTES } else { 100_000 };
            assert!(response.status == 200 && response.body.len() == length, "{path}: {} {}", response.status, response.body.len());
        }
    }
    let edge = start_secure();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for flood in floods() {
            let answer = client.request(with_range("/short.bin", &flood), &[], None).await.expect("an answer");
            assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 100_000));
        }
    });
}

#[test]
fn a_head_ignores_several_ranges() {
    let edge = start();
    let head = edge.request("HEAD /film.mp4 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some("5000000")));
}

/// A file that is cut while it is sent; larger than all buffers on its way.
const LONG_BYTES: u64 = 48 << 20;

/// One that is read whole, one that is read in one part, one in several.
const LONG_RANGES: [&str; 3] = ["lines=0-", "bytes=1-", "bytes=0-9,100-"];

fn with_long_file(edge: &str) -> Edge {
    let site = Site::new(edge);
    let file = std::fs::File::create(site.join("site/long.bin")).expect("a file");
    file.set_len(LONG_BYTES).expect("a long file");
    Edge::start_with(site, |_| {})
}

fn says_why(line: &serde_json::Value) -> bool {
    line["cause"].as_str().is_some_and(|cause| cause.contains("became shorter") || cause.contains("has changed since it was loaded"))
}

fn cut(edge: &Edge, length: u64) {
    std::fs::File::options().write(true).open(edge.site.join("site/long.bin")).and_then(|file| file.set_len(length)).expect("a length");
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection_of_its_client_alone() {
    for ranges in LONG_RANGES {
        let edge = with_long_file(SITE);
        let mut client = edge.connect();
        client.send(format!("GET /long.bin HTTP/1.1\r\nHost: a\r\nRange: {ranges}\r\n\r\n").as_bytes());
        let length: usize = client.head().field("content-length").and_then(|length| length.parse().ok()).expect("a length");
        cut(&edge, 10_000);
        let sent = client.read_to_end().len();
        assert!(sent < length, "{ranges}: {sent} of {length} bytes");
        assert_eq!(edge.get("/digits.txt", "").status, 200);
        edge.wait_for_access("why", says_why);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_resets_its_stream_alone() {
    run(async {
        for ranges in LONG_RANGES {
            let edge = with_long_file(&SITE.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"https://127.0.0.1:0\"]\n[tls]\ndev = true"));
            let mut client = Http2::connect(&edge).await;
            let mut ready = client.send.clone().ready().await.expect("room");
            let (response, _) = ready.send_request(with_range("/long.bin", ranges), true).expect("a stream");
            let mut content = response.await.expect("an answer").into_body();
            cut(&edge, 10_000);
            let end = loop {
                match content.data().await.expect("no end of its own") {
                    Ok(piece) => content.flow_control().release_capacity(piece.len()).expect("a window"),
                    Err(error) => break error,
                }
            };
            assert!(end.is_reset(), "{ranges}: {end}");
            assert_eq!(client.get("/digits.txt").await.expect("an answer").body, b"0123456789");
            edge.wait_for_access("why", says_why);
        }
    });
}
