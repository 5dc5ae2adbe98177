//! Upstreams that speak HTTP/2: many requests on one connection, bodies and trailers both ways, and what a server or a client breaks off.

mod again;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue, Request};

use crate::support::http2::{Http2, get, run, until};
use crate::support::http2_server::Http2Server;
use crate::support::{Certificate, Client, Edge, FORWARD, Response, Site, start_api, wait_for};

/// One listener with TLS, one without, and `/api` to `api.sock`.
fn config(to: &str, rest: &str) -> String {
    format!(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\", \"http://127.0.0.1:0\"]\nhttps_redirect = false\ngrace = \"1s\"\n[tls]\ndev = true\n[upstream.api]\nto = \"{to}\"\nwait = \"0s\"\n[[route]]\npath = \"/api\"\nproxy = \"api\"\n{rest}\n"
    )
}

fn played() -> (Edge, Http2Server) {
    played_with("")
}

fn played_with(rest: &str) -> (Edge, Http2Server) {
    let site = Site::new(&config("h2c://unix:api.sock", rest));
    let server = Http2Server::start(&site.join("api.sock"));
    (Edge::start_with(site, |_| {}), server)
}

/// Asks in HTTP/1.
fn ask(edge: &Edge, request: &str) -> Response {
    let mut client = Client::connect(edge.addresses[1]);
    client.send(request.as_bytes());
    client.response_to(request.split(' ').next().unwrap())
}

fn asked(edge: &Edge, path: &str) -> Response {
    ask(edge, &format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n"))
}

fn post(path: &str) -> Request<()> {
    Request::post(format!("https://localhost{path}")).body(()).unwrap()
}

#[test]
fn the_demo_backend_is_spoken_to_in_http2_and_sees_the_same_request() {
    let site = Site::new(&format!("//- /proxy.toml\n{}", FORWARD.replace("unix:api.sock", "h2c://unix:api.sock")));
    let _api = start_api(&site);
    let edge = Edge::start_with(site, |_| {});
    let echo = edge.get("/api/echo?a=%2F", "X-Kept: 1\r\nX-Forwarded-For: 6.6.6.6\r\n").json();
    let fields = echo["headers"].to_string();
    assert!(fields.contains("x-kept") && fields.contains("127.0.0.1") && !fields.contains("6.6.6.6"), "{echo}");
    let body = "b".repeat(300_000);
    let answer = edge.request(&format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n{body}"));
    assert_eq!(answer.json()["bytes"], 300_000);
    assert_eq!(edge.get("/api/bytes/1000000", "").body.len(), 1_000_000);
    let call =
        "POST /api/rpc/test.Test/Echo HTTP/1.1\r\nHost: localhost\r\nConnection: te\r\nTE: trailers\r\nContent-Type: application/grpc\r\n";
    let answer = edge.request(&format!("{call}Content-Length: 6\r\n\r\n\0\0\0\0\x01a"));
    assert_eq!((answer.text().as_str(), answer.trailers.len()), ("\0\0\0\0\x01a", 1), "{:?}", answer.trailers);
}

#[test]
fn the_request_says_its_scheme_its_host_and_nothing_of_the_connection() {
    let (edge, _server) = played();
    let shown =
        ask(&edge, "GET /api/show?x=%2F HTTP/1.1\r\nHost: shop.test\r\nConnection: x-private\r\nX-Private: 1\r\nTE: trailers\r\nGRPC-Timeout: 5S\r\n\r\n")
            .text();
    assert!(shown.contains("http://shop.test/api/show?x=%2F") && shown.contains("te: trailers"), "{shown}");
    assert!(!shown.contains("x-private") && !shown.contains("connection:") && !shown.contains("\nhost: "), "{shown}");
    assert!(shown.contains("x-forwarded-host: shop.test") && shown.contains("grpc-timeout: 5S"), "{shown}");
}

#[test]
fn many_requests_share_one_connection_of_a_worker() {
    let site = Site::new(&config("h2c://unix:api.sock", ""));
    let server = Http2Server::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        // Now there is a connection. Who waits for another to make it does so himself after a while, on a busy machine.
        assert_eq!(client.get("/api/show").await.unwrap().status, 200);
        let asked: Vec<_> = (0..60)
            .map(|_| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.unwrap();
                    ready.send_request(get("/api/show"), true).unwrap().0.await.unwrap().status()
                })
            })
            .collect();
        for one in asked {
            assert_eq!(one.await.unwrap(), 200);
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn bodies_and_trailers_pass_both_ways() {
    let (edge, _server) = played();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("42"));
        let answer = client.request(post("/api/trailers"), &[b'x'; 200_000], Some(trailers)).await.unwrap();
        assert_eq!(String::from_utf8(answer.body).unwrap(), "200000 bytes");
        assert_eq!(answer.trailers.unwrap()["x-seen"], "42");
    });
}

#[test]
fn what_is_said_is_heard_before_more_is_said() {
    let (edge, _server) = played();
    run(async {
        let client = Http2::connect(&edge).await;
        let mut ready = client.send.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(post("/api/echo"), false).unwrap();
        let mut content = response.await.unwrap().into_body();
        for word in ["one", "two", "three"] {
            stream.send_data(Bytes::from(word), false).unwrap();
            assert_eq!(content.data().await.unwrap().unwrap(), word);
            content.flow_control().release_capacity(word.len()).unwrap();
        }
        stream.send_data(Bytes::new(), true).unwrap();
        assert!(content.data().await.is_none_or(|last| last.unwrap().is_empty()));
    });
}

#[test]
fn interim_responses_head_204_and_304_are_what_they_are() {
    let (edge, _server) = played();
    let mut client = Client::connect(edge.addresses[1]);
    client.send(b"GET /api/hints HTTP/1.1\r\nHost: a\r\n\r\n");
    let hints = client.head();
    assert_eq!((hints.status, hints.field("link")), (103, Some("</a.css>; rel=preload")));
    assert_eq!(client.response().status, 200);
    for (request, status, length) in [
        ("HEAD /api/sized", 200, Some("7")),
        ("GET /api/sized", 200, Some("7")),
        ("GET /api/empty", 200, Some("0")),
        ("GET /api/204", 204, None),
        ("GET /api/304", 304, None),
    ] {
        let response = ask(&edge, &format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((response.status, response.field("content-length")), (status, length), "{request}");
    }
}

#[test]
fn a_response_that_is_cut_or_shorter_than_it_said_does_not_look_whole() {
    let (edge, _server) = played();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for path in ["/api/cut", "/api/short"] {
            match client.get(path).await {
                // The reset came before the beginning had been passed on.
                Ok(answer) => assert_eq!(answer.status, 502, "{path}"),
                Err(error) => assert!(error.is_reset(), "{path}: {error}"),
            }
        }
        assert_eq!(client.get("/api/show").await.unwrap().status, 200, "the connection goes on");
    });
}

#[test]
fn a_client_that_leaves_cancels_its_request_at_the_server() {
    let (edge, server) = played();
    run(async {
        let client = Http2::connect(&edge).await;
        let mut ready = client.send.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(get("/api/hang"), true).unwrap();
        until("the request", || server.asked("/api/hang") == 1).await;
        stream.send_reset(Reason::CANCEL);
        drop((response, stream));
        until("the reset", || server.resets().contains(&Reason::CANCEL)).await;
    });
}

#[test]
fn a_client_that_leaves_in_its_upload_cancels_it_at_the_server() {
    let (edge, server) = played();
    let mut client = Client::connect(edge.addresses[1]);
    client.send(b"POST /api/hang?upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nthe beginning");
    wait_for("the request", || (server.asked("/api/hang?upload") == 1).then_some(()));
    drop(client);
    wait_for("the reset", || server.resets().contains(&Reason::CANCEL).then_some(()));
}

#[test]
fn a_call_may_be_silent_for_longer_than_other_requests() {
    let (edge, server) = played_with("[timeouts]\nresponse = \"100ms\"\nidle = \"100ms\"\nstream = \"1s\"\n");
    run(async {
        let client = Http2::connect(&edge).await;
        let call = Request::post("https://localhost/api/hang").header("content-type", "application/grpc").body(()).unwrap();
        let mut ready = client.send.clone().ready().await.unwrap();
        let began = Instant::now();
        let (response, _stream) = ready.send_request(call, true).unwrap();
        let answer = response.await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        // DEADLINE_EXCEEDED.
        assert_eq!((answer.status().as_u16(), answer.headers()["grpc-status"].to_str().unwrap()), (200, "4"));
        assert_eq!(server.asked("/api/hang"), 1);
    });
}

#[test]
fn who_calls_a_request_a_call_does_not_hold_it_without_a_limit() {
    let (edge, _server) = played_with("[timeouts]\nresponse = \"300ms\"\nbody_idle = \"300ms\"\n");
    run(async {
        let client = Http2::connect(&edge).await;
        // The one has said all and waits, the other says nothing.
        for (is_whole, code) in [(true, "4"), (false, "4")] {
            let call = Request::post("https://localhost/api/hang")
                .header("content-type", "application/grpc")
                .header("grpc-timeout", "99999999H")
                .body(())
                .unwrap();
            let mut ready = client.send.clone().ready().await.unwrap();
            let (response, _stream) = ready.send_request(call, is_whole).unwrap();
            assert_eq!(response.await.unwrap().headers()["grpc-status"].to_str().unwrap(), code, "{is_whole}");
        }
    });
}

#[test]
fn a_call_that_is_being_answered_may_be_silent() {
    let (edge, _server) = played_with("[timeouts]\nresponse = \"500ms\"\nbody_idle = \"1s\"\nidle = \"500ms\"\n");
    run(async {
        let mut client = Http2::connect(&edge).await;
        let call = Request::post("https://localhost/api/talk").header("content-type", "application/grpc").body(()).unwrap();
        let mut ready = client.send.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(call, false).unwrap();
        let mut content = response.await.unwrap().into_body();
        // Each of these takes 500 ms.
        for _ in 0..3 {
            assert_eq!(client.get("/api/hang").await.unwrap().status, 504);
        }
        stream.send_data(Bytes::from("still here"), true).unwrap();
        assert_eq!(content.data().await.unwrap().unwrap(), "still here");
    });
}

#[test]
fn who_waits_for_a_server_shares_its_connection_when_it_comes() {
    let site = Site::new(&config("h2c://unix:api.sock", "").replace("wait = \"0s\"", "wait = \"15s\""));
    let socket = site.join("api.sock");
    let edge = Edge::start_with(site, |_| {});
    // Its runtime cannot end inside another one.
    let mut server = None;
    run(async {
        let client = Http2::connect(&edge).await;
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.unwrap();
                    ready.send_request(get("/api/show"), true).unwrap().0.await.unwrap().status()
                })
            })
            .collect();
        // All are held by the time this is answered.
        assert_eq!(client.send.clone().ready().await.unwrap().send_request(get("/none"), true).unwrap().0.await.unwrap().status(), 404);
        server = Some(Http2Server::start(&socket));
        for one in asked {
            assert_eq!(one.await.unwrap(), 200);
        }
    });
    assert_eq!(server.map(|server| server.connections.load(Ordering::SeqCst)), Some(1));
}

#[test]
fn an_active_check_asks_in_http2() {
    for (path, status) in [("/api/show", 200), ("/api/503", 503)] {
        let check = format!("wait = \"0s\"\nhealth = {{ path = \"{path}\", interval = \"100ms\", timeout = \"20s\" }}");
        let site = Site::new(&config("h2c://unix:api.sock", "").replace("wait = \"0s\"", &check));
        let server = Http2Server::start(&site.join("api.sock"));
        let edge = Edge::start_with(site, |_| {});
        if status == 200 {
            wait_for("a few looks", || (server.asked(path) >= 3).then_some(()));
        } else {
            edge.wait_for_event("the judgement", |event| event["msg"].as_str().is_some_and(|text| text.contains("is not well")));
        }
        assert_eq!(asked(&edge, "/api/show").status, if status == 200 { 200 } else { 502 }, "{path}");
    }
}

#[test]
fn a_server_that_says_goodbye_gets_no_further_request_on_that_connection() {
    let (edge, server) = played();
    for _ in 0..5 {
        assert_eq!(asked(&edge, "/api/goodbye").status, 200);
    }
    assert!(server.connections.load(Ordering::SeqCst) >= 2);
}

#[test]
fn an_upgrade_is_asked_for_as_a_request_like_any_other() {
    let (edge, _server) = played();
    let upgrade =
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let shown = ask(&edge, &format!("GET /api/show HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n"));
    assert_eq!(shown.status, 200);
    assert!(!shown.text().contains("upgrade"), "{}", shown.text());
}

#[test]
fn a_server_that_speaks_http1_alone_is_a_502_that_says_so() {
    let (edge, listener) = crate::support::played_with(&FORWARD.replace("unix:api.sock", "h2c://unix:api.sock"));
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream
    });
    assert_eq!(edge.get("/api/x", "").status, 502);
    edge.wait_for_access("the cause", |line| line["cause"].as_str().is_some_and(|cause| cause.contains("HTTP/2")));
    drop(answering.join());
}

#[test]
fn the_deadline_of_a_response_holds() {
    let (edge, _server) = played_with("[timeouts]\nresponse = \"300ms\"\n");
    assert_eq!(asked(&edge, "/api/hang").status, 504);
}

/// A server of HTTP/2 in TLS, or of HTTP/1 alone.
fn secure_server(protocols: &str) -> Edge {
    let site = Site::new(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\"]\nhttp = {protocols}\ngrace = \"1s\"\n[tls]\ncert = \"tls.crt\"\nkey = \"tls.key\"\n[[route]]\npath = \"/\"\nrespond = {{ status = 200, body = \"secure\\n\" }}\n"
    ));
    Certificate::write(site.path(), &["localhost", "127.0.0.1"]);
    Edge::start_with(site, |_| {})
}

#[test]
fn in_tls_the_server_is_known_by_its_certificate_and_must_agree_on_the_protocol() {
    for (scheme, protocols, cause) in [
        ("h2", "[\"h1\", \"h2\"]", None),
        ("h2", "[\"h1\"]", Some("the server does not speak HTTP/2 in TLS")),
        ("https", "[\"h2\"]", Some("the server does not speak HTTP/1.1 in TLS")),
    ] {
        let server = secure_server(protocols);
        let to = format!("{scheme}://localhost:{}", server.address().port());
        let tls = format!("tls = {{ ca = \"{}\" }}\n[[route]]", server.site.join("tls.crt").display());
        let edge = Edge::start(&config(&to, "").replacen("[[route]]", &tls, 1));
        for _ in 0..3 {
            assert_eq!(asked(&edge, "/api/x").status, if cause.is_none() { 200 } else { 502 }, "{scheme} {protocols}");
        }
        match cause {
            None => drop(server.wait_for_access("a request of HTTP/2", |line| line.to_string().contains("HTTP/2"))),
            Some(cause) => drop(edge.wait_for_access(cause, |line| line["cause"].as_str().is_some_and(|said| said.contains(cause)))),
        }
    }
}
