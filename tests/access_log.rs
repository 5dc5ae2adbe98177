//! The access log: one line for each request, whatever became of it and whatever the client wrote into it.

use serde_json::Value;

use crate::support::{Edge, Site};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[log]
access = { format = "json", skip = ["/health"] }
[[route]]
exact = "/health"
respond = { body = "healthy\n" }
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;

fn json(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_request_is_one_line_with_what_an_operator_asks_for() {
    let edge = Edge::start(SITE);
    edge.get("/?a=b", "User-Agent: test/1\r\nReferer: https://example.com/\r\n");
    let access = json(&edge.stop().access);
    let [line] = access.as_slice() else { panic!("{access:?}") };
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("scheme", "http"),
        ("host", "localhost"),
        ("path", "/?a=b"),
        ("proto", "HTTP/1.1"),
        ("ua", "test/1"),
        ("referer", "https://example.com/"),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert_eq!((line["status"].as_u64(), line["bytes"].as_u64()), (Some(200), Some(4)));
    assert!(line["ms"].as_f64().is_some_and(|ms| ms >= 0.0) && line["cause"].is_null(), "{line}");
}

#[test]
fn refused_requests_have_a_line_with_the_cause_and_nothing_of_it_reaches_the_client() {
    let edge = Edge::start(SITE);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("nonsense\r\n\r\n", 400),
    ] {
        let response = edge.request(request);
        assert_eq!(response.status, status, "{request}");
        assert!(response.text().len() < 40, "{}", response.text());
    }
    let access = json(&edge.stop().access);
    assert_eq!(access.len(), 4, "{access:?}");
    assert!(access.iter().all(|line| line["cause"].is_string()), "{access:?}");
}

#[test]
fn skipped_paths_have_no_line_whatever_their_query() {
    let edge = Edge::start(SITE);
    for path in ["/health", "/health?from=docker", "/healthy", "/health/"] {
        edge.get(path, "");
    }
    let paths: Vec<Value> = json(&edge.stop().access).iter().map(|line| line["path"].clone()).collect();
    let mut paths: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/health/", "/healthy"]);
}

/// Targets and fields that try to be a line of their own.
fn inject(edge: &Edge) {
    edge.get("/\"}{\"status\":200,\"path\":\"/forged", "User-Agent: a\"\\\x7f\u{2028}\u{e9}\r\n");
    let mut client = edge.connect();
    client.send(b"GET /forged\x0b\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_to_end();
    let mut client = edge.connect();
    client.send(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\xc0\xaf\r\nConnection: close\r\n\r\n");
    client.read_to_end();
    let mut client = edge.connect();
    client.send(b"\x1b]0;owned\x07 / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_to_end();
}

#[test]
fn nothing_that_a_client_sends_can_break_a_json_line() {
    let edge = Edge::start(SITE);
    inject(&edge);
    let lines = edge.stop().access;
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(|c: char| c.is_control())), "{lines:?}");
    assert!(json(&lines).iter().all(|line| line["path"] != "/forged" && line["status"].is_u64()));
}

#[test]
fn nothing_that_a_client_sends_can_break_a_combined_line() {
    let edge = Edge::start(&SITE.replace("\"json\"", "\"combined\""));
    inject(&edge);
    let lines = edge.stop().access;
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in &lines {
        assert!(line.starts_with("127.0.0.1 - - [") && !line.contains(|c: char| c.is_control()), "{line:?}");
        assert_eq!(line.matches('"').count(), 6, "three quoted parts: {line:?}");
    }
}

#[test]
fn a_file_gets_the_lines_and_stdout_gets_none() {
    let edge = Edge::start(&SITE.replace("format = \"json\"", "format = \"json\", to = \"./access.log\""));
    edge.get("/", "");
    let mut edge = edge;
    edge.signal(rustix::process::Signal::TERM);
    let stopped = edge.wait();
    assert_eq!(stopped.access, Vec::<String>::new());
    let text = std::fs::read_to_string(edge.site.join("access.log")).expect("the log");
    assert_eq!(json(&text.lines().map(str::to_owned).collect::<Vec<_>>()).len(), 1);
    // A restart appends.
    let site = std::mem::replace(&mut edge.site, Site::new(""));
    let mut again = Edge::start_with(site, |_| {});
    again.get("/", "");
    again.signal(rustix::process::Signal::TERM);
    again.wait();
    assert_eq!(std::fs::read_to_string(again.site.join("access.log")).expect("the log").lines().count(), 2);
}

#[test]
fn the_log_can_be_off() {
    let edge = Edge::start(&SITE.replace("access = { format = \"json\", skip = [\"/health\"] }", "access = false"));
    assert_eq!(edge.get("/", "").status, 200);
    assert!(edge.stop().access.is_empty());
}

#[test]
fn the_bytes_of_a_request_are_counted() {
    let edge = Edge::start(SITE);
    edge.get("/", "");
    let access = json(&edge.stop().access);
    assert!(access[0]["request_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{access:?}");
}
