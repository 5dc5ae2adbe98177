//! Connections to upstreams: kept, TCP as well as Unix, and names that do not resolve.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Api, Backed, Edge, wait_for};

/// Connections that the backend has, accepted or not. The kernel names a socket of each by the path that was connected to; the one that listens is marked.
fn connections(backed: &Backed) -> usize {
    const LISTENS: &str = "00010000";
    let path = backed.edge.site.join("api.sock").display().to_string();
    let sockets = std::fs::read_to_string("/proc/net/unix").expect("the sockets of this machine");
    sockets.lines().filter(|line| line.contains(&path) && line.split(' ').nth(3) != Some(LISTENS)).count()
}

/// Without any: what waited for its start has gone.
fn start() -> Backed {
    let backed = Backed::start("");
    wait_for("no connection", || (connections(&backed) == 0).then_some(()));
    backed
}

#[test]
fn many_requests_use_few_upstream_connections() {
    let backed = start();
    let mut client = backed.connect();
    let mut most = 0;
    for _ in 0..200 {
        client.send(b"GET /api/small HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.response().status, 200);
        most = most.max(connections(&backed));
    }
    assert_eq!(most, 1, "one client that asks one after the other needs one connection");
}

#[test]
fn an_upstream_over_tcp_serves_as_well() {
    let mut child =
        Command::new(Api::binary()).args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    let edge = Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[[route]]\npath = \"/api\"\nproxy = \"{url}\"\n[log]\n"
    ));
    let response = edge.get("/api/bytes/100000", "");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((response.status, response.body.len()), (200, 100_000));
}

#[test]
fn a_name_that_does_not_resolve_is_no_reason_not_to_start() {
    let edge = Edge::start(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[upstream.gone]\nto = \"http://nowhere.invalid:80\"\nwait = \"0s\"\n\
         [[route]]\npath = \"/api\"\nproxy = \"gone\"\n[[route]]\nexact = \"/health\"\nrespond = { body = \"ok\" }\n",
    );
    assert_eq!(edge.get("/health", "").text(), "ok");
    assert!(matches!(edge.get("/api", "").status, 502..=504));
    let line = edge.wait_for_access("the failure", |line| line["path"] == "/api");
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("gone")), "{line}");
}

#[test]
fn an_upstream_connection_is_closed_when_its_client_leaves_in_the_middle() {
    let backed = start();
    let mut client = backed.connect();
    client.send(b"GET /api/bytes/50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head();
    drop(client);
    wait_for("the upstream connection to go", || (connections(&backed) == 0).then_some(()));
    backed.edge.wait_for_access("the cut response", |line| line["path"] == "/api/bytes/50000000");
}
