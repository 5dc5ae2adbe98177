//! Where a request came from, what it is called, and what it is told on its way: from the right peer alone, and never more than a value.

use crate::support::{Backed, FORWARD, seen};

const TEMPLATES: &str = r#"
[headers]
set = { "X-Served" = "{method} {scheme}://{host}{path}", "X-Seen" = "{http.x-probe}" }

[[route]]
path  = "/api/set"
proxy = "api"
headers.request.set     = { "X-Peer" = "{remote_addr}", "X-Asked" = "{method} {path}?{query}", "X-Copy" = "{http.user-agent}", "X-Brace" = "{{host}", "X-Empty" = "{http.x-none}" }
headers.request.remove  = ["X-Internal"]
headers.response.set    = { "X-Name" = "{request_id}", "X-Fixed" = "1" }
headers.response.remove = ["X-Seen"]
"#;

fn config(server: &str) -> String {
    FORWARD.replace("grace  = \"1s\"", &format!("grace = \"1s\"\n{server}"))
}

#[test]
fn headers_are_filled_in_from_the_request() {
    let backed = Backed::start_with(&format!("{FORWARD}{TEMPLATES}").replace("\"/api/set\"", "\"/api/echo\""));
    let request = "GET /api/echo?a=%20b HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: probe\r\nX-Internal: 1\r\nX-Copy: lie\r\nX-Empty: lie\r\nX-Probe: p\r\n\r\n";
    let response = backed.edge.request(request);
    let echo = response.json();
    for (name, value) in [("x-peer", "127.0.0.1"), ("x-asked", "GET /api/echo?a=%20b"), ("x-copy", "probe"), ("x-brace", "{host}")] {
        assert_eq!(seen(&echo, name), [value], "{name}");
    }
    for name in ["x-internal", "x-empty"] {
        assert!(seen(&echo, name).is_empty(), "{name}");
    }
    let named = seen(&echo, "x-request-id");
    assert_eq!((response.field("x-name"), response.field("x-fixed"), response.field("x-seen")), (Some(named[0]), Some("1"), None));
    assert_eq!(response.field("x-served"), Some("GET http://shop.test/api/echo"));
    // What the edge itself answers has them too.
    let missing = backed.get("/nothing", "X-Probe: q\r\n");
    assert_eq!(
        (missing.status, missing.field("x-served"), missing.field("x-seen")),
        (404, Some("GET http://localhost/nothing"), Some("q"))
    );
}

#[test]
fn a_request_has_one_name_for_the_upstream_the_log_and_the_error_page() {
    let backed = Backed::start("");
    let echo = backed.echo("GET /api/echo?named HTTP/1.1\r\nHost: a\r\nX-Request-Id: lie\r\n\r\n");
    let named = seen(&echo, "x-request-id");
    assert!(named.len() == 1 && named[0].len() == 32 && named[0].bytes().all(|byte| byte.is_ascii_hexdigit()), "{named:?}");
    backed.edge.wait_for_access("the line with the name", |line| line["request_id"] == named[0]);
    let failed = backed.get("/raw/close-at-once", "Accept: application/json\r\n");
    let name = failed.json()["request_id"].as_str().expect("a name").to_owned();
    assert_eq!((failed.status, failed.field("x-request-id")), (502, Some(name.as_str())));
    backed.edge.wait_for_access("the line of the failure", |line| line["request_id"] == name.as_str() && line["status"] == 502);
    let page = backed.get("/raw/close-at-once", "Accept: text/html\r\n");
    assert!(page.text().contains(page.field("x-request-id").expect("a name")), "{}", page.text());
}

#[test]
fn a_stranger_says_nothing_of_where_he_comes_from() {
    let backed = Backed::start_with(&config("trusted_proxies = [\"10.0.0.0/8\", \"cloudflare\", \"unix\"]"));
    let claims = "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 1.1.1.1\r\nX-Request-Id: mine\r\n";
    let echo = backed.echo(&format!("GET /api/echo HTTP/1.1\r\nHost: shop.test\r\n{claims}\r\n"));
    for (name, value) in [
        ("x-forwarded-for", &["127.0.0.1"][..]),
        ("x-real-ip", &["127.0.0.1"]),
        ("x-forwarded-proto", &["http"]),
        ("x-forwarded-host", &["shop.test"]),
        ("x-forwarded-prefix", &[]),
        ("x-forwarded-port", &[]),
        ("forwarded", &["for=127.0.0.1;host=shop.test;proto=http"]),
    ] {
        assert_eq!(seen(&echo, name), value, "{name}");
    }
    assert_ne!(seen(&echo, "x-request-id"), ["mine"]);
}

#[test]
fn a_trusted_proxy_says_where_a_request_comes_from() {
    let backed = Backed::start_with(&config("trusted_proxies = \"private\""));
    let claims = "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\nX-Forwarded-Prefix: /shop\r\nForwarded: for=6.6.6.6\r\nX-Request-Id: from-the-balancer\r\n";
    let echo = backed.echo(&format!("GET /api/echo?trusted HTTP/1.1\r\nHost: inner\r\n{claims}\r\n"));
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-real-ip", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.test"),
        ("x-forwarded-prefix", "/shop"),
        ("forwarded", "for=192.0.2.7;host=shop.test;proto=https"),
        ("x-request-id", "from-the-balancer"),
        ("host", "inner"),
    ] {
        assert_eq!(seen(&echo, name), [value], "{name}");
    }
    let line = backed.edge.wait_for_access("its line", |line| line["path"] == "/api/echo?trusted");
    assert_eq!(
        (&line["client"], &line["scheme"], &line["request_id"]),
        (&"192.0.2.7".into(), &"https".into(), &"from-the-balancer".into())
    );
    let malformed = backed.echo("GET /api/echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, nonsense\r\n\r\n");
    assert_eq!(seen(&malformed, "x-forwarded-for"), ["127.0.0.1"]);
}

#[test]
fn a_trace_is_passed_on_and_a_malformed_one_is_not() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let passing = Backed::start("");
    let ask = |backed: &Backed, parent: &str| {
        backed.echo(&format!("GET /api/echo HTTP/1.1\r\nHost: a\r\nTraceParent: {parent}\r\nTraceState: a=1\r\ntracestate: b=2\r\n\r\n"))
    };
    let echo = ask(&passing, PARENT);
    assert_eq!((seen(&echo, "traceparent"), seen(&echo, "tracestate").len()), (vec![PARENT], 2));
    let echo = ask(&passing, &PARENT.to_uppercase());
    assert!(seen(&echo, "traceparent").is_empty() && seen(&echo, "tracestate").is_empty());
    let making = Backed::start_with(&config("traceparent = \"make\""));
    assert_eq!(seen(&ask(&making, PARENT), "traceparent"), [PARENT]);
    let echo = ask(&making, "00-nonsense");
    let made = seen(&echo, "traceparent");
    assert!(made.len() == 1 && made[0].len() == 55 && made[0].starts_with("00-") && made[0].ends_with("-00"), "{made:?}");
    assert!(seen(&echo, "tracestate").is_empty());
}
