//! The operator's own error pages, and lists of folders: who gets them, and as what.

use crate::coded_files::brotli;
use crate::support::http2::{Http2, get, run};
use crate::support::{Edge, Response, Site};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
errors = { 404 = "/404.html", 4xx = "4xx.html", 5xx = "/errors/50x.html" }
headers.response.set = { "X-Site" = "yes", "Cache-Control" = "public, max-age=60" }
[[route]]
path = "/api"
proxy = "unix:nobody.sock"
headers.response.set = { "X-Api" = "yes" }
[[route]]
path = "/plain"
root = "plain"
[[route]]
path = "/files"
root = "files"
listing = true
[upstream.nobody]
to = "unix:nobody.sock"
wait = "0s"
//- /site/index.html
<title>app</title>
//- /site/404.html
<title>not found</title>
//- /site/4xx.html
<title>your mistake</title>
//- /site/errors/50x.html
<title>our mistake</title>
//- /plain/a.txt
a
//- /files/b.txt
12345
//- /files/sub/a&b.txt
1
"#;

const NAVIGATION: &str = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n";
const CONDITIONS: &str = "If-None-Match: *\r\nRange: bytes=0-3\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n";

fn coded_page(site: &Site) -> Vec<u8> {
    brotli(&std::fs::read(site.join("site/404.html")).expect("the page"))
}

fn start() -> Edge {
    let site = Site::new(&SITE.replace("proxy = \"unix:nobody.sock\"", "proxy = \"nobody\""));
    site.write("site/404.html.br", &coded_page(&site));
    Edge::start_with(site, |_| {})
}

#[track_caller]
fn is_page(response: &Response, status: u16, title: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert!(response.text().contains(&format!("<title>{title}</title>")), "{response:?}");
    assert_eq!(response.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!((response.field("cache-control"), response.count("cache-control")), (Some("no-store"), 1));
    for absent in ["etag", "last-modified", "accept-ranges", "content-range"] {
        assert_eq!(response.field(absent), None, "{absent}");
    }
}

#[test]
fn an_error_page_has_the_status_of_the_error_and_the_headers_of_its_route() {
    let edge = start();
    for fields in [NAVIGATION, "Accept: */*\r\n", "", "Accept: image/avif,image/*,*/*;q=0.8\r\n", CONDITIONS] {
        let response = edge.get("/assets/gone.js", fields);
        is_page(&response, 404, "not found");
        assert_eq!((response.field("x-site"), response.field("vary")), (Some("yes"), Some("Accept-Encoding")));
    }
    let refused = edge.request("DELETE /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n");
    is_page(&refused, 405, "your mistake");
    assert_eq!(refused.field("allow"), Some("GET, HEAD"));
    // Under its own name it is a file like any other.
    assert_eq!(edge.get("/404.html", "").status, 200);
    // The app answers navigations, as before.
    assert!(edge.get("/deep/link", NAVIGATION).text().contains("<title>app</title>"));
}

#[test]
fn an_error_page_has_its_own_type_whatever_a_route_sets_for_its_files() {
    let config = SITE
        .replace("proxy = \"unix:nobody.sock\"", "proxy = \"nobody\"")
        .replace("\"Cache-Control\" =", "\"Content-Type\" = \"text/plain\", \"Cache-Control\" =");
    let edge = Edge::start_with(Site::new(&config), |_| {});
    assert_eq!(edge.get("/index.html", "").field("content-type"), Some("text/plain"));
    is_page(&edge.get("/assets/gone.js", NAVIGATION), 404, "not found");
    is_page(&edge.get("/api/report", NAVIGATION), 502, "our mistake");
}

#[test]
fn an_error_page_comes_in_the_coding_that_the_client_takes_and_head_has_no_body() {
    let edge = start();
    let coded = edge.get("/gone.js", "Accept-Encoding: br\r\n");
    assert_eq!((coded.status, coded.field("content-encoding")), (404, Some("br")));
    assert_eq!(coded.body, coded_page(&edge.site));
    let head = edge.request("HEAD /gone.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (404, 0));
    assert_eq!(head.field("content-length"), edge.get("/gone.js", "").field("content-length"));
}

#[test]
fn a_program_that_wants_json_or_takes_no_html_gets_no_page() {
    let edge = start();
    let json = edge.get("/gone.js", "Accept: application/json, text/plain, */*\r\n");
    assert_eq!((json.status, json.field("content-type")), (404, Some("application/json")));
    let text = edge.get("/gone.js", "Accept: image/webp\r\n");
    assert_eq!((text.status, text.field("content-type")), (404, Some("text/plain; charset=utf-8")));
}

#[test]
fn what_the_client_asked_of_a_file_that_is_there_has_no_page() {
    let edge = start();
    let response = edge.get("/index.html", "Range: bytes=900-\r\n");
    assert_eq!((response.status, response.body.len()), (416, 0));
    let response = edge.get("/index.html", "If-Match: \"other\"\r\n");
    assert_eq!((response.status, response.body.len()), (412, 0));
}

#[test]
fn other_routes_show_the_pages_of_the_site_to_people_and_not_to_programs() {
    let edge = start();
    let page = edge.get("/api/report", NAVIGATION);
    is_page(&page, 502, "our mistake");
    assert_eq!((page.field("x-api"), page.field("x-site")), (Some("yes"), None), "the headers are those of the route");
    for fields in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        let response = edge.get("/api/report", fields);
        assert!(response.status == 502 && !response.text().contains("<title>"), "{response:?}");
    }
    is_page(&edge.get("/plain/gone", NAVIGATION), 404, "not found");
    is_page(&edge.get("/%zz", NAVIGATION), 400, "your mistake");
    assert!(!edge.get("/plain/gone", "").text().contains("<title>"));
}

#[test]
fn a_list_comes_as_a_page_or_as_json_and_with_the_slash_of_its_folder() {
    let edge = start();
    let redirect = edge.get("/files/sub?x", "");
    assert_eq!((redirect.status, redirect.field("location")), (308, Some("/files/sub/?x")));
    let page = edge.get("/files/", NAVIGATION);
    assert_eq!((page.status, page.field("content-type"), page.field("vary")), (200, Some("text/html; charset=utf-8"), Some("Accept")));
    assert!(page.text().contains("href=\"./b.txt\"") && page.text().contains("href=\"./sub/\""), "{}", page.text());
    let entries = edge.get("/files/sub/", "Accept: application/json\r\n").json();
    assert_eq!((&entries[0]["name"], &entries[0]["type"], &entries[0]["size"]), (&"a&b.txt".into(), &"file".into(), &1.into()));
    assert!(entries[0]["mtime"].as_str().is_some_and(|date| date.ends_with(" GMT")), "{entries}");
    let tag = format!("If-None-Match: {}\r\n", page.field("etag").expect("a tag"));
    let unchanged = edge.get("/files/", &format!("{NAVIGATION}{tag}"));
    assert_eq!((unchanged.status, unchanged.field("vary")), (304, Some("Accept")));
    assert_eq!(edge.get("/plain/", NAVIGATION).status, 404, "other folders are not listed");
}

#[test]
fn a_page_too_large_for_memory_is_sent_whole_and_over_http2_as_over_http1() {
    let site = Site::new(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\", \"http://127.0.0.1:0\"]\nhttps_redirect = false\n[tls]\ndev = true\n\
         [[route]]\npath = \"/\"\nroot = \"site\"\nerrors = { 404 = \"/404.html\" }\n",
    );
    let page = "x".repeat(3 * 1024 * 1024);
    site.write("site/404.html", page.as_bytes());
    let edge = Edge::start_with(site, |_| {});
    let (secure, plain) = (edge.address(), edge.addresses[1]);
    assert_ne!(secure, plain);
    run(async {
        let mut client = Http2::connect(&edge).await;
        let answer = client.get("/gone.js").await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, page.len()));
        assert_eq!(answer.fields.get("cache-control").map(http::HeaderValue::as_bytes), Some(&b"no-store"[..]));
        let mut head = get("/gone.js");
        *head.method_mut() = http::Method::HEAD;
        let answer = client.request(head, &[], None).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0));
    });
    let mut client = crate::support::Client::connect(plain);
    for (method, length) in [("HEAD", 0), ("GET", page.len()), ("HEAD", 0)] {
        client.send(format!("{method} /gone.js HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let response = client.response_to(method);
        assert_eq!((response.status, response.body.len()), (404, length), "{method}");
        assert_eq!(response.field("content-length"), Some(page.len().to_string().as_str()), "{method}");
    }
}

#[test]
fn an_error_page_with_a_place_for_a_nonce_has_the_nonce_of_its_policy() {
    let edge = Edge::start_with(
        Site::new(
            "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[headers.csp]\npolicy = \"script-src 'nonce-{nonce}'\"\nnonce = true\n\
             [[route]]\npath = \"/\"\nroot = \"site\"\nerrors = { 404 = \"/404.html\", 4xx = \"/404.html\" }\n\
             //- /site/404.html\n<title>gone</title><script nonce=\"{nonce}\"></script>\n",
        ),
        |_| {},
    );
    let mut nonces = Vec::new();
    // The second is refused before there is a request to route.
    for request in [
        "GET /gone.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nContent-Length: x\r\n\r\n",
    ] {
        let response = edge.request(request);
        let policy = response.field("content-security-policy").expect("a policy").to_owned();
        let nonce = policy.trim_start_matches("script-src 'nonce-").trim_end_matches('\'').to_owned();
        assert!(nonce.len() == 32, "{policy}");
        if response.status == 404 {
            is_page(&response, 404, "gone");
            assert!(response.text().contains(&format!("nonce=\"{nonce}\"")), "{}", response.text());
        }
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
}
