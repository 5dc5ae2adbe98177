//! Which file a path gets: several roots, `try`, hidden names, links, types and lifetimes; and that a prefix maps whole segments.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use crate::support::{Edge, Response, Site};

const NAVIGATION: &str = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n";

/// A config with one route for `/` that has these lines.
fn route(lines: &str) -> String {
    format!("//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[[route]]\npath = \"/\"\n{lines}\n")
}

fn cache(response: &Response) -> &str {
    response.field("cache-control").unwrap_or("(none)")
}

fn warned(edge: &Edge, text: &str) -> bool {
    let is_warning = |event: &serde_json::Value| event["level"].as_str().is_some_and(|level| level.eq_ignore_ascii_case("warn"));
    edge.find_event(|event| is_warning(event) && event["msg"].as_str().is_some_and(|message| message.contains(text))).is_some()
}

/// Runs `transom check` in a site, as a user whom file permissions bind: root reads everything.
fn check_unprivileged(site: &Site) -> Output {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    std::fs::set_permissions(site.path(), PermissionsExt::from_mode(0o755)).expect("the folder is for all");
    let mut command = Command::new(env!("CARGO_BIN_EXE_transom"));
    command.arg("check").current_dir(site.path()).stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().expect("the check runs; its program must be there for all users")
}

#[test]
fn the_chunks_of_the_build_before_stay_reachable_and_its_page_does_not() {
    let edge = Edge::start(
        &(route("root = [\"new\", \"old\", \"never-there\"]\nspa = true")
            + r#"
//- /new/index.html
<title>new</title>
//- /new/assets/lazy-2222aaaa.js
new chunk
//- /new/assets/same-3333aaaa.js
new bytes
//- /old/index.html
<title>old</title>
//- /old/assets/lazy-1111aaaa.js
old chunk
//- /old/assets/same-3333aaaa.js
old bytes
"#),
    );
    assert!(warned(&edge, "never-there is not served: the folder is not there"), "a root that is not there is told");
    for path in ["/", "/index.html", "/somewhere"] {
        assert_eq!(edge.get(path, NAVIGATION).text(), "<title>new</title>", "{path}");
    }
    let immutable = "public, max-age=31536000, immutable";
    for (path, text) in [("/assets/lazy-2222aaaa.js", "new chunk"), ("/assets/lazy-1111aaaa.js", "old chunk")] {
        let response = edge.get(path, "Accept-Encoding: br\r\n");
        assert_eq!((response.status, response.text().as_str(), cache(&response)), (200, text, immutable), "{path}");
    }
    let same = edge.get("/assets/same-3333aaaa.js", "Accept-Encoding: br\r\n");
    assert_eq!((same.text().as_str(), same.field("content-encoding")), ("new bytes", None), "siblings come from the root of their file");
    let gone = edge.get("/assets/lazy-0000aaaa.js", NAVIGATION);
    assert_eq!((gone.status, cache(&gone)), (404, "no-store"));
}

#[test]
fn try_says_in_which_order_a_path_is_looked_for() {
    let edge = Edge::start(
        &(route("root = \"site\"\ntry = [\"{path}\", \"{path}.html\", \"{path}/\", \"=404\"]")
            + "//- /site/index.html\nhome\n//- /site/about.html\nabout\n//- /site/docs/index.html\ndocs\n//- /site/docs/a.html\na\n//- /site/both.html\npage\n//- /site/both/index.html\nfolder\n"),
    );
    for (path, status, text) in [
        ("/", 200, "home"),
        ("/about", 200, "about"),
        ("/about?x=/docs", 200, "about"),
        ("/%61bout", 200, "about"),
        ("/docs/../about", 200, "about"),
        ("/docs/", 200, "docs"),
        ("/docs/a", 200, "a"),
        ("/both", 200, "page"),
        ("/both/", 200, "folder"),
        ("/about/", 404, ""),
        ("/about%2Fhtml", 404, ""),
        ("/abou", 404, ""),
        ("/nothing", 404, ""),
        ("/../about", 400, ""),
    ] {
        let response = edge.get(path, NAVIGATION);
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().contains(text), "{path}: {}", response.text());
        assert_eq!(cache(&response), if status == 200 { "no-cache" } else { "no-store" }, "{path}");
    }
    let redirect = edge.get("/docs?a=b&c=%2F", "");
    assert_eq!((redirect.status, redirect.field("location")), (308, Some("/docs/?a=b&c=%2F")));
}

#[test]
fn a_page_at_the_end_of_try_answers_navigations_and_no_missing_script() {
    let edge = Edge::start(
        &(route("root = \"site\"\ntry = [\"{path}\", \"/app.html\"]") + "//- /site/app.html\napp\n//- /site/a/index.html\na\n"),
    );
    for (path, fields, status) in [
        ("/", NAVIGATION, 200),
        ("/settings", NAVIGATION, 200),
        ("/a", NAVIGATION, 200),
        ("/settings", "Accept: */*\r\n", 404),
        ("/app-1111aaaa.js", NAVIGATION, 404),
    ] {
        let response = edge.get(path, fields);
        assert_eq!((response.status, response.text() == "app"), (status, status == 200), "{path} {fields}");
    }
}

/// What Kubernetes mounts, and what lies beside it.
fn mounted(lines: &str) -> Edge {
    let site = Site::new(
        &(route(lines)
            + "//- /www/..2024_11/index.html\npage\n//- /www/..2024_11/.env\nSECRET=1\n//- /www/own.txt\nown\n//- /out/secret.txt\nSECRET=2\n"),
    );
    symlink("..2024_11", site.join("www/..data")).expect("a link");
    symlink("..data/index.html", site.join("www/index.html")).expect("a link");
    symlink("..data/.env", site.join("www/.env")).expect("a link");
    symlink("../out/secret.txt", site.join("www/leak.txt")).expect("a link");
    symlink(site.join("out"), site.join("www/out")).expect("a link");
    symlink("/proc/self/root", site.join("www/proc")).expect("a link");
    Edge::start_with(site, |_| {})
}

#[test]
fn links_are_followed_as_far_as_symlinks_says() {
    for (lines, served, missing) in [
        ("root = \"www\"", &["/", "/index.html", "/own.txt"][..], &["/leak.txt", "/out/secret.txt", "/.env", "/proc/etc/passwd"][..]),
        ("root = \"www\"\nsymlinks = \"inside\"", &["/", "/own.txt"], &["/leak.txt", "/out/secret.txt", "/..data/index.html"]),
        ("root = \"www\"\nsymlinks = \"deny\"", &["/own.txt"], &["/", "/index.html", "/leak.txt", "/out/secret.txt"]),
        ("root = \"www\"\nhidden = true", &["/", "/.env", "/own.txt"], &["/leak.txt", "/..data/index.html", "/..2024_11/.env"]),
    ] {
        let edge = mounted(lines);
        for path in served {
            assert_eq!(edge.get(path, "").status, 200, "{path} by {lines}");
        }
        for path in missing {
            let response = edge.get(path, "");
            assert_eq!((response.status, cache(&response)), (404, "no-store"), "{path} by {lines}");
        }
        assert!(warned(&edge, "leak.txt is not served: a symbolic link"), "{lines}");
    }
}

#[test]
fn follow_leads_out_of_the_root_on_the_operators_word_alone() {
    let site = Site::new(&(route("root = \"www\"\nsymlinks = \"follow\"") + "//- /www/own.txt\nown\n//- /out/shared.txt\nshared\n"));
    symlink("../out", site.join("www/out")).expect("a link");
    symlink("/dev/zero", site.join("www/zero")).expect("a link");
    let edge = Edge::start_with(site, |_| {});
    assert_eq!(edge.get("/out/shared.txt", "").text(), "shared");
    assert_eq!(edge.get("/zero", "").status, 404);
    assert!(warned(&edge, "zero is not served: neither a file nor a folder"));
}

#[test]
fn types_and_lifetimes_are_the_operators_word() {
    let edge = Edge::start(
        &(route(
            r#"root = "site"
mime = { ".webmanifest" = "text/x-manifest", ".old.html" = "text/html; charset=iso-8859-1", ".dat" = "application/x-dat" }
immutable = ["/assets/*", "*.[hash].*"]
html_cache = "private, no-cache""#,
        ) + "//- /site/index.html\nx\n//- /site/a.old.html\nx\n//- /site/assets/logo.svg\nx\n//- /site/assets/p.html\nx\n//- /site/assets/sub/x.js\nx\n//- /site/js/main.1a2b3c4d.js\nx\n//- /site/js/index-1a2b3c4d.js\nx\n//- /site/app.WEBMANIFEST\nx\n//- /site/x.dat\nx\n"),
    );
    let (immutable, page, other) = ("public, max-age=31536000, immutable", "private, no-cache", "public, max-age=0, must-revalidate");
    for (path, media_type, policy) in [
        ("/", "text/html; charset=utf-8", page),
        ("/a.old.html", "text/html; charset=iso-8859-1", page),
        ("/assets/logo.svg", "image/svg+xml; charset=utf-8", immutable),
        ("/assets/p.html", "text/html; charset=utf-8", page),
        ("/assets/sub/x.js", "text/javascript; charset=utf-8", other),
        ("/js/main.1a2b3c4d.js", "text/javascript; charset=utf-8", immutable),
        ("/js/index-1a2b3c4d.js", "text/javascript; charset=utf-8", other),
        ("/app.WEBMANIFEST", "text/x-manifest; charset=utf-8", other),
        ("/x.dat", "application/x-dat", other),
    ] {
        let response = edge.get(path, "");
        assert_eq!((response.status, response.field("content-type"), cache(&response)), (200, Some(media_type), policy), "{path}");
    }
    let missing = edge.get("/assets/gone.svg", "");
    assert_eq!((missing.status, cache(&missing)), (404, "no-store"), "a pattern counts for files that are there");
}

#[test]
fn the_cache_control_of_a_route_counts_for_its_files_and_for_no_error() {
    let edge = Edge::start(
        &(route("root = \"site\"\nheaders.response.set = { \"Cache-Control\" = \"public, max-age=60\" }")
            + "//- /site/index.html\npage\n//- /site/docs/index.html\ndocs\n//- /site/assets/index-BgA0-x9_.js\nscript\n"),
    );
    let etag = edge.get("/index.html", "").field("etag").expect("a tag").to_owned();
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (request, status, policy) in [
        (get("/", ""), 200, "public, max-age=60"),
        (get("/assets/index-BgA0-x9_.js", ""), 200, "public, max-age=60"),
        (get("/", "Range: bytes=0-1\r\n"), 206, "public, max-age=60"),
        (get("/", &format!("If-None-Match: {etag}\r\n")), 304, "public, max-age=60"),
        (get("/", "Range: bytes=99-\r\n"), 416, "no-store"),
        (get("/", "If-Match: \"other\"\r\n"), 412, "no-store"),
        (get("/gone", ""), 404, "no-store"),
        (get("/assets/index-BgA0-x9X.js", ""), 404, "no-store"),
        (get("/%zz", ""), 400, "no-store"),
        (get("/docs", ""), 308, "(none)"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_owned(), 405, "no-store"),
    ] {
        let response = edge.request(&request);
        assert_eq!((response.status, cache(&response)), (status, policy), "{request}");
        assert!(response.count("cache-control") <= 1, "{request}");
    }
}

/// Beside the root of `/app` lie folders whose names are what a mapping that is off by a slash would come to.
#[test]
#[expect(clippy::too_many_lines, reason = "one site and one table of paths")]
fn a_prefix_maps_whole_segments_and_nothing_beside_its_root() {
    let edge = Edge::start(
        r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "srv/site"
[[route]]
path = "/app"
root = "srv/app"
[[route]]
path = "/app/v2"
root = "srv/v2"
//- /srv/site/index.html
site
//- /srv/site/own.txt
site own
//- /srv/site/appx/own.txt
appx of the site
//- /srv/app/index.html
app
//- /srv/app/own.txt
app own
//- /srv/app/docs/index.html
app docs
//- /srv/app/app/own.txt
app in app
//- /srv/v2/own.txt
v2 own
//- /srv/own.txt
SECRET=1
//- /srv/appx/own.txt
SECRET=2
//- /srv/app../own.txt
SECRET=3
//- /srv/appown.txt
SECRET=4
//- /own.txt
SECRET=5
"#,
    );
    let table = [
        ("/app", 308, "/app/"),
        ("/app?x=1", 308, "/app/?x=1"),
        ("//app", 308, "/app/"),
        ("/app/.", 200, "app"),
        ("/app/", 200, "app"),
        ("/app//", 200, "app"),
        ("/app/own.txt", 200, "app own"),
        ("/app//own.txt", 200, "app own"),
        ("/app/./own.txt", 200, "app own"),
        ("/%61pp/own.txt", 200, "app own"),
        ("/app/app/own.txt", 200, "app in app"),
        ("/app/docs", 308, "/app/docs/"),
        ("/app/docs?q", 308, "/app/docs/?q"),
        ("/app/docs/", 200, "app docs"),
        ("/app/docs/..", 200, "app"),
        ("/app/v2/own.txt", 200, "v2 own"),
        ("/app/v2/../own.txt", 200, "app own"),
        ("/app/v2x/own.txt", 404, ""),
        ("/app/v2/../../own.txt", 200, "site own"),
        ("/app/../own.txt", 200, "site own"),
        ("/app/%2e%2e/own.txt", 200, "site own"),
        ("/app/..", 200, "site"),
        ("/appx/own.txt", 200, "appx of the site"),
        ("/appx", 404, ""),
        ("/appown.txt", 404, ""),
        ("/app../own.txt", 404, ""),
        ("/app../", 404, ""),
        ("/app..", 404, ""),
        ("/app%2e%2e/own.txt", 404, ""),
        ("/app..%2fown.txt", 404, ""),
        ("/app%2fown.txt", 404, ""),
        ("/app%2f..%2fown.txt", 404, ""),
        ("/app/..%2f", 404, ""),
        ("/app/..%2fown.txt", 404, ""),
        ("/app/..%2F..%2Fown.txt", 404, ""),
        ("/app/%2e%2e%2fown.txt", 404, ""),
        ("/app/..%5cown.txt", 404, ""),
        ("/app/..\\own.txt", 404, ""),
        ("/app\\..\\own.txt", 404, ""),
        ("/app;/own.txt", 404, ""),
        ("/app/..;/own.txt", 404, ""),
        ("/app./own.txt", 404, ""),
        ("/APP/own.txt", 404, ""),
        ("/app/../../own.txt", 400, ""),
        ("/app/%2e%2e/%2e%2e/own.txt", 400, ""),
        ("/app/v2/../../../own.txt", 400, ""),
        ("/app%00/own.txt", 400, ""),
        ("/app/own.txt%00.html", 400, ""),
        ("/app/%c0%ae%c0%ae/own.txt", 404, ""),
        ("/app/%c0%ae%c0%ae%c0%afown.txt", 404, ""),
        ("/app/%e0%80%ae%e0%80%ae/own.txt", 404, ""),
        ("/app/%252e%252e/own.txt", 404, ""),
        ("/app/%u002e%u002e/own.txt", 400, ""),
    ];
    for (path, status, expected) in table {
        let response = edge.get(path, "");
        let found = if status == 308 { response.field("location").unwrap_or("").to_owned() } else { response.text() };
        assert!(!response.text().contains("SECRET"), "{path} leaked");
        assert_eq!(response.status, status, "{path}: {found}");
        assert!(status >= 400 || found == expected, "{path}: {found}");
    }
}

#[test]
fn a_fifo_a_socket_and_a_device_in_the_root_neither_hang_the_start_nor_are_served() {
    let site = Site::new(&(route("root = \"site\"") + "//- /site/index.html\npage\n"));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, site.join("site/fifo"), mode).expect("a FIFO");
    let _socket = std::os::unix::net::UnixListener::bind(site.join("site/socket")).expect("a socket");
    symlink("/dev/zero", site.join("site/zero")).expect("a link");
    symlink("fifo", site.join("site/to-fifo")).expect("a link");
    let edge = Edge::start_with(site, |_| {});
    for path in ["/fifo", "/socket", "/zero", "/to-fifo"] {
        assert_eq!(edge.get(path, "").status, 404, "{path}");
    }
    // The link to the FIFO is told by what it leads to.
    for path in ["/fifo", "/socket", "/zero"] {
        assert!(warned(&edge, &format!("{path} is not served")), "{path}");
    }
    assert_eq!(edge.get("/", "").text(), "page");
}

#[test]
fn a_root_that_vanishes_after_the_start_is_served_on() {
    let site = Site::new(&(route("root = \"site\"") + "//- /site/index.html\npage\n"));
    let film: Vec<u8> = (0..2_000_000_u32).map(|index| (index % 251) as u8).collect();
    site.write("site/film.mp4", &film);
    let edge = Edge::start_with(site, |_| {});
    std::fs::remove_dir_all(edge.site.join("site")).expect("the root goes");
    assert_eq!(edge.get("/", "").text(), "page");
    let response = edge.get("/film.mp4", "");
    assert!(response.status == 200 && response.body == film, "a file on disk was open");
    assert_eq!(edge.get("/gone.txt", "").status, 404);
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_nothing_is_started() {
    let site = Site::new(&(route("root = \"site\"") + "//- /site/index.html\npage\n//- /site/private.txt\nSECRET\n"));
    assert!(check_unprivileged(&site).status.success(), "readable for all, so that what follows shows the mode of the file alone");
    std::fs::set_permissions(site.join("site/private.txt"), PermissionsExt::from_mode(0o000)).expect("a mode");
    let output = check_unprivileged(&site);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("cannot read ") && text.contains("private.txt: Permission denied"), "{text}");
    assert!(!text.contains("SECRET"), "{text}");
}
