//! Upstreams that break the protocol, break off, or say nothing: what the client gets, what the log says, and that the next request is unharmed.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Backed, Client, Edge, FORWARD, Site, wait_for};

/// What a client may get.
enum Outcome {
    /// This status and this content.
    Whole(u16, &'static str),
    /// An answer of the edge itself.
    Refused(u16),
    /// A 200 that breaks off visibly.
    Cut,
}

use Outcome::{Cut, Refused, Whole};

/// What becomes of each path, and what its line in the access log says.
const FAULTS: &[(&str, Outcome, &str)] = &[
    ("/raw/ok", Whole(200, "ok\n"), ""),
    ("/raw/stale", Whole(200, "ok\n"), ""),
    ("/raw/drip", Whole(200, "ok\n"), ""),
    ("/raw/trailers", Whole(200, "ok\n"), ""),
    ("/raw/early-100", Whole(200, "ok\n"), ""),
    ("/raw/http10", Whole(200, "until the end\n"), ""),
    ("/raw/truncated", Cut, "raw: the response ended early"),
    ("/raw/truncated-chunks", Cut, "raw: the response ended early"),
    ("/raw/close-at-once", Refused(502), "raw: closed without a response"),
    ("/raw/close-mid-head", Refused(502), "raw: closed inside the response head"),
    ("/raw/never", Refused(504), "raw: no response within timeouts.response"),
    ("/raw/stall-mid-head", Refused(504), "raw: no response within timeouts.response"),
    ("/raw/stall-mid-body", Cut, "raw: "),
    ("/raw/bad-chunk", Refused(502), "raw: "),
    ("/raw/chunk-overflow", Refused(502), "raw: "),
    ("/raw/two-lengths", Refused(502), "raw: "),
    ("/raw/bad-length", Refused(502), "raw: "),
    ("/raw/cl-and-te", Refused(502), "raw: "),
    ("/raw/extra-bytes", Whole(200, "ok\n"), ""),
    ("/raw/nocontent-with-body", Whole(204, ""), ""),
    ("/raw/huge-head?bytes=100000", Refused(502), "raw: the response head exceeds"),
    ("/raw/no-status", Refused(502), "raw: malformed response head"),
    ("/raw/bad-status", Refused(502), "raw: malformed"),
    ("/raw/lf-only", Whole(200, "ok\n"), ""),
    ("/raw/obs-fold", Refused(502), "raw: malformed response head"),
    ("/raw/space-before-colon", Refused(502), "raw: malformed response head"),
    ("/raw/nul-in-header", Refused(502), "raw: malformed response head"),
    ("/raw/unasked-101", Refused(502), "raw: a 101 that nobody asked for"),
];

/// Routes for those that meet one of the timeouts, with that one short: whatever else is slow on a busy machine meets none.
const TIMEOUTS: &str = r#"
[[route]]
path = ["/raw/never", "/raw/stall-mid-head"]
proxy = "raw"
timeouts = { response = "1s" }
[[route]]
path = "/raw/stall-mid-body"
proxy = "raw"
timeouts = { idle = "1s" }
"#;

fn ask(client: &mut Client, path: &str) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
}

/// Whether a response that was sent whole or not ends visibly.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_none_or(|length| body.len() >= length)
}

#[test]
fn every_misbehaviour_has_its_answer_and_none_spoils_the_next_request() {
    let backed = Backed::start(TIMEOUTS);
    for (path, outcome, _) in FAULTS {
        let mut client = backed.connect();
        ask(&mut client, path);
        match outcome {
            Whole(status, content) => {
                let response = client.response();
                assert_eq!((response.status, response.text().as_str()), (*status, *content), "{path}");
            }
            Refused(status) => {
                let response = client.response();
                assert_eq!(response.status, *status, "{path}");
                assert!(!response.text().contains("raw"), "{path}: the client learns nothing of what is behind");
            }
            Cut => {
                let bytes = client.read_to_end();
                assert!(!is_whole(&bytes), "{path}: a cut body looks whole: {:?}", String::from_utf8_lossy(&bytes));
            }
        }
        if !matches!(outcome, Cut) {
            // On the same connection: nothing stray, whatever the upstream sent.
            ask(&mut client, "/raw/ok?again");
            let next = client.response();
            assert_eq!((next.status, next.text().as_str()), (200, "ok\n"), "behind {path}");
            assert!(client.buffer.is_empty(), "stray bytes behind {path}");
        }
        let next = backed.get("/raw/ok", "");
        assert_eq!((next.status, next.text().as_str()), (200, "ok\n"), "beside {path}");
    }
    // Behind the loop: the log is written once in a while.
    for (path, outcome, cause) in FAULTS {
        let line = backed.edge.wait_for_access(path, |line| line["path"] == *path);
        assert!(line["cause"].as_str().unwrap_or_default().starts_with(cause), "{path}: {line}");
        assert_eq!(cause.is_empty(), line["cause"].is_null(), "{path}: {line}");
        let (Whole(status, _) | Refused(status)) = outcome else { continue };
        assert_eq!(line["status"], *status, "{path}");
    }
}

#[test]
fn every_answer_of_the_raw_server_has_a_line_in_the_table() {
    let backed = Backed::start("");
    let list = backed.get("/raw/", "").text();
    let paths: Vec<_> = list.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(paths.len(), FAULTS.len());
    for path in paths {
        assert!(FAULTS.iter().any(|(known, ..)| known.split('?').next() == Some(path)), "{path} is not tested");
    }
}

#[test]
fn a_server_that_closes_kept_connections_never_makes_a_request_fail() {
    let backed = Backed::start("");
    let mut client = backed.connect();
    for _ in 0..200 {
        ask(&mut client, "/raw/stale");
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (200, "ok\n"));
    }
}

/// Answers the first request of each connection and closes on the second one; counts them all.
fn closes_on_reuse(listener: UnixListener) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                for answer in [&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"[..], b""] {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|bytes| bytes > 0) {
                        head.push(byte[0]);
                    }
                    if head.is_empty() || stream.write_all(answer).is_err() {
                        return;
                    }
                    seen.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    count
}

#[test]
fn only_what_may_be_repeated_is_sent_again_and_only_once() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}"));
    let count = closes_on_reuse(UnixListener::bind(site.join("raw.sock")).unwrap());
    let edge = Edge::start_with(site, |_| {});
    let mut client = edge.connect();
    ask(&mut client, "/raw/1");
    assert_eq!(client.response().status, 200);
    ask(&mut client, "/raw/2");
    assert_eq!(client.response().status, 200, "sent again on a new connection");
    wait_for("three requests at the backend", || (count.load(Ordering::SeqCst) == 3).then_some(()));
    client.send(b"POST /raw/3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(client.response().status, 502, "nobody knows whether it was done");
    wait_for("a fourth request at the backend, and no fifth", || (count.load(Ordering::SeqCst) == 4).then_some(()));
}

#[test]
fn a_backend_that_is_killed_inside_a_body_cuts_the_response() {
    let mut backed = Backed::start("");
    let mut client = backed.connect();
    ask(&mut client, "/api/drip?bytes=1000&interval=10ms");
    assert_eq!(client.head().status, 200);
    assert!(!client.buffer.is_empty() || client.fill());
    backed.api.kill();
    assert!(client.read_to_end().len() < 1000);
    let line = backed.edge.wait_for_access("the cut response", |line| line["path"] == "/api/drip?bytes=1000&interval=10ms");
    assert!(line["cause"].is_string(), "{line}");
}

#[test]
fn without_waiting_an_absent_server_is_a_502_at_once() {
    let mut backed = Backed::start("");
    backed.api.kill();
    assert_eq!(backed.get("/api/health", "").status, 502);
    std::fs::remove_file(backed.edge.site.join("api.sock")).unwrap();
    assert_eq!(backed.get("/api/health", "").status, 502);
    let line = backed.edge.wait_for_access("the refusals", |line| line["status"] == 502);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.starts_with("api: ")), "{line}");
}

#[test]
fn a_backend_that_exits_inside_a_request_is_a_502() {
    let backed = Backed::start("");
    assert_eq!(backed.get("/api/exit", "").status, 502);
    wait_for("the backend to be gone", || (backed.get("/api/health", "").status == 502).then_some(()));
}
