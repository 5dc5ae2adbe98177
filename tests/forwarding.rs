//! What crosses the edge on the way to an upstream and back, and what never does: targets, fields, the origin of a request.
//!
//! Bodies are in `bodies`, connections in `connections`, `Expect` in `expectations`.

mod bodies;
mod connections;
mod expectations;

use crate::support::{Backed, FORWARD, connect_secure, seen};
use std::io::{Read, Write};

#[test]
fn the_raw_path_and_query_reach_the_upstream_byte_for_byte() {
    let backed = Backed::start("");
    for target in [
        "/api/echo/a%2Fb",
        "/api/echo//x///y",
        "/api/echo/;v=1;w",
        "/api/echo/%41%7e%e2%82%ac",
        "/api/echo/a+b&c=d,e'f(g)*!$@:",
        "/api/echo/x?",
        "/api/echo/x?a=1&a=%20+&b=%00&c[]=/../&d=?",
        "/api/echo/%2e%2e%2fx",
        "/api/echo/a%5Cb",
    ] {
        let echo = backed.echo(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let query = echo["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
        assert_eq!(format!("{}{query}", echo["path"].as_str().unwrap()), target);
    }
}

#[test]
fn strip_takes_its_prefix_off_the_bytes_and_nothing_else() {
    let backed = Backed::start("[[route]]\npath = \"/v1\"\nproxy = \"api\"\nstrip = \"/v1\"");
    for (sent, arrived) in
        [("/v1/api/echo/a%2Fb", "/api/echo/a%2Fb"), ("/v1/api/echo//x", "/api/echo//x"), ("/v1/api/echo/v1/v1", "/api/echo/v1/v1")]
    {
        assert_eq!(backed.echo(&format!("GET {sent} HTTP/1.1\r\nHost: localhost\r\n\r\n"))["path"], arrived);
    }
    assert_eq!(backed.get("/%761/api/echo", "").status, 400, "an escaped prefix cannot be taken off the bytes");
}

#[test]
fn request_headers_are_set_and_removed_as_the_route_says() {
    let rules = "headers.request.set = { \"X-Edge\" = \"yes\", \"X-Twice\" = \"ours\" }\nheaders.request.remove = [\"X-Secret\"]";
    let backed = Backed::start(&format!("[[route]]\npath = \"/api/echo\"\nproxy = \"api\"\n{rules}"));
    let echo = backed
        .echo("GET /api/echo HTTP/1.1\r\nHost: localhost\r\nX-Twice: a\r\nx-twice: b\r\nX-SECRET: s\r\nX-Kept: k1\r\nX-Kept: k2\r\n\r\n");
    assert_eq!(seen(&echo, "x-edge"), ["yes"]);
    assert_eq!(seen(&echo, "x-twice"), ["ours"]);
    assert_eq!(seen(&echo, "x-secret"), [""; 0]);
    assert_eq!(seen(&echo, "x-kept"), ["k1", "k2"]);
}

#[test]
fn hop_by_hop_fields_never_cross_to_the_upstream() {
    let backed = Backed::start("");
    let echo = backed.echo(
        "GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: x-named, keep-alive\r\nConnection: X-Also\r\nX-Named: 1\r\nx-also: 2\r\n\
         Keep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nTE: gzip\r\n\
         HTTP2-Settings: AAAA\r\nUpgrade: h2c\r\nX-Kept: 3\r\n\r\n",
    );
    for name in
        ["connection", "x-named", "x-also", "keep-alive", "proxy-connection", "proxy-authorization", "te", "http2-settings", "upgrade"]
    {
        assert_eq!(seen(&echo, name), [""; 0], "{name}");
    }
    assert_eq!(seen(&echo, "x-kept"), ["3"]);
}

#[test]
fn hop_by_hop_fields_never_cross_to_the_client() {
    let backed = Backed::start("");
    let response = backed.get("/api/hop", "");
    for name in ["x-private", "keep-alive", "proxy-authenticate", "connection"] {
        assert_eq!(response.field(name), None, "{name}");
    }
    assert!(response.field("x-public").is_some());
}

const SPOOFED: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 6.6.6.6\r\n\
                       Forwarded: for=6.6.6.6\r\n";

fn assert_origin(echo: &serde_json::Value, host: &str, proto: &str) {
    assert_eq!(seen(echo, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen(echo, "x-real-ip"), ["127.0.0.1"]);
    assert_eq!(seen(echo, "x-forwarded-proto"), [proto]);
    assert_eq!(seen(echo, "x-forwarded-host"), [host]);
    assert_eq!(seen(echo, "forwarded"), [format!("for=127.0.0.1;host={host};proto={proto}")]);
    assert_eq!(seen(echo, "host"), [host], "the host is kept");
}

#[test]
fn what_a_client_says_of_its_origin_vanishes() {
    let backed = Backed::start("");
    let echo = backed.echo(&format!("GET /api/echo HTTP/1.1\r\nHost: app.example.com\r\n{SPOOFED}\r\n"));
    assert_origin(&echo, "app.example.com", "http");
    let named = format!("GET /api/echo HTTP/1.1\r\nHost: a.example\r\nConnection: x-forwarded-for, forwarded, host\r\n{SPOOFED}\r\n");
    assert_origin(&backed.echo(&named), "a.example", "http");
}

#[test]
fn over_tls_the_upstream_learns_that_it_was_https() {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let backed = Backed::start_with(&format!("{config}\n[tls]\ndev = true\n"));
    let mut stream = connect_secure(&backed.edge.site, backed.edge.address());
    write!(stream, "GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{SPOOFED}\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_origin(&serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap(), "localhost", "https");
}

#[test]
fn over_http2_the_upstream_learns_the_same() {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let backed = Backed::start_with(&format!("{config}\n[tls]\ndev = true\n"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(backed.edge.address()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(crate::support::tls_config(&backed.edge.site, &["h2"]));
        let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = http::Request::get("https://localhost/api/echo/a%2Fb?x=1");
        for line in SPOOFED.trim_end().split("\r\n") {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name.to_ascii_lowercase(), value);
        }
        let (response, _) = client.send_request(request.header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap(), true).unwrap();
        let mut stream = response.await.unwrap().into_body();
        let mut body = Vec::new();
        while let Some(data) = stream.data().await {
            body.extend_from_slice(&data.unwrap());
        }
        driver.abort();
        body
    });
    let echo: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_origin(&echo, "localhost", "https");
    assert_eq!((echo["path"].as_str(), echo["query"].as_str()), (Some("/api/echo/a%2Fb"), Some("x=1")));
    assert_eq!(seen(&echo, "cookie"), ["a=1; b=2"], "RFC 9113 §8.2.3: cookie crumbs are one field in HTTP/1");
}

#[test]
fn two_cookies_stay_two_fields() {
    let backed = Backed::start("");
    assert_eq!(backed.get("/api/cookies", "").count("set-cookie"), 2);
}

#[test]
fn the_preset_yields_to_the_application_and_set_does_not() {
    let backed = Backed::start("[headers]\nset = { \"X-Flood-1\" = \"operator\" }\nremove = [\"X-Flood-2\"]");
    let response = backed.get("/api/headers?count=3&size=5", "");
    assert_eq!((response.field("x-flood-1"), response.count("x-flood-1")), (Some("operator"), 1));
    assert_eq!(response.field("x-flood-2"), None);
    assert_eq!(response.field("x-flood-3").map(str::len), Some(5));
    assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "the preset is on proxied responses too");
    let own = backed.get("/api/echo", "");
    assert_eq!(own.count("x-content-type-options"), 1);
}

#[test]
fn a_large_response_head_passes_and_a_huge_one_is_told_with_name_and_size() {
    let backed = Backed::start("");
    let large = backed.get("/raw/huge-head?bytes=40960", "");
    assert_eq!((large.status, large.field("x-huge").map(str::len)), (200, Some(40960)));
    let huge = backed.get("/raw/huge-head?bytes=200000", "");
    assert_eq!(huge.status, 502);
    let line = backed.edge.wait_for_access("the refusal", |line| line["status"] == 502);
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.to_lowercase().contains("x-huge") && cause.contains("bytes"), "{cause}");
    assert_eq!(backed.get("/raw/ok", "").text(), "ok\n");
}

#[test]
fn an_interim_response_reaches_the_client_before_the_final_one() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /raw/early-100 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let early = client.head();
    assert_eq!((early.status, early.field("link")), (103, Some("</assets/app.js>; rel=preload; as=script")));
    assert_eq!(client.response().text(), "ok\n");
}

#[test]
fn an_http10_client_gets_no_interim_response() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    client.send(b"GET /raw/early-100 HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.head().status, 200);
}
