//! `transom explain`: the same story as the server's, with the line of the config that is to blame.

use std::process::{Command, Output, Stdio};

use crate::support::{Edge, Site, wait_for};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[headers]
set = { "X-Team" = "edge", "X-Both" = "global" }
[upstream.api]
to = "unix:api.sock"
wait = "0s"
[[route]]
path = ["/api", "/v1"]
proxy = "api"
strip = ""
headers.request.set = { "X-Route" = "api", "X-Who" = "{remote_addr}" }
headers.response.set = { "X-Both" = "route", "X-Id" = "{request_id}" }
[[route]]
exact = "/old"
redirect = "/new"
[[route]]
exact = "/livez"
respond = { status = 200, body = "ok\n" }
[[route]]
path = "/files"
root = "files"
listing = true
[[route]]
path = "/"
root = "site"
spa = true
errors = { 4xx = "/404.html" }
//- /site/index.html
<title>app</title>
//- /site/404.html
<title>not found</title>
//- /site/assets/index-BgA0-x9_.js
console.log("hashed")
//- /site/packed.js
console.log("plain")
//- /site/docs/index.html
<title>docs</title>
//- /files/a.txt
a
"#;

const NAVIGATION: &str = "Accept: text/html,*/*;q=0.8";

fn site() -> Site {
    let site = Site::new(SITE);
    site.write("site/packed.js.gz", include_bytes!("golden/static/packed.js.gz"));
    site
}

fn explain(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transom"))
        .arg("explain")
        .args(arguments)
        .current_dir(site.path())
        .stdin(Stdio::null())
        .output()
        .expect("explain runs")
}

#[track_caller]
fn says(site: &Site, arguments: &[&str], expected: &[&str]) {
    let output = explain(site, arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    // However wide the columns are.
    let words = text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    for part in expected {
        assert!(words.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn it_names_the_route_the_file_and_the_reason() {
    let site = site();
    let root = ["path = \"/\" ← proxy.toml:25", "root = \"site\" ← proxy.toml:26"];
    says(&site, &["GET", "/packed.js"], &root);
    says(
        &site,
        &["/packed.js", "-H", "Accept-Encoding: br, gzip"],
        &[
            "/packed.js ← the file that was asked for",
            "gzip ← by Accept-Encoding; the file has gzip (what it has no sibling for is made soon after the start)",
        ],
    );
    says(&site, &["/docs/"], &["/docs/index.html ← the index file of the folder", "status 200 OK, 19 bytes"]);
    says(&site, &["/docs?x"], &["308 Permanent Redirect", "location: /docs/?x"]);
    says(&site, &["/deep/link", "-H", NAVIGATION], &["/index.html ← the page of the application (`spa`): there is no /deep/link"]);
    says(&site, &["http://localhost/files/"], &["a list of the folder (`listing`)", "root = \"files\" ← proxy.toml:22"]);
    says(&site, &["/old?a=b"], &["exact = \"/old\"", "redirect = \"/new\" ← proxy.toml:16", "location: /new?a=b"]);
    says(&site, &["/livez"], &["respond = { status = 200, body = \"ok\\n\" }", "status 200 OK, 3 bytes"]);
}

#[test]
fn it_knows_the_forms_that_a_file_will_have_once_it_is_served() {
    let site = site();
    site.write("site/plain.js", "export const transom = 1;\n".repeat(200).as_bytes());
    says(&site, &["/plain.js", "-H", "Accept-Encoding: br"], &["br ← by Accept-Encoding; the file has br, gzip", "content-encoding: br"]);
    let edge = Edge::start_with(site, |_| {});
    let served = || edge.get("/plain.js", "Accept-Encoding: br\r\n");
    wait_for("the form", || (served().field("content-encoding") == Some("br")).then_some(()));
    let etag = format!("etag: {}", served().field("etag").unwrap_or_default());
    says(&edge.site, &["/plain.js", "-H", "Accept-Encoding: br"], &[&etag]);
}

#[test]
fn the_type_of_an_error_page_is_its_own_and_not_that_of_the_line_for_files() {
    let site = Site::new(
        "//- /proxy.toml\n[[route]]\npath = \"/\"\nroot = \"site\"\nerrors = { 404 = \"404.html\" }\nheaders.response.set = { \"Content-Type\" = \"text/plain\" }\n//- /site/404.html\n<title>no</title>\n//- /site/a.html\na\n",
    );
    says(&site, &["/gone"], &["content-type: text/html; charset=utf-8 ← the type of the content"]);
    says(&site, &["/a.html"], &["content-type: text/plain ← proxy.toml:5"]);
}

#[test]
fn it_says_why_nothing_was_found() {
    let site = site();
    says(
        &site,
        &["/assets/gone.js", "-H", NAVIGATION],
        &["404 Not Found", "no such file", "its last segment has a dot", "/404.html ← the page of `errors`"],
    );
    says(&site, &["/deep/link"], &["nobody navigates"]);
    says(&site, &["/files/gone"], &["the route has no `spa`"]);
    says(&site, &["DELETE", "/packed.js"], &["405 Method Not Allowed", "allow: GET, HEAD"]);
    says(&site, &["POST", "/api/x", "-H", "Content-Length: 99999999"], &["413 Payload Too Large", "exceeds limits.body"]);
    says(&site, &["/../../etc/passwd"], &["400 Bad Request", "climbs above the root"]);
}

#[test]
fn it_says_what_was_decided_before_any_route() {
    let site = site();
    let config = "[server]\nlisten = [\"http://127.0.0.1:0\", \"https://127.0.0.1:9443\"]\nnames = [\"shop.test\"]\n[tls]\ndev = true\n[[route]]\npath = \"/app\"\nroot = \"site\"\n";
    site.write("tls.toml", config.as_bytes());
    let redirected = ["https_redirect", "308 Permanent Redirect", "location: https://shop.test:9443/app/x?y"];
    says(&site, &["http://shop.test/app/x?y", "-c", "tls.toml"], &redirected);
    says(&site, &["https://other.test/app/", "-c", "tls.toml"], &["421 Misdirected Request", "this host is not in server.names"]);
    says(&site, &["/app/", "-c", "tls.toml"], &["GET https://shop.test/app/", "/index.html ← the index file", "← tls.toml:7"]);
    says(&site, &["/", "-c", "tls.toml"], &["route none ← no route matches", "404 Not Found"]);
    assert!(!site.join("certs").exists(), "nothing is written");
}

#[test]
fn every_header_has_the_line_that_set_it() {
    let site = site();
    let expected =
        ["x-team: edge", "← proxy.toml:4", "x-frame-options: SAMEORIGIN", "← preset \"spa\" (the default)", "← the hash of the content"];
    says(&site, &["/packed.js"], &expected);
    let forwarded = [
        "api at \"unix:api.sock\" ← proxy.toml:6",
        "GET /api/x?y HTTP/1.1",
        "x-route: api",
        "x-who: 127.0.0.1 ← proxy.toml:12",
        "x-request-id: ",
        "x-id: {request_id} ← proxy.toml:13",
        "x-both: route",
        "← proxy.toml:13",
        "x-forwarded-host: shop.test",
        "unless the upstream sends it",
    ];
    says(&site, &["http://shop.test/api/x?y"], &forwarded);
    says(&site, &["/v1/x"], &["path = \"/v1\" ← proxy.toml:9"]);
}

#[test]
fn it_tells_what_the_server_answers() {
    let edge = Edge::start(SITE);
    let fields =
        ["", NAVIGATION, "Accept: application/json", "Accept-Encoding: br", "Range: bytes=0-2", "If-None-Match: *", "If-Match: \"x\""];
    let paths = [
        "/",
        "/packed.js",
        "/assets/index-BgA0-x9_.js",
        "/assets/gone.js",
        "/deep/link",
        "/docs",
        "/docs/",
        "/old",
        "/livez",
        "/files/",
        "/files",
        "/%zz",
        "/404.html",
    ];
    for (method, path) in
        paths.iter().map(|path| ("GET", path)).chain([("HEAD", &"/packed.js"), ("POST", &"/packed.js"), ("POST", &"/livez")])
    {
        for field in fields {
            let line = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
            let response = edge.request(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n"));
            let url = format!("http://localhost{path}");
            let mut arguments = vec![method, &url];
            if !field.is_empty() {
                arguments.extend(["-H", field]);
            }
            let output = explain(&edge.site, &arguments);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains(&format!("status    {} ", response.status)), "{method} {path} {field}: {}\n{text}", response.status);
            let mut told: Vec<&str> = text
                .split("response headers\n")
                .nth(1)
                .expect("headers")
                .lines()
                .filter(|line| !line.trim_start().starts_with('←'))
                .collect();
            told.retain(|line| !line.trim_start().starts_with("date:"));
            let sent: Vec<_> =
                response.fields.iter().filter(|(name, _)| !["date", "content-length", "connection"].contains(&name.as_str())).collect();
            assert_eq!(told.len(), sent.len(), "{method} {path} {field}: {sent:?}\n{text}");
            for (name, value) in sent {
                assert!(
                    told.iter().any(|line| line.trim_start().starts_with(&format!("{name}: {value}"))),
                    "{name}: {value} is not in\n{text}"
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_explained_has_the_status_of_its_mistake() {
    let site = site();
    for arguments in [&["example.com"][..], &[], &["GET", "/", "-H", "no colon"], &["GET", "/", "/"]] {
        let output = explain(&site, arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    let broken = Site::new("//- /proxy.toml\n[[route]]\npath = \"/\"\nroot = \"gone\"\n");
    let output = explain(&broken, &["/"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(78), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("proxy.toml:3:8"), "{}", String::from_utf8_lossy(&output.stderr));
}
