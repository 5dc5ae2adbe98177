//! Paths and hosts of an upstream that is seen under others: rewritten on the way there, translated on the way back.

use std::io::Write;

use crate::support::{Backed, Response, accept, played_with, seen};

const REWRITING: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[upstream.api]
to = "unix:api.sock"
wait = "0s"
[[route]]
path = "/v1"
proxy = "api"
rewrite = { from = "^/v1/(.*)$", to = "/api/echo/$1" }
[[route]]
path = "/page"
proxy = "api"
rewrite = { from = "^/page/([0-9]+)$", to = "/api/echo?page=$1" }
[[route]]
path = "/api/echo/literal"
proxy = "api"
host = "inner.test:8000"
[[route]]
path = "/api/echo/upstream"
proxy = "api"
host = "upstream"
[[route]]
path = "/api"
proxy = "api"
"#;

#[test]
fn a_path_is_rewritten_byte_for_byte_or_refused() {
    let backed = Backed::start_with(REWRITING);
    for (target, path, query) in [
        ("/v1/a%2Fb//c;d?e=%20f", "/api/echo/a%2Fb//c;d", Some("e=%20f")),
        ("/v1/", "/api/echo/", None),
        ("/page/7", "/api/echo", Some("page=7")),
        ("/page/7?x=1", "/api/echo", Some("page=7&x=1")),
        ("/api/echo/%2e/plain", "/api/echo/%2e/plain", None),
    ] {
        let echo = backed.echo(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((echo["path"].as_str(), echo["query"].as_str()), (Some(path), query), "{target}");
    }
    for target in ["/%761/x", "//v1/x", "/v1/../v1/x", "/v1/../../x"] {
        assert_eq!(backed.edge.request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 400, "{target}");
    }
}

#[test]
fn the_upstream_gets_the_host_that_the_route_says() {
    let backed = Backed::start_with(REWRITING);
    for (path, host) in [("/api/echo", "shop.test"), ("/api/echo/literal", "inner.test:8000"), ("/api/echo/upstream", "localhost")] {
        let echo = backed.echo(&format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n"));
        assert_eq!((seen(&echo, "host"), seen(&echo, "x-forwarded-host")), (vec![host], vec!["shop.test"]), "{path}");
    }
}

/// What a client gets of an answer with these fields.
fn answered(route: &str, fields: &str) -> Response {
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\n[upstream.api]\nto = \"unix:api.sock\"\nwait = \"0s\"\n";
    let (edge, listener) = played_with(&format!("{server}[[route]]\npath = \"/app\"\nproxy = \"api\"\n{route}"));
    let mut client = edge.connect();
    client.send(b"GET /app/x HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let mut upstream = accept(&listener);
    upstream.write_all(format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n{fields}\r\n").as_bytes()).expect("an answer");
    client.response()
}

const FIELDS: &str = "Location: http://inner.test/login?next=/\r\nContent-Location: /x.json\r\nRefresh: 3; url=/next\r\nSet-Cookie: a=1; Path=/admin; Domain=inner.test\r\nSet-Cookie: b=2; Path=/\r\n";

fn values<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    response.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn redirects_and_cookies_lead_back_through_the_edge() {
    let response = answered("strip = \"/app\"\nhost = \"inner.test\"", FIELDS);
    assert_eq!(values(&response, "location"), ["http://shop.test/app/login?next=/"]);
    assert_eq!(values(&response, "content-location"), ["/app/x.json"]);
    assert_eq!(values(&response, "refresh"), ["3; url=/app/next"]);
    assert_eq!(values(&response, "set-cookie"), ["a=1; Path=/app/admin", "b=2; Path=/"]);
}

#[test]
fn what_the_upstream_sees_as_the_client_does_stays_byte_for_byte() {
    let response = answered("", FIELDS);
    assert_eq!(values(&response, "location"), ["http://inner.test/login?next=/"]);
    assert_eq!(values(&response, "set-cookie"), ["a=1; Path=/admin; Domain=inner.test", "b=2; Path=/"]);
}
