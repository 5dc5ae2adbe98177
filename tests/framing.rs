//! Where messages begin and end (RFC 9112): what is refused so that nothing can be smuggled behind it, and what must not be.
//!
//! `attacks/STATUS/NAME.http` are raw bytes that a client sends, and `attacks/STATUS-cut/` those behind which it closes its side. Status 000 is
//! a close without an answer: the client left in the middle of its own body.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Api, Client, Edge, Site, wait_for};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[limits]
uri = "256B"
header = "2KiB"
header_count = 20
[timeouts]
keepalive = "60s"
[upstream.api]
to = "unix:api.sock"
[[route]]
path = "/api"
proxy = "api"
[[route]]
path = "/"
root = "site"
//- /site/index.html
<!doctype html><title>home</title>
"#;

struct Running {
    edge: Edge,
    _api: Api,
}

fn start() -> Running {
    let site = Site::new(SITE);
    let api = Api::start(&site.join("api.sock"));
    Running { edge: Edge::start_with(site, |_| {}), _api: api }
}

/// One attack: where its bytes are and which status it must get.
struct Attack {
    path: PathBuf,
    status: u16,
    cut: bool,
}

fn attacks() -> Vec<Attack> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut attacks = Vec::new();
    for group in std::fs::read_dir(folder).expect("the attacks").map(|entry| entry.expect("a folder").path()).filter(|path| path.is_dir()) {
        let name = group.file_name().expect("a name").to_string_lossy().into_owned();
        let status = name.split('-').next().and_then(|status| status.parse().ok()).expect("a status");
        for file in std::fs::read_dir(&group).expect("a group") {
            attacks.push(Attack { path: file.expect("an attack").path(), status, cut: name.ends_with("-cut") });
        }
    }
    attacks.sort_by(|one, other| one.path.cmp(&other.path));
    attacks
}

/// Reads until the edge closes; what came so far when it does not.
fn read_to_close(client: &Client) -> Result<String, String> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
        match client.stream().read(&mut buffer) {
            Ok(0) => return Ok(text(&answer)),
            Ok(bytes) => answer.extend_from_slice(&buffer[..bytes]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(format!("a reset behind {}", text(&answer))),
            Err(_) => return Err(text(&answer)),
        }
    }
}

/// Carries one attack out. What is wrong with the answer, if anything is.
fn carry_out(attack: &Attack, edge: &Edge) -> Result<(), String> {
    let mut client = edge.connect();
    client.try_send(&std::fs::read(&attack.path).expect("the bytes"));
    if attack.cut {
        client.finish();
    }
    let answer = read_to_close(&client).map_err(|so_far| format!("not closed after {so_far:?}"))?;
    if attack.status == 0 {
        return if answer.is_empty() { Ok(()) } else { Err(format!("got {answer:?}")) };
    }
    let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    if !head.starts_with(&format!("http/1.1 {} ", attack.status)) {
        return Err(format!("got {answer:?}"));
    }
    if !head.contains("\r\nconnection: close") || !head.contains("\r\ncache-control: no-store") {
        return Err(format!("no close or no no-store in {head:?}"));
    }
    match answer.matches("HTTP/1.1 ").count() {
        1 => Ok(()),
        count => Err(format!("{count} responses: {answer:?}")),
    }
}

#[test]
fn every_attack_is_refused_closed_and_logged_once_and_nothing_behind_it_is_answered() {
    let running = start();
    let attacks = attacks();
    assert!(attacks.len() >= 100, "only {} attacks", attacks.len());
    let mut wrong = Vec::new();
    for attack in &attacks {
        let name = attack.path.file_stem().expect("a name").to_string_lossy().into_owned();
        if let Err(error) = carry_out(attack, &running.edge) {
            wrong.push(format!("{}/{name}: {error}", attack.status));
        }
        let after = running.edge.get(&format!("/?after={name}"), "Connection: close\r\n").status;
        assert_eq!(after, 200, "the connection after {name}");
    }
    let access: Vec<Value> = running.edge.stop().access.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(wrong.is_empty(), "{} of {} attacks:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
    let mut expected: BTreeMap<u64, usize> = BTreeMap::new();
    let mut logged: BTreeMap<u64, usize> = BTreeMap::new();
    attacks.iter().for_each(|attack| *expected.entry(u64::from(attack.status)).or_default() += 1);
    for line in access.iter().filter(|line| !line["path"].as_str().unwrap_or_default().starts_with("/?after=")) {
        assert!(line["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "no cause: {line}");
        assert!(!line["path"].as_str().unwrap_or_default().contains("smuggled"), "{line}");
        *logged.entry(line["status"].as_u64().expect("a status")).or_default() += 1;
    }
    assert_eq!(logged, expected, "one line for each attack");
    assert_eq!(access.len(), 2 * attacks.len());
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let running = start();
    let mut client = running.edge.connect();
    let requests: String = (0..5).map(|index| format!("GET /api/echo/{index} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests.as_bytes());
    for index in 0..5 {
        assert_eq!(client.response().json()["path"], format!("/api/echo/{index}"));
    }
}

#[test]
fn pipelined_posts_keep_their_own_bodies() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(
        b"POST /api/echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst\
          POST /api/echo/2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6;x=y\r\nsecond\r\n0\r\n\r\n\
          GET /api/echo/3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for (path, body) in [("/api/echo/1", "first"), ("/api/echo/2", "second"), ("/api/echo/3", "")] {
        let echo = client.response().json();
        assert_eq!((echo["path"].as_str(), echo["body"].as_str()), (Some(path), Some(body)));
    }
}

#[test]
fn an_upload_byte_by_byte_arrives_whole_with_its_trailers() {
    let running = start();
    let mut client = running.edge.connect();
    let request = b"\r\nPOST /api/echo HTTP/1.1\r\nHost: a\r\nTrailer: x-sum\r\nTransfer-Encoding: CHUNKED\r\n\r\n\
                    5\r\nhello\r\n00006;ext=\"v\"\r\n world\r\n0\r\nX-Sum: 42\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for byte in request {
        client.send(&[*byte]);
    }
    let echo = client.response().json();
    assert_eq!((echo["body"].as_str(), echo["body_bytes"].as_u64()), (Some("hello world"), Some(11)));
    assert_eq!(echo["trailers"], serde_json::json!([["x-sum", "42"]]));
    assert_eq!(client.response().status, 200);
}

#[test]
fn lines_may_end_in_lf_alone() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"\n\nGET /api/echo HTTP/1.1\nHost: a\nX-A:   b  \n\nGET / HTTP/1.1\nHost: a\n\n");
    let echo = client.response().json();
    assert!(echo["headers"].as_array().expect("headers").contains(&serde_json::json!(["x-a", "b"])), "{echo}");
    assert_eq!(client.response().status, 200);
}

#[test]
fn http_1_0_closes_unless_it_asks_to_stay() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (200, Some("keep-alive")));
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (200, Some("close")));
    assert!(client.is_closed());
}

#[test]
fn http_1_0_gets_a_streamed_body_until_the_close_and_never_chunks() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"GET /api/bytes/1000?chunked=1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!((response.field("transfer-encoding"), response.field("connection")), (None, Some("close")));
    assert_eq!(response.body.len(), 1000);
}

#[test]
fn connection_close_is_obeyed_and_nothing_behind_it_is_answered() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Foo, CLOSE\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().field("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn head_is_get_without_a_body_and_the_connection_goes_on() {
    let running = start();
    let mut client = running.edge.connect();
    for path in ["/", "/api/small", "/api/bytes/1000?chunked=1", "/missing.js"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let get = client.response();
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let head = client.response_to("HEAD");
        assert_eq!((head.status, head.field("content-type")), (get.status, get.field("content-type")), "{path}");
        if let Some(length) = head.field("content-length") {
            assert_eq!(length, get.body.len().to_string(), "{path}");
        }
    }
}

fn expect_continue(client: &mut Client, length: u64) {
    client.send(format!("POST /api/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n").as_bytes());
}

#[test]
fn a_client_that_waits_for_100_gets_it_and_then_its_answer() {
    let running = start();
    let mut client = running.edge.connect();
    for _ in 0..2 {
        expect_continue(&mut client, 5);
        assert_eq!(client.head().status, 100);
        client.send(b"hello");
        let response = client.response();
        assert_eq!(response.json()["body"], "hello");
        assert_eq!(response.field("connection"), None);
    }
}

#[test]
fn a_client_that_waits_for_100_with_too_much_gets_413_and_no_100() {
    let running = start();
    let mut client = running.edge.connect();
    expect_continue(&mut client, 1 << 30);
    let head = client.head();
    assert_eq!((head.status, head.field("connection")), (413, Some("close")));
}

#[test]
fn a_100_is_not_sent_to_http_1_0_nor_for_no_body() {
    let running = start();
    let mut client = running.edge.connect();
    expect_continue(&mut client, 0);
    assert_eq!(client.head().status, 200);
    let mut client = running.edge.connect();
    client.send(b"POST /api/echo HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.head().status, 200);
}

#[test]
fn a_short_body_that_nobody_reads_does_not_cost_the_connection() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 29\r\n\r\nGET /body HTTP/1.1\r\nHost: b\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.field("allow")), (405, Some("GET, HEAD")));
    assert_eq!(client.response().status, 200);
    drop(client);
    let access = running.edge.stop().access;
    assert_eq!(access.len(), 2, "{access:?}");
}

#[test]
fn a_refusal_is_logged_while_the_unread_body_is_still_on_its_way() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 29\r\n\r\n");
    assert_eq!(client.response().status, 405);
    running.edge.wait_for_access("the line of the 405", |line| line["status"] == 405);
}

#[test]
fn absolute_form_and_options_star_are_understood() {
    let running = start();
    let mut client = running.edge.connect();
    client.send(b"GET http://a/api/echo?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let echo = client.response().json();
    assert_eq!((echo["path"].as_str(), echo["query"].as_str()), (Some("/api/echo"), Some("x=1")));
    client.send(b"GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().status, 200);
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().status, 204);
}

#[test]
fn a_client_that_leaves_without_a_byte_is_not_logged() {
    let running = start();
    drop(running.edge.connect());
    let mut client = running.edge.connect();
    client.send(b"\r\n\r\n");
    client.finish();
    assert!(client.is_closed());
    wait_for("a good request", || (running.edge.get("/", "").status == 200).then_some(()));
    let access = running.edge.stop().access;
    assert_eq!(access.len(), 1, "{access:?}");
}
