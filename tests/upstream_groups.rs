//! Several servers behind one upstream: who gets a request, who stands in, who waits.

use std::io::Write;
use std::os::unix::net::UnixListener;

use crate::support::{Api, Client, Edge, Site, accept, wait_for};

/// An edge before servers `a.sock`, `b.sock`, `c.sock` in its folder; `upstream` is the rest of their table.
fn config(upstream: &str) -> String {
    format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\ngrace = \"1s\"\n[upstream.api]\n{upstream}\n[[route]]\npath = [\"/api\", \"/ws\"]\nproxy = \"api\"\n"
    )
}

fn start(upstream: &str, servers: &[&str]) -> (Edge, Vec<Api>) {
    let site = Site::new(&config(upstream));
    let servers = servers.iter().map(|name| Api::start(&site.join(&format!("{name}.sock")))).collect();
    (Edge::start_with(site, |_| {}), servers)
}

/// Asks, and tells by the log which server answered.
fn ask(edge: &Edge, number: usize, fields: &str) -> (u16, String) {
    let path = format!("/api/small?{number}");
    let status = edge.get(&path, fields).status;
    let line = wait_for("a line of the log", || edge.access_lines().into_iter().find(|line| line.contains(&format!("{path}\""))));
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    (status, line["upstream"].as_str().unwrap_or_default().to_owned())
}

fn shares(answers: &[(u16, String)]) -> [usize; 3] {
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    ["a.sock", "b.sock", "c.sock"].map(|name| answers.iter().filter(|(_, server)| server.ends_with(name)).count())
}

#[test]
fn servers_take_turns_by_their_weight() {
    let (edge, _servers) = start("to = [\"unix:a.sock\", { url = \"unix:b.sock\", weight = 3 }]", &["a", "b"]);
    let answers: Vec<_> = (0..12).map(|number| ask(&edge, number, "")).collect();
    assert_eq!(shares(&answers), [3, 9, 0]);
}

#[test]
fn a_server_that_died_fails_no_request_and_gets_its_share_again_when_it_is_back() {
    let (edge, mut servers) = start("to = [\"unix:a.sock\", \"unix:b.sock\"]\nwait = \"0s\"\nbreaker = false", &["a", "b"]);
    assert_eq!(shares(&(0..4).map(|number| ask(&edge, number, "")).collect::<Vec<_>>()), [2, 2, 0]);
    servers[0].kill();
    assert_eq!(shares(&(10..18).map(|number| ask(&edge, number, "")).collect::<Vec<_>>()), [0, 8, 0]);
    std::fs::remove_file(edge.site.join("a.sock")).expect("the old socket");
    let _again = Api::start(&edge.site.join("a.sock"));
    assert_eq!(shares(&(20..24).map(|number| ask(&edge, number, "")).collect::<Vec<_>>()), [2, 2, 0]);
}

#[test]
fn a_post_is_not_sent_twice_but_goes_to_another_server_when_the_first_cannot_be_reached() {
    let (edge, mut servers) = start("to = [\"unix:a.sock\", \"unix:b.sock\"]\nwait = \"0s\"", &["a", "b"]);
    servers[1].kill();
    for _ in 0..4 {
        let response = edge.request("POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

#[test]
fn a_backup_is_asked_only_while_the_others_are_down() {
    let to = "to = [\"unix:a.sock\", { url = \"unix:b.sock\", backup = true }]\nwait = \"0s\"";
    let (edge, mut servers) = start(to, &["a", "b"]);
    assert_eq!(shares(&(0..4).map(|number| ask(&edge, number, "")).collect::<Vec<_>>()), [4, 0, 0]);
    servers[0].kill();
    assert_eq!(shares(&(10..14).map(|number| ask(&edge, number, "")).collect::<Vec<_>>()), [0, 4, 0]);
}

#[test]
fn a_client_stays_with_its_server_by_a_cookie_that_tells_nothing() {
    let to = "to = [\"unix:a.sock\", \"unix:b.sock\", \"unix:c.sock\"]\nbalance = { cookie = \"srv\" }\nwait = \"0s\"";
    let (edge, mut servers) = start(to, &["a", "b", "c"]);
    let first = edge.get("/api/small", "");
    let cookie = first.field("set-cookie").expect("a cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    assert!(!pair.contains("sock"), "{pair}");
    let with_cookie = format!("Cookie: theme=dark; {pair}\r\n");
    let answers: Vec<_> = (0..6).map(|number| ask(&edge, number, &with_cookie)).collect();
    let shares_of_it = shares(&answers);
    assert!(shares_of_it.contains(&6), "{shares_of_it:?}");
    assert!(edge.get("/api/small", &with_cookie).field("set-cookie").is_none(), "it is sent once");
    let mine = shares_of_it.iter().position(|&share| share == 6).expect("a server");
    servers[mine].kill();
    let moved = edge.get("/api/small", &with_cookie);
    assert_eq!(moved.status, 200);
    assert!(moved.field("set-cookie").is_some_and(|new| !new.starts_with(pair)), "another server, another cookie");
}

#[test]
fn equal_headers_go_to_one_server() {
    let to = "to = [\"unix:a.sock\", \"unix:b.sock\", \"unix:c.sock\"]\nbalance = { header = \"X-Tenant\" }";
    let (edge, _servers) = start(to, &["a", "b", "c"]);
    for tenant in 0..4 {
        let fields = format!("X-Tenant: tenant-{tenant}\r\n");
        let answers: Vec<_> = (0..4).map(|number| ask(&edge, tenant * 10 + number, &fields)).collect();
        assert!(shares(&answers).contains(&4), "{answers:?}");
    }
}

/// An edge before one server that takes one request at a time, played by the test.
fn limited(queue: usize, wait: &str) -> (Edge, UnixListener) {
    let upstream = format!("to = {{ url = \"unix:a.sock\", max_conns = 1 }}\nqueue = {queue}\nwait = \"{wait}\"");
    let site = Site::new(&config(&upstream));
    let listener = UnixListener::bind(site.join("a.sock")).expect("a socket");
    (Edge::start_with(site, |_| {}), listener)
}

fn begin(edge: &Edge) -> Client {
    let mut client = edge.connect();
    client.send(b"GET /api/small HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

#[test]
fn a_server_gets_no_more_at_once_than_it_may_and_who_waits_is_let_on() {
    let (edge, listener) = limited(5, "15s");
    let mut clients = vec![begin(&edge)];
    let mut first = accept(&listener);
    clients.extend((0..3).map(|_| begin(&edge)));
    listener.set_nonblocking(true).expect("a listener");
    assert!(listener.accept().is_err(), "one at a time");
    listener.set_nonblocking(false).expect("a listener");
    first.write_all(ANSWER).expect("an answer");
    drop(first);
    for _ in 0..3 {
        accept(&listener).write_all(ANSWER).expect("an answer");
    }
    assert!(clients.iter_mut().all(|client| client.response().status == 200));
}

#[test]
fn who_finds_the_queue_full_or_waits_too_long_is_told_when_to_come_again() {
    let (edge, listener) = limited(1, "2s");
    let mut first = begin(&edge);
    let mut server = accept(&listener);
    let mut others: Vec<_> = (0..3).map(|_| begin(&edge)).collect();
    for client in &mut others {
        let response = client.response();
        assert_eq!(response.status, 503);
        assert!(response.field("retry-after").is_some());
    }
    edge.wait_for_access("who found it full", |line| line["cause"].as_str().is_some_and(|cause| cause.contains("too many are waiting")));
    edge.wait_for_access("the one that waited", |line| {
        line["cause"].as_str().is_some_and(|cause| cause.contains("max_conns") && cause.contains("waited"))
    });
    server.write_all(ANSWER).expect("an answer");
    assert_eq!(first.response().status, 200);
}
