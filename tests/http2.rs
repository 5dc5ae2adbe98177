//! HTTP/2: the same answers as HTTP/1, many at once, and no stream that fails takes the others with it.

mod endings;

use http::{HeaderMap, HeaderValue, Request};

use crate::support::http2::{Http2, get, run};
use crate::support::{Api, Edge, Site, TlsClient, wait_for};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0"]
[tls]
dev = true
[limits]
body = "1MiB"
uri = "256B"
header = "2KiB"
header_count = 20
[upstream.api]
to = "unix:api.sock"
[[route]]
path = "/api"
proxy = "api"
[[route]]
path = "/ws"
proxy = "api"
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;

fn start() -> (Edge, Api) {
    let site = Site::new(SITE);
    let api = Api::start(&site.join("api.sock"));
    site.write("site/film.mp4", &film());
    (Edge::start_with(site, |_| {}), api)
}

fn film() -> Vec<u8> {
    (0..5_000_000_u32).map(|index| (index % 251) as u8).collect()
}

fn post(path: &str) -> Request<()> {
    Request::post(format!("https://localhost{path}")).body(()).expect("a request")
}

#[test]
fn many_streams_are_answered_at_once() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let slow: Vec<_> = (0..50)
            .map(|index| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.expect("room for a stream");
                    let (response, _) = ready.send_request(get(&format!("/api/slow?delay=300ms&n={index}")), true).expect("a stream");
                    response.await.expect("an answer").status()
                })
            })
            .collect();
        let began = std::time::Instant::now();
        assert_eq!(client.get("/").await.expect("an answer").body, b"home");
        for answer in slow {
            assert_eq!(answer.await.expect("a task"), 200);
        }
        assert!(began.elapsed() < std::time::Duration::from_millis(50 * 300), "one after another: {:?}", began.elapsed());
    });
}

#[test]
fn an_upload_and_its_trailers_reach_the_upstream() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from_static("42"))]);
        let answer = client.request(post("/api/echo"), b"hello", Some(trailers)).await.expect("an answer");
        let echo: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((echo["body"].as_str(), &echo["trailers"]), (Some("hello"), &serde_json::json!([["x-sum", "42"]])));
        let large = vec![b'x'; 1 << 20];
        let answer = client.request(post("/api/upload"), &large, None).await.expect("an answer");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON")["bytes"], 1 << 20);
    });
}

#[test]
fn trailers_of_the_upstream_reach_the_client() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut request = get("/api/trailers");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let answer = client.request(request, &[], None).await.expect("an answer");
        assert!(answer.trailers.is_some_and(|trailers| trailers.contains_key("x-checksum")));
    });
}

#[test]
fn head_and_errors_are_as_in_http_1() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let head = Request::head("https://localhost/film.mp4").body(()).expect("a request");
        let answer = client.request(head, &[], None).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.fields["content-length"].as_bytes(), answer.body.len()), (200, &b"5000000"[..], 0));
        let answer = client.get("/missing.js").await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.fields["cache-control"].as_bytes()), (404, &b"no-store"[..]));
        assert_eq!(answer.fields["x-content-type-options"], "nosniff");
    });
}

#[test]
fn no_field_of_the_connection_crosses() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let answer = client.get("/api/hop").await.expect("an answer");
        for name in ["connection", "keep-alive", "transfer-encoding", "x-private", "proxy-authenticate"] {
            assert!(!answer.fields.contains_key(name), "{name}");
        }
        assert!(answer.fields.contains_key("x-public"));
        let mut request = get("/api/echo");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let echo = client.request(request, &[], None).await.expect("an answer").body;
        assert!(!String::from_utf8_lossy(&echo).contains("http2-settings"));
    });
}

#[test]
fn crumbs_of_a_cookie_are_joined_for_the_upstream() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut request = get("/api/echo");
        for crumb in ["a=1", "b=2", "c=3"] {
            request.headers_mut().append("cookie", HeaderValue::from_static(crumb));
        }
        let body = client.request(request, &[], None).await.expect("an answer").body;
        let echo: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let cookies: Vec<_> = echo["headers"].as_array().expect("headers").iter().filter(|field| field[0] == "cookie").collect();
        assert_eq!(cookies, [&serde_json::json!(["cookie", "a=1; b=2; c=3"])]);
    });
}

#[test]
fn refused_heads_leave_the_connection_to_the_others() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut two_hosts = get("/");
        two_hosts.headers_mut().insert("host", HeaderValue::from_static("other"));
        let mut many = get("/");
        for _ in 0..30 {
            many.headers_mut().append("x-a", HeaderValue::from_static("1"));
        }
        let mut large = get("/");
        large.headers_mut().insert("x-a", HeaderValue::try_from("a".repeat(3000)).expect("a value"));
        let mut long_body = post("/api/upload");
        long_body.headers_mut().insert("content-length", HeaderValue::from_static("5000000"));
        let long = get(&format!("/{}", "a".repeat(300)));
        for (request, status) in [(two_hosts, 400), (many, 431), (large, 431), (long, 414), (get("/%zz"), 400), (post("/"), 405)] {
            let what = format!("{} {}", request.method(), request.uri());
            let answer = client.request(request, &[], None).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(answer.status.as_u16(), status, "{what}");
        }
        let (response, _stream) = client.send.clone().ready().await.expect("room").send_request(long_body, false).expect("a stream");
        assert_eq!(response.await.expect("an answer").status().as_u16(), 413);
        assert_eq!(client.get("/").await.expect("an answer").status.as_u16(), 200);
    });
    for (status, limit) in [(431, "limits.header_count"), (431, "limits.header ("), (414, "limits.uri"), (413, "limits.body")] {
        edge.wait_for_access(limit, |line| line["status"] == status && line["cause"].as_str().is_some_and(|cause| cause.contains(limit)));
    }
}

#[test]
fn a_large_file_arrives_whole_under_flow_control() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert!(client.get("/film.mp4").await.expect("an answer").body == film());
        let mut part = get("/film.mp4");
        part.headers_mut().insert("range", HeaderValue::from_static("bytes=1000000-3999999"));
        assert!(client.request(part, &[], None).await.expect("an answer").body == film()[1_000_000..4_000_000]);
    });
}

#[test]
fn of_a_file_that_is_empty_now_nothing_is_sent_and_the_answer_ends() {
    let site = Site::new(&SITE.replace("root = \"site\"", "root = \"site\"\nwatch = false"));
    let _api = Api::start(&site.join("api.sock"));
    site.write("site/film.mp4", &film());
    let edge = Edge::start_with(site, |_| {});
    edge.site.write("site/film.mp4", b"");
    let tls = TlsClient::new(&edge.site.join("certs/ca.pem"));
    let request = "GET /film.mp4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let ask = || Some(tls.request(edge.address(), "localhost", request)).filter(|answer| answer.status != 503);
    let answer = wait_for("the file at rest", ask);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    run(async {
        let answer = Http2::connect(&edge).await.get("/film.mp4").await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    });
}

#[test]
fn a_client_that_waits_for_a_100_gets_it_before_it_sends_its_body() {
    let (edge, _api) = start();
    run(async {
        let mut ready = Http2::connect(&edge).await.send.ready().await.expect("room for a stream");
        let request = Request::post("https://localhost/api/upload").header("expect", "100-continue").body(()).expect("a request");
        let (mut response, mut stream) = ready.send_request(request, false).expect("a stream");
        let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await.expect("an interim response").expect("no error");
        assert_eq!(interim.status(), 100);
        stream.send_data(bytes::Bytes::from_static(b"hello"), true).expect("the body");
        assert_eq!(response.await.expect("an answer").status(), 200);
    });
}

/// A text of five letters, as clients send it (masked, with zeros) and as servers do (RFC 6455 §5.7).
const HELLO_MASKED: &[u8] = b"\x81\x85\0\0\0\0hello";
const HELLO: &[u8] = b"\x81\x05hello";

fn websocket(path: &str) -> Request<()> {
    let request = Request::connect(format!("https://localhost{path}")).header("sec-websocket-version", "13");
    request.extension(h2::ext::Protocol::from_static("websocket")).body(()).expect("a request")
}

#[test]
fn a_websocket_runs_over_a_stream() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        assert!(client.send.is_extended_connect_protocol_enabled());
        let (response, mut stream) =
            client.send.clone().ready().await.expect("room").send_request(websocket("/ws/echo"), false).expect("a stream");
        let response = response.await.expect("an answer");
        assert_eq!(response.status(), 200);
        for name in ["upgrade", "connection", "sec-websocket-accept"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
        let mut content = response.into_body();
        stream.send_data(bytes::Bytes::from_static(HELLO_MASKED), false).expect("a frame");
        let mut seen = Vec::new();
        while !seen.windows(HELLO.len()).any(|part| part == HELLO) {
            seen.extend_from_slice(&content.data().await.expect("it is open").expect("a frame"));
        }
        // Other streams of the connection go on beside it, and its end is an end.
        assert_eq!(client.get("/").await.expect("an answer").body, b"home");
        stream.send_data(bytes::Bytes::from_static(b"\x88\x82\0\0\0\0\x03\xe8"), true).expect("a close");
        while let Some(piece) = content.data().await {
            piece.expect("an end without a reset");
        }
    });
    edge.wait_for_access("the tunnel", |line| line["path"] == "/ws/echo" && line["status"] == 200);
}

#[test]
fn a_websocket_to_what_speaks_none_is_no_success() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        for (path, status) in [("/", 501), ("/api/echo", 501), ("/missing.js", 404)] {
            let (response, _stream) =
                client.send.clone().ready().await.expect("room").send_request(websocket(path), false).expect("a stream");
            assert_eq!(response.await.expect("an answer").status().as_u16(), status, "{path}");
        }
    });
}
