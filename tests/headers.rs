//! Response headers: they merge by name, every status has them, and HSTS goes only where it can be kept.

use crate::support::{Api, Certificate, Edge, Response, Site, TlsClient};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[limits]
body = "1KiB"
uri = "256B"
[headers]
set = { "X-Team" = "edge", "X-Level" = "global", "Permissions-Policy" = "camera=()" }
remove = ["X-Powered-By"]
[upstream.api]
to = "unix:api.sock"
[upstream.gone]
to = "unix:gone.sock"
wait = "0s"
[[route]]
path = "/api"
proxy = "api"
[[route]]
path = "/gone"
proxy = "gone"
[[route]]
path = "/old"
redirect = "/new"
[[route]]
exact = "/ok"
respond = { body = "ok" }
[[route]]
path = "/plain"
root = "site"
[route.headers.response]
set = { "X-Level" = "route", "X-Frame-Options" = "", "Cache-Control" = "private" }
remove = ["X-Team"]
[[route]]
path = "/"
root = "site"
spa = true
//- /site/index.html
<!doctype html><title>home</title>
//- /site/docs/index.html
docs
"#;

const PRESET: [(&str, &str); 3] =
    [("x-content-type-options", "nosniff"), ("referrer-policy", "strict-origin-when-cross-origin"), ("x-frame-options", "SAMEORIGIN")];

fn start(text: &str) -> (Edge, Api) {
    let site = Site::new(text);
    let api = Api::start(&site.join("api.sock"));
    (Edge::start_with(site, |_| {}), api)
}

fn assert_has(response: &Response, fields: &[(&str, &str)], what: &str) {
    for (name, value) in fields {
        assert_eq!((response.count(name), response.field(name)), (1, Some(*value)), "{name} of {what}");
    }
}

#[test]
fn every_status_has_every_header() {
    let (edge, _api) = start(SITE);
    let etag = edge.get("/", "").field("etag").expect("a tag").to_owned();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(300));
    let unchanged = format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n");
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n", 206),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
        (unchanged.as_str(), 304),
        ("GET /docs HTTP/1.1\r\nHost: a\r\n\r\n", 308),
        ("GET /old HTTP/1.1\r\nHost: a\r\n\r\n", 308),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /gone.js HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n\r\n", 412),
        ("POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", 413),
        (long.as_str(), 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=9999-\r\n\r\n", 416),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", 502),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /api/small HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /api/status/418 HTTP/1.1\r\nHost: a\r\n\r\n", 418),
        ("GET /api/status/204 HTTP/1.1\r\nHost: a\r\n\r\n", 204),
        ("GET /api/status/500 HTTP/1.1\r\nHost: a\r\n\r\n", 500),
    ] {
        let response = edge.request(request);
        assert_eq!(response.status, status, "{request}");
        assert_has(&response, &PRESET, request);
        assert_has(&response, &[("x-team", "edge"), ("x-level", "global"), ("permissions-policy", "camera=()")], request);
        assert_eq!(
            (response.count("date"), response.field("server"), response.field("strict-transport-security")),
            (1, None, None),
            "{request}"
        );
    }
}

#[test]
fn a_route_changes_the_names_it_names_and_no_other() {
    let (edge, _api) = start(SITE);
    for (path, status) in [("/plain/", 200), ("/plain/docs/", 200), ("/plain/missing", 404), ("/plain", 308)] {
        let response = edge.get(path, "");
        assert_eq!(response.status, status, "{path}");
        assert_has(&response, &[("x-level", "route"), ("x-content-type-options", "nosniff"), ("permissions-policy", "camera=()")], path);
        assert_eq!((response.field("x-frame-options"), response.field("x-team")), (None, None), "{path}");
    }
    assert_has(&edge.get("/plain/", ""), &[("cache-control", "private")], "the page");
}

#[test]
fn the_preset_can_be_strict_or_none() {
    let (strict, _api) = start(&SITE.replace("[headers]", "[headers]\npreset = \"strict\""));
    let response = strict.get("/", "");
    assert_has(
        &response,
        &[("x-frame-options", "DENY"), ("cross-origin-opener-policy", "same-origin"), ("permissions-policy", "camera=()")],
        "/",
    );
    let (none, _other) = start(&SITE.replace("[headers]", "[headers]\npreset = \"none\""));
    let response = none.get("/", "");
    assert_has(&response, &[("x-team", "edge")], "/");
    assert!(PRESET.iter().all(|(name, _)| response.field(name).is_none()), "{response:?}");
}

fn secure(tls: &str, text: &str) -> Site {
    Site::new(
        &text
            .replace("\"127.0.0.1:0\"", "\"https://127.0.0.1:0\", \"http://127.0.0.1:0\"")
            .replace("[limits]", &format!("https_redirect = false\n[tls]\n{tls}\n[limits]")),
    )
}

fn hsts(client: &TlsClient, edge: &Edge, host: &str) -> Option<String> {
    let response = client.request(
        edge.address(),
        host.split(':').next().unwrap_or(host),
        &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    );
    assert_eq!(response.status, 200, "{host}");
    response.field("strict-transport-security").map(str::to_owned)
}

#[test]
fn hsts_goes_out_on_tls_with_a_real_certificate_and_a_public_name_only() {
    let site = secure("cert = \"tls.crt\"\nkey = \"tls.key\"", SITE);
    let names = ["shop.test-site.dev", "localhost", "shop.local", "127.0.0.1"];
    let certificate = Certificate::write(site.path(), &names);
    let edge = Edge::start_with(site, |_| {});
    let client = TlsClient::new(&certificate.path);
    assert_eq!(hsts(&client, &edge, "shop.test-site.dev").as_deref(), Some("max-age=31536000"));
    assert_eq!(hsts(&client, &edge, "SHOP.test-site.dev:8443").as_deref(), Some("max-age=31536000"));
    for host in ["localhost", "shop.local", "127.0.0.1"] {
        assert_eq!(hsts(&client, &edge, host), None, "{host}");
    }
    let plain = edge.addresses[1];
    let mut client = crate::support::Client::connect(plain);
    client.send(b"GET / HTTP/1.1\r\nHost: shop.test-site.dev\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("strict-transport-security")), (200, None));
}

#[test]
fn hsts_never_goes_out_with_the_development_certificate() {
    let edge = Edge::start_with(secure("dev = true", SITE), |_| {});
    let client = TlsClient::new(&edge.site.join("certs/ca.pem"));
    let response = client.request(edge.address(), "localhost", "GET / HTTP/1.1\r\nHost: shop.test-site.dev\r\nConnection: close\r\n\r\n");
    assert_eq!((response.status, response.field("strict-transport-security")), (200, None));
}

#[test]
fn hsts_by_hand_is_the_operators_word() {
    let by_hand = SITE.replace("\"X-Team\" = \"edge\"", "\"X-Team\" = \"edge\", \"Strict-Transport-Security\" = \"max-age=60\"");
    let site = secure("cert = \"tls.crt\"\nkey = \"tls.key\"", &by_hand);
    let certificate = Certificate::write(site.path(), &["shop.test-site.dev"]);
    let edge = Edge::start_with(site, |_| {});
    assert_eq!(hsts(&TlsClient::new(&certificate.path), &edge, "shop.test-site.dev").as_deref(), Some("max-age=60"));
}

#[test]
fn an_error_is_never_kept_for_as_long_as_the_files_beside_it() {
    let edge = Edge::start(&SITE.replace("\"Cache-Control\" = \"private\"", "\"Cache-Control\" = \"public, max-age=31536000, immutable\""));
    let missing = edge.get("/plain/gone-1a2b3c4d.js", "");
    assert_eq!((missing.status, missing.count("cache-control"), missing.field("cache-control")), (404, 1, Some("no-store")));
    assert_eq!(missing.count("content-type"), 1);
    assert_eq!(edge.get("/plain/index.html", "").field("cache-control"), Some("public, max-age=31536000, immutable"));
}
