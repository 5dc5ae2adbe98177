//! Request heads as clients send them, and how the benchmarks read one.
//!
//! The way is that of `serve::http1::head`, which is private: tokens from httparse, each field pushed into a [`RequestHead`]. Its checks of target,
//! host and framing come on top there.

use std::mem::MaybeUninit;

use transom::http::request::{RequestHead, Version};

/// As many as the edge has room for.
const FIELDS_MAX: usize = 1024;

/// The three fields of curl.
pub(crate) const CURL: &[u8] = b"GET /1k.txt HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";

/// Fifteen fields, as Chromium sends them for a script of a page that was visited before.
pub(crate) const BROWSER: &[u8] = b"GET /assets/index-BfX2q9aL.js?v=3 HTTP/1.1\r\n\
Host: app.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
Accept: */*\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: cors\r\n\
Sec-Fetch-Dest: script\r\n\
Referer: https://app.example.com/projects/42/settings\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; _ga=GA1.1.1234567890.1700000000\r\n\
\r\n";

/// Reads a head into `head`, keeping its memory; gives the number of fields.
pub(crate) fn read(bytes: &[u8], head: &mut RequestHead) -> usize {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    request.parse_with_uninit_headers(bytes, &mut fields).expect("a well-formed head");
    head.start(Version::Http11, request.method.unwrap_or_default().as_bytes(), request.path.unwrap_or_default().as_bytes());
    for field in request.headers.iter() {
        head.push(field.name.as_bytes(), field.value.trim_ascii());
    }
    request.headers.len()
}

/// Counts the fields and keeps nothing.
pub(crate) fn tokenise(bytes: &[u8]) -> usize {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    request.parse_with_uninit_headers(bytes, &mut fields).expect("a well-formed head");
    request.headers.len()
}

/// The head of a GET with these fields.
pub(crate) fn head(target: &str, fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::default();
    head.start(Version::Http11, b"GET", target.as_bytes());
    head.push(b"Host", b"app.example.com");
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    head
}
