//! Files that an upstream names in its answers: they come from the one folder, with the upstream's fields, and nothing else does.

use std::io::Write;
use std::os::unix::net::UnixListener;

use crate::support::{Edge, Response, Site, accept};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[upstream.api]
to = "unix:api.sock"
wait = "0s"
[[route]]
path = "/plain"
proxy = "api"
[[route]]
path = "/"
proxy = "api"
accel = { prefix = "/protected/", root = "files" }
//- /files/a/report.pdf
0123456789
//- /secret.txt
secret
"#;

struct Played {
    edge: Edge,
    listener: UnixListener,
}

impl Played {
    fn start() -> Self {
        let site = Site::new(SITE);
        std::os::unix::fs::symlink("../secret.txt", site.join("files/link.txt")).expect("a link");
        let listener = UnixListener::bind(site.join("api.sock")).expect("a socket");
        Self { edge: Edge::start_with(site, |_| {}), listener }
    }

    /// What a client gets whose request has these fields, and its answer those.
    fn ask(&self, request: &str, answer: &str) -> Response {
        let mut client = self.edge.connect();
        let method = request.split(' ').next().unwrap_or_default().to_owned();
        client.send(request.as_bytes());
        let mut upstream = accept(&self.listener);
        upstream.write_all(answer.as_bytes()).expect("an answer");
        client.response_to(&method)
    }

    fn get(&self, fields: &str, answer: &str) -> Response {
        self.ask(&format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), &format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{answer}\r\n"))
    }
}

const NAMED: &str = "X-Accel-Redirect: /protected/a/report.pdf\r\n";

#[test]
fn a_named_file_is_sent_with_what_the_upstream_says_of_it() {
    let played = Played::start();
    let fields = "Content-Type: application/x-report\r\nContent-Disposition: attachment; filename=r.pdf\r\nSet-Cookie: a=1\r\nCache-Control: private\r\nETag: \"of-nothing\"\r\nX-Accel-Expires: 5\r\n";
    let response = played.get("", &format!("{NAMED}{fields}"));
    assert_eq!((response.status, response.text().trim_end()), (200, "0123456789"));
    for (name, value) in [
        ("content-type", "application/x-report"),
        ("content-disposition", "attachment; filename=r.pdf"),
        ("set-cookie", "a=1"),
        ("cache-control", "private"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!((response.count(name), response.field(name)), (1, Some(value)), "{name}");
    }
    assert!(response.fields.iter().all(|(name, _)| !name.starts_with("x-accel")), "{response:?}");
    let etag = response.field("etag").expect("a tag").to_owned();
    assert_ne!(etag, "\"of-nothing\"");
    let part = played.get("Range: bytes=2-4\r\n", NAMED);
    assert_eq!((part.status, part.text().as_str(), part.field("content-range")), (206, "234", Some("bytes 2-4/10")));
    assert_eq!(part.field("content-type"), Some("application/pdf"));
    let unchanged = played.get(&format!("If-None-Match: {etag}\r\n"), NAMED);
    assert_eq!((unchanged.status, unchanged.field("etag")), (304, Some(etag.as_str())));
    let head = played.ask("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", &format!("HTTP/1.1 200 OK\r\n{NAMED}\r\n"));
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    let path = std::fs::canonicalize(played.edge.site.join("files/a/report.pdf")).expect("the file").display().to_string();
    let sent = played.get("", &format!("X-Sendfile: {path}\r\n"));
    assert_eq!((sent.status, sent.text().trim_end(), sent.field("x-sendfile")), (200, "0123456789", None));
}

#[test]
fn nothing_outside_the_folder_is_ever_sent() {
    let played = Played::start();
    let secret = played.edge.site.join("secret.txt").display().to_string();
    for (named, status) in [
        ("X-Accel-Redirect: /protected/../secret.txt".to_owned(), 502),
        ("X-Accel-Redirect: /protected/%2e%2e/secret.txt".to_owned(), 502),
        ("X-Accel-Redirect: /secret.txt".to_owned(), 502),
        (format!("X-Accel-Redirect: {secret}"), 502),
        (format!("X-Sendfile: {secret}"), 502),
        ("X-Accel-Redirect: /protected/link.txt".to_owned(), 502),
        ("X-Accel-Redirect: /protected/a".to_owned(), 404),
        ("X-Accel-Redirect: /protected/missing".to_owned(), 404),
    ] {
        let response = played.get("", &format!("{named}\r\n"));
        assert_eq!(response.status, status, "{named}");
        assert!(!response.text().contains("secret"), "{named}");
    }
}

#[test]
fn what_is_said_to_the_proxy_reaches_no_client() {
    let played = Played::start();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Accel-Buffering: no\r\nX-Accel-Limit-Rate: 5\r\n\r\nok";
    let response = played.ask("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n", answer);
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert!(response.fields.iter().all(|(name, _)| !name.starts_with("x-accel")), "{response:?}");
    let failed = played.get("", "").status;
    assert_eq!(failed, 200);
}

#[test]
fn a_file_that_is_named_to_a_route_without_accel_is_no_empty_answer() {
    let played = Played::start();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{NAMED}X-Sendfile: /srv/x\r\n\r\n");
    let response = played.ask("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    assert_eq!(response.status, 502);
    assert!(response.fields.iter().all(|(name, _)| !name.starts_with("x-accel") && name != "x-sendfile"), "{response:?}");
}

#[test]
fn a_file_for_an_upload_that_is_not_over_ends_the_connection_when_the_rest_is_long() {
    let played = Played::start();
    for (length, ends) in [(8 << 20, true), (20, false)] {
        let mut client = played.edge.connect();
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n0123456789").as_bytes());
        let mut upstream = accept(&played.listener);
        upstream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{NAMED}\r\n").as_bytes()).expect("an answer");
        let response = client.response_to("POST");
        assert_eq!((response.status, response.text().trim_end()), (200, "0123456789"));
        assert_eq!(response.field("connection"), ends.then_some("close"), "{length}");
        if ends {
            assert!(client.is_closed(), "nobody waits for the rest");
            continue;
        }
        client.send(b"0123456789GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut upstream = accept(&played.listener);
        upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
        assert_eq!(client.response().text(), "ok", "the connection goes on behind a short rest");
    }
}
