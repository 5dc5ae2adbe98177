//! Where `[metrics]` is told, and to whom it is not.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::{address, ask, get};
use crate::support::{Client, Edge, Site, wait_for};

const PATHS: [&str; 6] = ["/", "/status", "/status.css", "/metrics", "/livez", "/readyz"];

fn site(metrics: &str) -> String {
    format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n{metrics}\n[[route]]\nexact = \"/site\"\nrespond = {{ body = \"hello\" }}\n"
    )
}

fn start() -> Edge {
    Edge::start(&site("[metrics]\nlisten = \"127.0.0.1:0\""))
}

#[test]
fn the_sites_know_nothing_of_it_and_it_knows_nothing_of_the_sites() {
    let edge = start();
    for path in PATHS {
        assert_eq!(edge.get(path, "").status, 404, "{path}");
        assert_eq!(get(&edge, path).status, 200, "{path}");
    }
    assert_eq!((edge.get("/site", "").status, get(&edge, "/site").status), (200, 404));
    for path in ["/metrics/", "/metricsx", "/nothing", "/status/x"] {
        assert_eq!(get(&edge, path).status, 404, "{path}");
    }
    assert_eq!(edge.addresses.len(), 1);
    assert_eq!(edge.stop().access.len(), PATHS.len() + 1, "what is asked of it has no lines in the log");
}

#[test]
fn without_the_table_nothing_more_is_listened_on() {
    let edge = Edge::start(&site(""));
    assert!(edge.find_event(|event| event["msg"] == "listening for metrics").is_none());
    assert_eq!(edge.get("/metrics", "").status, 404);
}

#[test]
fn nothing_is_kept_and_nothing_runs_in_the_page() {
    let edge = start();
    for path in PATHS.iter().chain(&["/nothing"]) {
        let response = get(&edge, path);
        assert_eq!(response.field("cache-control"), Some("no-store"), "{path}");
        assert_eq!((response.count("cache-control"), response.count("content-security-policy")), (1, 1), "{path}");
        assert!(response.field("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")), "{path}");
        assert_eq!(response.field("x-frame-options"), Some("DENY"));
    }
    assert!(!get(&edge, "/").text().contains("<script"));
}

#[test]
fn a_head_is_answered_like_a_get_without_content() {
    let edge = start();
    for path in ["/livez", "/status.css"] {
        let head = ask(&edge, &format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let get = get(&edge, path);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!((head.field("content-length"), head.field("content-type")), (get.field("content-length"), get.field("content-type")));
    }
}

#[test]
fn other_methods_are_refused_with_those_that_do() {
    let edge = start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        for path in ["/metrics", "/nothing"] {
            let response = ask(&edge, &format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"));
            assert_eq!((response.status, response.field("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
}

#[test]
fn a_page_of_another_site_cannot_ask_through_a_browser_of_this_machine() {
    let edge = start();
    let port = address(&edge).port();
    for path in PATHS {
        for host in
            ["evil.test".to_owned(), format!("evil.test:{port}"), format!("localhost.evil.test:{port}"), "127.0.0.1.evil.test".to_owned()]
        {
            let response = ask(&edge, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(response.status, 421, "{path} {host}");
            assert!(!response.text().contains("transom_") && !response.text().contains("<html"), "{path} {host}");
        }
    }
    for host in ["localhost".to_owned(), format!("LOCALHOST:{port}"), format!("127.0.0.1:{port}"), "[::1]".to_owned()] {
        assert_eq!(ask(&edge, &format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n")).status, 200, "{host}");
    }
}

#[test]
fn what_is_no_request_is_refused_as_everywhere() {
    let edge = start();
    let big = "x".repeat(64 * 1024);
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: {big}\r\n\r\n"), 431),
        (format!("GET /{big} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
        ("GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("GET /../metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = Client::connect(address(&edge));
        client.try_send(request.as_bytes());
        assert_eq!(client.response().status, status, "{}", &request[..40.min(request.len())]);
    }
    assert_eq!(get(&edge, "/livez").status, 200);
}

#[test]
fn who_holds_connections_cannot_hold_more_than_there_are() {
    let edge = start();
    let mut open: Vec<Client> = (0..64).map(|_| Client::connect(address(&edge))).collect();
    for client in &mut open {
        client.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
    let mut turned_away = Client::connect(address(&edge));
    turned_away.try_send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(turned_away.is_closed());
    assert_eq!(edge.get("/site", "").status, 200, "the sites are served all the same");
    open.truncate(60);
    wait_for("room", || {
        let mut client = Client::connect(address(&edge));
        client.try_send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        client.read_to_end().starts_with(b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn a_unix_socket_is_asked_under_any_name_and_gone_after_the_stop() {
    let edge = Edge::start(&site("[metrics]\nlisten = [\"unix:metrics.sock\"]"));
    let path = edge.site.join("metrics.sock");
    let mut stream = UnixStream::connect(&path).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: transom\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("transom_build_info"), "{answer}");
    assert!(edge.stop().status.success());
    assert!(!path.exists());
}

#[test]
fn an_address_that_others_can_reach_gets_a_warning_and_one_of_this_machine_none() {
    for (listen, is_exposed) in
        [("\":9090\"", true), ("[\"127.0.0.1:9090\", \"0.0.0.0:9091\"]", true), ("[\"127.0.0.1:9090\", \"unix:m.sock\"]", false)]
    {
        let site = Site::new(&site(&format!("[metrics]\nlisten = {listen}")));
        let mut check = Command::new(env!("CARGO_BIN_EXE_transom"));
        let output = check.arg("check").current_dir(site.path()).stdin(Stdio::null()).output().expect("the check runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert_eq!(text.contains("warning: [metrics] listens on"), is_exposed, "{listen}: {text}");
    }
    let edge = Edge::start(&site("[metrics]\nlisten = \":0\""));
    edge.wait_for_event("the warning", |event| event["msg"].as_str().is_some_and(|text| text.starts_with("[metrics] listens on")));
}

#[test]
fn an_address_in_use_is_named_with_its_place() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let site = Site::new(&site(&format!("[metrics]\nlisten = \"127.0.0.1:{port}\"")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_transom"));
    let output = command.current_dir(site.path()).stdin(Stdio::null()).output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains(&format!("cannot listen on 127.0.0.1:{port}")) && text.contains("proxy.toml:4:"), "{text}");
}
