//! Fields that no honest client sends: each has its answer, and the connection or at least the edge goes on.

use http::{HeaderName, HeaderValue};

use crate::support::http2::{Http2, get, run};
use crate::support::{Edge, Site};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
//- /site/a.txt
0123456789
//- /site/a.txt.br
brotli, as far as anybody can tell
"#;

/// Names and values that are odd, and what the answer to a GET of ten bytes with them is.
fn table() -> Vec<(&'static str, Vec<u8>, u16)> {
    let long = |start: &str, repeated: &str| format!("{start}{}", repeated.repeat(20_000 / repeated.len())).into_bytes();
    vec![
        ("if-none-match", b"".to_vec(), 200),
        ("if-none-match", b"\"".to_vec(), 200),
        ("if-none-match", b"W/".to_vec(), 200),
        ("if-none-match", b"\"\xff\xfe\", *".to_vec(), 200),
        ("if-none-match", b"**".to_vec(), 200),
        ("if-none-match", long("", "\"x\" , "), 200),
        ("if-none-match", long("\"", "x"), 200),
        ("if-none-match", long("*", ","), 200),
        ("if-match", b"".to_vec(), 412),
        ("if-match", b"\xff".to_vec(), 412),
        ("if-match", b"W/\"\"".to_vec(), 412),
        ("if-match", long("", ","), 412),
        ("if-match", b"\t* ".to_vec(), 200),
        ("if-modified-since", b"Thu, 99 Foo 9999 99:99:99 GMT".to_vec(), 200),
        ("if-modified-since", b"Fri, 31 Dec 9999 23:59:59 GMT".to_vec(), 304),
        ("if-modified-since", b"Sun, 06 Nov 1994 08:49:37 GMT, Fri, 31 Dec 9999 23:59:59 GMT".to_vec(), 200),
        ("if-modified-since", b"-1".to_vec(), 200),
        ("if-modified-since", b"\xe2\x80\xae".to_vec(), 200),
        ("if-unmodified-since", b"".to_vec(), 200),
        ("if-unmodified-since", b"18446744073709551616".to_vec(), 200),
        ("if-unmodified-since", long("Sun, ", "0"), 200),
        ("if-range", b"\"".to_vec(), 200),
        ("range", b"bytes=".to_vec(), 200),
        ("range", b"bytes=\xff-\xff".to_vec(), 200),
        ("range", long("bytes=", "9"), 200),
        ("range", long("bytes=", "-"), 200),
        ("range", [long("bytes=", "9"), b"-".to_vec()].concat(), 416),
        ("accept-encoding", long("", "br;q=0.001,"), 200),
        ("accept-encoding", long("", "*;q=;"), 200),
        ("accept-encoding", b"br;q=1e9, \xff".to_vec(), 200),
    ]
}

#[test]
fn odd_fields_have_their_answer_and_the_connection_goes_on() {
    let edge = Edge::start(SITE);
    let mut client = edge.connect();
    for (name, value, status) in table() {
        client.send(&[b"GET /a.txt HTTP/1.1\r\nHost: a\r\n", name.as_bytes(), b": ", &value, b"\r\n\r\n"].concat());
        let shown = value.escape_ascii().to_string().chars().take(60).collect::<String>();
        assert_eq!(client.response().status, status, "{name}: {shown}");
    }
}

fn start_secure() -> Edge {
    let secure = SITE.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"https://127.0.0.1:0\"]\n[tls]\ndev = true");
    Edge::start_with(Site::new(&secure), |_| {})
}

#[test]
fn odd_fields_have_the_same_answers_over_http_2() {
    let edge = start_secure();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for (name, value, status) in table() {
            let mut request = get("/a.txt");
            let shown = value.escape_ascii().to_string().chars().take(60).collect::<String>();
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_bytes(&value).expect("a value"));
            let answer = client.request(request, &[], None).await.unwrap_or_else(|error| panic!("{name}: {shown}: {error}"));
            assert_eq!(answer.status.as_u16(), status, "{name}: {shown}");
        }
    });
}

#[test]
fn a_megabyte_of_accept_encoding_is_431() {
    let edge = Edge::start(SITE);
    let mut client = edge.connect();
    let value = "gzip;q=0.5, ".repeat((1 << 20) / 12);
    // The edge may close before it has all of it.
    client.try_send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {value}\r\n\r\n").as_bytes());
    assert_eq!(client.response().status, 431);
    assert_eq!(edge.get("/a.txt", "").status, 200);
}

#[test]
fn a_megabyte_of_accept_encoding_over_http_2_reaches_nothing() {
    let edge = start_secure();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut request = get("/a.txt");
        request.headers_mut().insert("accept-encoding", HeaderValue::try_from("gzip;q=0.5, ".repeat((1 << 20) / 12)).expect("a value"));
        // A head that is so long that it floods the connection with CONTINUATION frames may cost the connection instead.
        if let Ok(answer) = client.request(request, &[], None).await {
            assert_eq!(answer.status.as_u16(), 431);
        }
        let mut other = Http2::connect(&edge).await;
        assert_eq!(other.get("/a.txt").await.expect("an answer").status.as_u16(), 200);
    });
}
