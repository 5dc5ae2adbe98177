//! What a single-page app gets beside its files: settings of the environment, hints of what a page asks for, nonces for its policy.

use std::future::poll_fn;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::support::http2::{Http2, get, run};
use crate::support::{Browser, Edge, Response, Site, accept};

const NAVIGATION: &str = "Sec-Fetch-Mode: navigate\r\nAccept: text/html,*/*;q=0.8\r\n";

// ---------------------------------------------------------------- env

const ENVIRONMENT: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
env = { file = "/env.js", global = "APP", keys = ["PUBLIC_*", "API_URL", "NOT_SET"] }
//- /site/index.html
<!doctype html><script src="/env.js"></script>
"#;

const SCRIPT: &str = "window.APP=Object.freeze({\"API_URL\":\"/api\",\"PUBLIC_API_KEY\":\"k\",\"PUBLIC_NAME\":\"\\u003c/script\\u003e \\\"a\\\"\u{e9}\"});\n";

fn start_environment(text: &str, name: &str) -> Edge {
    Edge::start_with(Site::new(text), |command| {
        command
            .env("PUBLIC_NAME", name)
            .env("PUBLIC_API_KEY", "k")
            .env("API_URL", "/api")
            .env("API_SECRET", "hidden")
            .env_remove("NOT_SET");
    })
}

#[test]
fn the_environment_that_is_allowed_and_no_more_is_a_script() {
    let edge = start_environment(ENVIRONMENT, "</script> \"a\"\u{e9}");
    let response = edge.get("/env.js", "");
    assert_eq!((response.status, response.text().as_str()), (200, SCRIPT));
    assert_eq!(response.field("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(response.field("cache-control"), Some("no-cache"));
    let etag = response.field("etag").expect("an entity tag").to_owned();
    assert_eq!(edge.get("/env.js", &format!("If-None-Match: {etag}\r\n")).status, 304);
    let head = edge.request("HEAD /env.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some(SCRIPT.len().to_string().as_str())));
    let again = start_environment(ENVIRONMENT, "</script> \"a\"\u{e9}");
    assert_eq!(again.get("/env.js", "").field("etag"), Some(etag.as_str()), "the same environment, another tag");
    let other = start_environment(ENVIRONMENT, "another");
    assert_ne!(other.get("/env.js", "").field("etag"), Some(etag.as_str()), "another environment, the same tag");
}

#[test]
fn a_secret_that_is_published_and_a_variable_that_is_not_set_are_told() {
    let edge = start_environment(ENVIRONMENT, "a");
    let warns =
        |part: &str| edge.find_event(|event| event["level"] == "warn" && event["msg"].as_str().is_some_and(|text| text.contains(part)));
    assert!(warns("/env.js publishes PUBLIC_API_KEY").is_some(), "{:?}", edge.events());
    assert!(warns("/env.js does not have NOT_SET").is_some(), "{:?}", edge.events());
    assert!(warns("PUBLIC_NAME").is_none() && warns("API_URL").is_none());
}

#[test]
fn the_stub_of_developers_loses_to_the_environment() {
    let site = format!("{ENVIRONMENT}//- /site/env.js\nwindow.APP = {{}};\n//- /site/env.js.gz\nnot even gzip\n");
    let edge = start_environment(&site, "a");
    let response = edge.get("/env.js", "Accept-Encoding: gzip\r\n");
    assert!(response.text().contains("\"PUBLIC_NAME\":\"a\""), "{}", response.text());
    assert_eq!(response.field("content-encoding"), None);
    let told = edge.find_event(|event| event["msg"].as_str().is_some_and(|text| text.contains("env.js is not served: `env` of the route")));
    assert!(told.is_some(), "{:?}", edge.events());
}

// ---------------------------------------------------------------- early_hints

const HINTS: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
early_hints = true
[[route]]
path = "/plain"
root = "site"
spa = true
//- /site/index.html
<!doctype html><html><head>
<script type="module" crossorigin src="/assets/index-a1b2c3d4.js"></script>
<link rel="modulepreload" crossorigin href="/assets/vendor-a1b2c3d4.js">
<link rel="stylesheet" href="/assets/index-a1b2c3d4.css">
<link rel="stylesheet" href="https://cdn.example/x.css">
</head><body></body></html>
//- /site/assets/index-a1b2c3d4.js
1
"#;

const LINK: &str = "</assets/index-a1b2c3d4.js>; rel=modulepreload; crossorigin, </assets/vendor-a1b2c3d4.js>; rel=modulepreload; crossorigin, </assets/index-a1b2c3d4.css>; rel=preload; as=style";

/// All heads of the answer to a request.
fn heads(edge: &Edge, request: &str) -> Vec<Response> {
    let mut client = edge.connect();
    client.send(request.as_bytes());
    let mut heads = vec![client.head()];
    while heads.last().is_some_and(|head| head.status < 200) {
        heads.push(client.head());
    }
    heads
}

fn statuses(edge: &Edge, request: &str) -> Vec<u16> {
    heads(edge, request).iter().map(|head| head.status).collect()
}

#[test]
fn a_browser_that_navigates_gets_hints_before_the_page() {
    let edge = Edge::start(HINTS);
    for path in ["/", "/index.html", "/deep/view"] {
        let heads = heads(&edge, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{NAVIGATION}\r\n"));
        let found: Vec<_> = heads.iter().map(|head| (head.status, head.field("link"))).collect();
        assert_eq!(found, [(103, Some(LINK)), (200, None)], "{path}");
        assert_eq!(heads[0].fields.len(), 1, "a 103 has its hints alone: {:?}", heads[0]);
    }
}

#[test]
fn nobody_else_gets_hints() {
    let edge = Edge::start(HINTS);
    let etag = edge.get("/", "").field("etag").expect("an entity tag").to_owned();
    for (request, status) in [
        (format!("HEAD / HTTP/1.1\r\nHost: a\r\n{NAVIGATION}\r\n"), 200),
        (format!("GET / HTTP/1.0\r\nHost: a\r\n{NAVIGATION}\r\n"), 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n".to_owned(), 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Mode: cors\r\n\r\n".to_owned(), 200),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{NAVIGATION}Via: 1.1 old-proxy\r\n\r\n"), 200),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{NAVIGATION}If-None-Match: {etag}\r\n\r\n"), 304),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{NAVIGATION}Range: bytes=0-1\r\n\r\n"), 206),
        (format!("GET /assets/index-a1b2c3d4.js HTTP/1.1\r\nHost: a\r\n{NAVIGATION}\r\n"), 200),
        (format!("GET /gone.js HTTP/1.1\r\nHost: a\r\n{NAVIGATION}\r\n"), 404),
        (format!("GET /plain/ HTTP/1.1\r\nHost: a\r\n{NAVIGATION}\r\n"), 200),
    ] {
        assert_eq!(statuses(&edge, &request), [status], "{request}");
    }
}

fn secure(text: &str) -> Edge {
    Edge::start(&text.replace("[\"127.0.0.1:0\"]", "[\"https://127.0.0.1:0\"]\n[tls]\ndev = true"))
}

#[test]
fn hints_come_over_http2_too() {
    let edge = secure(HINTS);
    run(async {
        let client = Http2::connect(&edge).await;
        let mut request = get("/deep/view");
        request.headers_mut().insert("accept", "text/html".parse().expect("a value"));
        let mut ready = client.send.clone().ready().await.expect("a connection");
        let (mut response, _) = ready.send_request(request, true).expect("a stream");
        let interim = poll_fn(|context| response.poll_informational(context)).await.expect("an interim response").expect("no error");
        assert_eq!(interim.status(), 103);
        assert_eq!(interim.headers()["link"], LINK);
        let answer = response.await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers().get("link")), (200, None));
    });
}

// ---------------------------------------------------------------- headers.csp

const NONCED: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[headers]
preset = "strict"
[headers.csp]
policy = "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'"
nonce = true
[[route]]
path = "/"
root = "site"
spa = true
early_hints = true
[[route]]
path = "/own"
root = "site"
headers.response.set = { "Content-Security-Policy" = "default-src 'none'" }
[[route]]
path = "/app"
proxy = "unix:app.sock"
//- /site/index.html
<!doctype html><html><head><link rel="modulepreload" href="/a.js">
<script nonce="{nonce}">window.allowed = true</script><script>window.smuggled = true</script>
<style nonce="{nonce}">p { color: rgb(1, 2, 3) }</style></head><body><p>text</p></body></html>
//- /site/plain.html
<!doctype html><title>no place for a nonce</title>
//- /site/a.js
1
"#;

/// The nonce of a policy, which has it in two places.
fn nonce_of(policy: &str) -> &str {
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default();
    assert_eq!(policy, format!("default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'"));
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{policy}");
    nonce
}

fn policy(response: &Response) -> &str {
    assert_eq!(response.count("content-security-policy"), 1, "{response:?}");
    response.field("content-security-policy").expect("a policy")
}

fn page_with(nonce: &str) -> String {
    let page = NONCED.split("//- /site/index.html\n").nth(1).and_then(|rest| rest.split("\n//- ").next()).expect("the page");
    page.replace("{nonce}", nonce)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn every_response_has_a_nonce_of_its_own_in_its_policy_and_its_page() {
    let site = Site::new(NONCED);
    site.write("site/index.html.gz", &gzip(&page_with("{nonce}")));
    let edge = Edge::start_with(site, |_| {});
    let mut nonces = Vec::new();
    for path in ["/", "/", "/index.html", "/deep/view"] {
        let response = edge.get(path, &format!("{NAVIGATION}Accept-Encoding: gzip\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\n"));
        assert_eq!(response.status, 200, "{path}");
        let nonce = nonce_of(policy(&response)).to_owned();
        assert_eq!(response.text(), page_with(&nonce), "{path}");
        assert_eq!(response.field("cache-control"), Some("private, no-cache"));
        for absent in ["etag", "last-modified", "content-encoding", "accept-ranges", "vary"] {
            assert_eq!(response.field(absent), None, "{absent}");
        }
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4, "a nonce came twice");
}

#[test]
fn a_page_with_a_nonce_has_the_length_that_its_head_says_and_its_hints() {
    let edge = Edge::start(NONCED);
    let mut client = edge.connect();
    client.send(
        format!("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n{NAVIGATION}\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .as_bytes(),
    );
    let (head, interim) = (client.response_to("HEAD"), client.head());
    assert_eq!((interim.status, interim.field("link")), (103, Some("</a.js>; rel=modulepreload")));
    for _ in 0..2 {
        let response = client.response();
        assert_eq!((response.status, response.field("content-length")), (200, head.field("content-length")));
        assert_eq!(response.text(), page_with(nonce_of(policy(&response))));
    }
    assert_ne!(head.field("content-length"), None);
}

#[test]
fn every_other_status_has_the_policy_too_and_other_files_are_as_they_were() {
    let edge = Edge::start(NONCED);
    for (path, status) in [("/plain.html", 200), ("/a.js", 200), ("/gone.js", 404), ("/%zz", 400), ("/own", 308)] {
        let response = edge.get(path, "");
        assert_eq!(response.status, status, "{path}");
        if path == "/own" {
            assert_eq!(policy(&response), "default-src 'none'", "a route has its own");
        } else {
            nonce_of(policy(&response));
        }
    }
    let plain = edge.get("/plain.html", "");
    let etag = plain.field("etag").expect("an entity tag");
    assert_eq!(plain.field("cache-control"), Some("no-cache"));
    assert_eq!(edge.get("/plain.html", &format!("If-None-Match: {etag}\r\n")).status, 304);
    // The route has no nonce to put in, so its page is a file like others.
    let own = edge.get("/own/index.html", "");
    assert!(own.text().contains("nonce=\"{nonce}\"") && own.field("etag").is_some(), "{own:?}");
}

#[test]
fn a_policy_with_a_nonce_works_over_http2() {
    let edge = secure(NONCED);
    run(async {
        let mut client = Http2::connect(&edge).await;
        let answer = client.get("/").await.expect("an answer");
        let policy = answer.fields["content-security-policy"].to_str().expect("text").to_owned();
        assert_eq!(String::from_utf8_lossy(&answer.body), page_with(nonce_of(&policy)));
        assert_eq!(answer.fields["content-length"], answer.body.len().to_string().as_str());
        let missing = client.get("/gone.js").await.expect("an answer");
        nonce_of(missing.fields["content-security-policy"].to_str().expect("text"));
    });
}

#[test]
fn an_application_that_sends_its_own_policy_is_believed() {
    let site = Site::new(NONCED);
    let listener = UnixListener::bind(site.join("app.sock")).expect("a socket");
    let app = std::thread::spawn(move || {
        for policy in ["Content-Security-Policy: script-src 'nonce-app'\r\n", ""] {
            let mut stream = accept(&listener);
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n{policy}\r\n").as_bytes())
                .expect("an answer");
        }
    });
    let edge = Edge::start_with(site, |_| {});
    assert_eq!(policy(&edge.get("/app", "")), "script-src 'nonce-app'");
    nonce_of(policy(&edge.get("/app", "")));
    app.join().expect("the application");
}

#[test]
fn a_policy_may_be_fixed_and_may_only_report() {
    let fixed =
        NONCED.replace("; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'", "").replace("nonce = true", "report_only = true");
    let edge = Edge::start(&fixed);
    let response = edge.get("/", "");
    assert_eq!(response.field("content-security-policy-report-only"), Some("default-src 'self'"));
    assert!(policy(&response).contains("frame-ancestors 'none'"), "the preset's policy is enforced beside it");
    assert!(response.text().contains("{nonce}") && response.field("etag").is_some(), "without a nonce a page is a file");
    let enforced = Edge::start(&fixed.replace("report_only = true", ""));
    assert_eq!(policy(&enforced.get("/", "")), "default-src 'self'", "in the place of the preset's");
}

#[test]
fn a_browser_runs_the_script_that_has_the_nonce_and_no_other() {
    if let Some(missing) = Browser::missing() {
        assert!(std::env::var_os("CI").is_none(), "no browser: {missing}");
        eprintln!("skipped: no {missing}");
        return;
    }
    let edge = secure(
        &NONCED
            .replace("spa = true", "spa = true\nenv = { keys = [\"PUBLIC_*\"] }")
            .replace("<body>", "<body><script src=\"/env.js\"></script>"),
    );
    let browser = Browser::start_trusting(Path::new(&edge.site.join("certs/ca.pem")));
    let mut page = browser.page();
    for _ in 0..2 {
        page.open(&format!("https://localhost:{}/", edge.address().port())).expect("the certificate is trusted");
        page.wait_until("document.readyState === 'complete'");
        assert_eq!(page.evaluate("window.allowed"), true);
        assert!(page.evaluate("window.smuggled ?? null").is_null(), "a script without the nonce has run");
        assert_eq!(page.evaluate("getComputedStyle(document.querySelector('p')).color"), "rgb(1, 2, 3)");
        assert_eq!(page.evaluate("Object.isFrozen(window.__ENV__)"), true);
    }
}
