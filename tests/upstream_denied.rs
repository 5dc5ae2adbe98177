//! A Unix socket that the edge may not connect to: a refusal that says what to do, no crash, and no long wait for what waiting does not mend.

use std::fs::{Permissions, set_permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use crate::support::{Edge, FORWARD, Site, accept};

/// Who owns nothing.
const NOBODY: u32 = 65534;

/// An edge as a user who may not write to the socket: root may write to every one.
fn start(wait: &str) -> (Edge, UnixListener) {
    let site = Site::new(&format!("//- /proxy.toml\n{}", FORWARD.replace("wait = \"0s\"", &format!("wait = \"{wait}\""))));
    let listener = UnixListener::bind(site.join("api.sock")).expect("a socket");
    let is_root = rustix::process::geteuid().is_root();
    allow(&site, if is_root { 0o600 } else { 0o000 });
    set_permissions(site.path(), Permissions::from_mode(0o755)).expect("a folder for all");
    let edge = Edge::start_with(site, |command| {
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
    });
    (edge, listener)
}

fn allow(site: &Site, mode: u32) {
    set_permissions(site.join("api.sock"), Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_socket_that_is_not_ours_is_a_502_at_once_whose_cause_says_what_to_do() {
    let (edge, _listener) = start("0s");
    let response = edge.get("/api/x", "");
    assert_eq!((response.status, response.field("retry-after")), (502, None));
    assert!(!response.text().contains("api.sock"), "the client learns nothing of what is behind");
    let line = edge.wait_for_access("the refusal", |line| line["path"] == "/api/x");
    let cause = line["cause"].as_str().unwrap_or_default();
    for part in ["permission denied on the socket", "api.sock", "with mode 0", "Transom runs as user", "chmod g+w"] {
        assert!(cause.contains(part), "{part}: {cause}");
    }
}

#[test]
fn a_folder_that_does_not_let_the_edge_in_is_told_apart() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can lock another user out of a folder");
        return;
    }
    let (edge, _listener) = start("0s");
    set_permissions(edge.site.path(), Permissions::from_mode(0o700)).expect("a folder of ours");
    assert_eq!(edge.get("/api/x", "").status, 502);
    let line = edge.wait_for_access("the refusal", |line| line["path"] == "/api/x");
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("a folder above the socket")), "{line}");
}

#[test]
fn with_waiting_a_denied_socket_is_a_502_soon_and_the_log_tells_of_it() {
    let (edge, _listener) = start("19s");
    let started = Instant::now();
    let responses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| edge.get("/api/x", "").status)).collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    assert!(responses.iter().all(|&status| status == 502), "{responses:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "all of them wait at the same time: {:?}", started.elapsed());
    edge.wait_for_event("what is wrong", |event| event["cause"].as_str().is_some_and(|cause| cause.contains("permission denied")));
}

#[test]
fn a_socket_whose_mode_is_opened_a_moment_after_it_was_bound_costs_no_request() {
    let (edge, listener) = start("19s");
    let mut client = edge.connect();
    client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // It was denied several times in a row by now.
    edge.wait_for_event("what is wrong", |event| event["cause"].as_str().is_some_and(|cause| cause.contains("permission denied")));
    allow(&edge.site, 0o666);
    let mut stream = accept(&listener);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
    assert_eq!(client.response().text(), "ok");
}
