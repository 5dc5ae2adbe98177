//! Files: which request gets which file, what may be kept of it, and that nothing outside the root is ever read.

use crate::support::{Edge, Response, Site};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
[[route]]
path = "/admin"
root = "admin"
//- /site/index.html
<!doctype html><title>app</title>
//- /site/assets/index-BgA0-x9_.js
console.log("hashed")
//- /site/assets/logo.svg
<svg xmlns="http://www.w3.org/2000/svg"/>
//- /site/robots.txt
0123456789
//- /site/docs/index.html
<!doctype html><title>docs</title>
//- /site/packed.js
console.log("plain")
//- /site/.env
SECRET=1
//- /site/.git/config
SECRET=2
//- /site/.well-known/security.txt
Contact: mailto:security@example.com
//- /admin/index.html
<!doctype html><title>admin</title>
//- /admin/a.txt
a
//- /secret.txt
SECRET=3
"#;

const NAVIGATION: &str = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n";
/// `console.log("plain")`, gzipped.
const GZIP: &[u8] = include_bytes!("golden/static/packed.js.gz");

fn start() -> Edge {
    let site = Site::new(SITE);
    site.write("site/packed.js.gz", GZIP);
    site.write("site/packed.js.br", &crate::coded_files::brotli(br#"console.log("plain")"#));
    std::os::unix::fs::symlink(site.join("secret.txt"), site.join("site/leak.txt")).expect("a link");
    std::os::unix::fs::symlink(site.path(), site.join("site/up")).expect("a link");
    std::os::unix::fs::symlink("robots.txt", site.join("site/inside.txt")).expect("a link");
    Edge::start_with(site, |_| {})
}

fn cache(response: &Response) -> &str {
    response.field("cache-control").unwrap_or("(none)")
}

#[test]
fn the_app_answers_navigations_and_nothing_else_in_the_place_of_a_missing_file() {
    let edge = start();
    let table = [
        ("/", "", 200),
        ("/deep/link", NAVIGATION, 200),
        ("/deep/link/", NAVIGATION, 200),
        ("/deep/link?x=a.js", NAVIGATION, 200),
        ("/deep/link", "Sec-Fetch-Mode: navigate\r\nAccept: */*\r\n", 200),
        ("/user@example", NAVIGATION, 200),
        ("/deep/link", "Accept: */*\r\n", 404),
        ("/deep/link", "", 404),
        ("/deep/link", "Accept: application/json\r\n", 404),
        ("/deep/link", "Sec-Fetch-Mode: cors\r\nAccept: */*\r\n", 404),
        ("/deep/link", "Accept: text/html;q=0\r\n", 404),
        ("/assets/index-gone1234.js", "Accept: */*\r\n", 404),
        ("/assets/index-gone1234.js", NAVIGATION, 404),
        ("/assets/index-gone1234.js", "Sec-Fetch-Mode: navigate\r\n", 404),
        ("/favicon.ico", NAVIGATION, 404),
        ("/.env", NAVIGATION, 404),
        ("/.git/config", NAVIGATION, 404),
        ("/.git/HEAD", NAVIGATION, 404),
        ("/.well-known/change-password", NAVIGATION, 404),
        ("/admin/deep", NAVIGATION, 404),
    ];
    for (path, fields, status) in table {
        let response = edge.get(path, fields);
        assert_eq!(response.status, status, "{path} {fields:?}");
        let is_app = response.text().contains("<title>app</title>");
        assert_eq!(is_app, status == 200, "{path} {fields:?}");
        assert_eq!(cache(&response), if is_app { "no-cache" } else { "no-store" }, "{path} {fields:?}");
    }
}

#[test]
fn the_cache_policy_follows_the_file_that_is_served() {
    let edge = start();
    for (path, policy, kind) in [
        ("/", "no-cache", "text/html; charset=utf-8"),
        ("/index.html", "no-cache", "text/html; charset=utf-8"),
        ("/docs/", "no-cache", "text/html; charset=utf-8"),
        ("/assets/index-BgA0-x9_.js", "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"),
        ("/assets/logo.svg", "public, max-age=0, must-revalidate", "image/svg+xml"),
        ("/robots.txt", "public, max-age=0, must-revalidate", "text/plain; charset=utf-8"),
        ("/.well-known/security.txt", "public, max-age=0, must-revalidate", "text/plain; charset=utf-8"),
    ] {
        let response = edge.get(path, "");
        assert_eq!((response.status, cache(&response)), (200, policy), "{path}");
        assert!(response.field("content-type").is_some_and(|found| found.starts_with(kind.split(';').next().unwrap_or(kind))), "{path}");
        let etag = response.field("etag").expect("an entity tag").to_owned();
        let unchanged = edge.get(path, &format!("If-None-Match: {etag}\r\n"));
        assert_eq!((unchanged.status, cache(&unchanged)), (304, policy), "{path}");
        assert_eq!(unchanged.field("content-length"), None, "{path}");
    }
}

#[test]
fn a_hashed_asset_that_is_missing_or_refused_is_never_immutable() {
    let edge = start();
    for (request, status) in [
        ("GET /assets/index-BgA0-x9X.js HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("POST /assets/index-BgA0-x9_.js HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /assets/index-BgA0-x9_.js HTTP/1.1\r\nHost: a\r\nRange: bytes=99999-\r\n\r\n", 416),
        ("GET /assets/index-BgA0-x9_.js HTTP/1.1\r\nHost: a\r\nIf-Match: \"other\"\r\n\r\n", 412),
    ] {
        let response = edge.request(request);
        assert_eq!((response.status, cache(&response)), (status, "no-store"), "{request}");
    }
}

#[test]
fn conditions_are_weighed_in_the_order_of_the_rfc() {
    let edge = start();
    let first = edge.get("/robots.txt", "");
    let (etag, date) = (first.field("etag").expect("a tag").to_owned(), first.field("last-modified").expect("a date").to_owned());
    for (fields, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"a\", W/{etag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        ("If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n".to_owned(), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {date}\r\n"), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: \"other\"\r\n".to_owned(), 412),
        ("If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n".to_owned(), 412),
    ] {
        assert_eq!(edge.get("/robots.txt", &fields).status, status, "{fields}");
    }
}

#[test]
fn a_file_from_1970_has_no_date_and_never_a_stale_304() {
    let site = Site::new(SITE);
    std::fs::File::options()
        .write(true)
        .open(site.join("site/robots.txt"))
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
        .expect("a time");
    let edge = Edge::start_with(site, |_| {});
    let response = edge.get("/robots.txt", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    assert_eq!((response.status, response.field("last-modified")), (200, None));
    let other = Edge::start(SITE);
    assert_eq!(response.field("etag"), other.get("/robots.txt", "").field("etag"), "the same bytes have the same tag on every replica");
}

#[test]
fn ranges_are_parts_of_the_file() {
    let edge = start();
    let etag = edge.get("/robots.txt", "").field("etag").expect("a tag").to_owned();
    let table = [
        ("Range: bytes=0-3\r\n".to_owned(), 206, "0123", Some("bytes 0-3/10")),
        ("Range: bytes=7-\r\n".to_owned(), 206, "789", Some("bytes 7-9/10")),
        ("Range: bytes=-2\r\n".to_owned(), 206, "89", Some("bytes 8-9/10")),
        ("Range: bytes=5-99\r\n".to_owned(), 206, "56789", Some("bytes 5-9/10")),
        ("Range: bytes=10-\r\n".to_owned(), 416, "", Some("bytes */10")),
        ("Range: bytes=-0\r\n".to_owned(), 416, "", Some("bytes */10")),
        ("Range: bytes=3-1\r\n".to_owned(), 200, "0123456789", None),
        ("Range: lines=0-3\r\n".to_owned(), 200, "0123456789", None),
        ("Range: bytes=99999999999999999999-\r\n".to_owned(), 416, "", Some("bytes */10")),
        (format!("Range: bytes=0-3\r\nIf-Range: {etag}\r\n"), 206, "0123", Some("bytes 0-3/10")),
        (format!("Range: bytes=0-3\r\nIf-Range: W/{etag}\r\n"), 200, "0123456789", None),
        ("Range: bytes=0-3\r\nIf-Range: \"other\"\r\n".to_owned(), 200, "0123456789", None),
    ];
    for (fields, status, body, range) in table {
        let response = edge.get("/robots.txt", &fields);
        assert_eq!((response.status, response.text().as_str(), response.field("content-range")), (status, body, range), "{fields}");
    }
    let head = edge.request("HEAD /robots.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-3\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
}

#[test]
fn the_coded_form_is_chosen_by_weight_and_vary_always_says_so() {
    let edge = start();
    for (accepted, coding) in [
        ("gzip, br", Some("br")),
        ("gzip", Some("gzip")),
        ("gzip;q=0.9, br;q=0.1", Some("gzip")),
        ("br;q=0, gzip", Some("gzip")),
        ("br;q=0, gzip;q=0", None),
        ("*", Some("br")),
        ("identity", None),
        ("zstd", None),
        ("GZIP", Some("gzip")),
        ("", None),
    ] {
        let response = edge.get("/packed.js", &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!((response.status, response.field("content-encoding")), (200, coding), "{accepted:?}");
        assert_eq!((response.count("vary"), response.field("vary")), (1, Some("Accept-Encoding")), "{accepted:?}");
        let etag = response.field("etag").expect("a tag").to_owned();
        let unchanged = edge.get("/packed.js", &format!("Accept-Encoding: {accepted}\r\nIf-None-Match: {etag}\r\n"));
        assert_eq!((unchanged.status, unchanged.field("vary")), (304, Some("Accept-Encoding")), "{accepted:?}");
    }
    let tag = |accepted: &str| edge.get("/packed.js", &format!("Accept-Encoding: {accepted}\r\n")).field("etag").map(str::to_owned);
    assert!(tag("br") != tag("gzip") && tag("gzip") != tag("identity"));
    assert_eq!(edge.get("/packed.js", "Accept-Encoding: gzip\r\n").body, GZIP);
}

#[test]
fn nothing_outside_the_root_and_nothing_hidden_is_served_in_any_spelling() {
    let edge = start();
    let up =
        ["..", "%2e%2e", "%2E.", ".%2e", "..%00", "%252e%252e", "..%2f", "..%5c", "..\\", "%c0%ae%c0%ae", "%uff0e%uff0e", "....", "..;"];
    let slashes = ["/", "%2f", "%5c", "\\", "//", "/./", "%252f", "%c0%af"];
    let mut paths: Vec<String> = vec!["/leak.txt".into(), "/up/secret.txt".into(), "/.env".into(), "/%2eenv".into(), "/.git/config".into()];
    paths.extend(
        ["/docs/../.env", "//.env", "/x/..//.env", "/.well-known/../.env", "/.%65nv", "/.env/", "/.env%00.html", "/.git%2fconfig"]
            .map(String::from),
    );
    for up in up {
        for slash in slashes {
            for start in ["/", "/docs/", "/admin", "/admin/", "/assets/"] {
                paths.push(format!("{start}{up}{slash}secret.txt"));
                paths.push(format!("{start}{up}{slash}{up}{slash}secret.txt"));
                paths.push(format!("{start}{up}{slash}.env"));
            }
        }
    }
    let mut client = edge.connect();
    for path in &paths {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{NAVIGATION}\r\n").as_bytes());
        let response = client.response();
        assert!(!response.text().contains("SECRET"), "{path} leaked");
        assert!(matches!(response.status, 400 | 404 | 200 | 308), "{path}: {}", response.status);
        assert!(response.status != 200 || response.text().contains("<title>app</title>"), "{path}: {}", response.text());
        if response.field("connection") == Some("close") {
            client = edge.connect();
        }
    }
}

#[test]
fn climbing_above_the_root_is_400_and_below_it_is_resolved() {
    let edge = start();
    for (path, status) in [
        ("/../secret.txt", 400),
        ("/%2e%2e/secret.txt", 400),
        ("/docs/../../secret.txt", 400),
        ("/robots.txt%00", 400),
        ("/%zz", 400),
        ("/%", 400),
        ("/docs/../robots.txt", 200),
        ("/./robots.txt", 200),
        ("//robots.txt", 200),
        ("/%72obots.txt", 200),
        ("/robots%2etxt", 200),
        ("/docs%2f..%2frobots.txt", 404),
        ("/%2572obots.txt", 404),
        ("/ROBOTS.TXT", 404),
        ("/inside.txt", 200),
        ("/leak.txt", 404),
    ] {
        assert_eq!(edge.get(path, "").status, status, "{path}");
    }
}

#[test]
fn a_folder_without_its_slash_redirects_within_this_host_alone() {
    let edge = start();
    for (path, location) in [
        ("/docs", "/docs/"),
        ("/docs?a=b&c", "/docs/?a=b&c"),
        ("//docs", "/docs/"),
        ("///evil.com/../docs", "/docs/"),
        ("//evil.com/..//docs", "/docs/"),
        ("/admin", "/admin/"),
        ("/admin?next=//evil.com", "/admin/?next=//evil.com"),
    ] {
        let response = edge.get(path, "");
        assert_eq!((response.status, response.field("location")), (308, Some(location)), "{path}");
    }
    for path in
        ["//evil.com/", "//evil.com/%2e%2e", "/\\evil.com", "/%5cevil.com", "/%2f/evil.com", "//evil.com/../", "/%0d%0aSet-Cookie:a=b"]
    {
        let response = edge.get(path, "");
        let location = response.field("location").unwrap_or("/");
        assert!(location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\"), "{path} → {location}");
        assert_eq!(response.field("set-cookie"), None);
    }
}

#[test]
fn a_root_below_a_prefix_is_found_by_what_follows_the_prefix() {
    let edge = start();
    for (path, status, text) in [
        ("/admin/", 200, "admin"),
        ("/admin/index.html", 200, "admin"),
        ("/admin/a.txt", 200, "a"),
        ("/admin//a.txt", 200, "a"),
        ("/admin/robots.txt", 404, ""),
        ("/admin../secret.txt", 404, ""),
        ("/administrator", 404, ""),
        ("/admin/../robots.txt", 200, "0123456789"),
    ] {
        let response = edge.get(path, "");
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().contains(text), "{path}: {}", response.text());
    }
}

#[test]
fn files_answer_get_and_head_only() {
    let edge = start();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"] {
        let response = edge.request(&format!("{method} /robots.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert_eq!((response.status, response.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_file_too_large_for_memory_is_sent_whole_and_in_parts() {
    let site = Site::new(SITE);
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    site.write("site/film.mp4", &bytes);
    let edge = Edge::start_with(site, |_| {});
    let whole = edge.get("/film.mp4", "");
    assert!(whole.status == 200 && whole.body == bytes && whole.field("content-length") == Some("5000000"));
    let part = edge.get("/film.mp4", "Range: bytes=1000000-3999999\r\n");
    assert!(part.status == 206 && part.body == bytes[1_000_000..4_000_000]);
    assert_eq!(part.field("content-range"), Some("bytes 1000000-3999999/5000000"));
    let head = edge.request("HEAD /film.mp4 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some("5000000")));
}
