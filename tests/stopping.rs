//! Stopping: what is under way is finished, what is idle goes at once, and the grace is a promise to both sides.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Api, Edge, Site, Stopped, wait_for};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
grace = "30s"
[upstream.api]
to = "unix:api.sock"
[[route]]
path = "/api"
proxy = "api"
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;

/// Far below the grace, and below the ten seconds for which a client that was refused may go on when nothing stops.
const AT_ONCE: Duration = Duration::from_secs(8);

fn start(text: &str) -> (Edge, Api) {
    let site = Site::new(text);
    let api = Api::start(&site.join("api.sock"));
    (Edge::start_with(site, |_| {}), api)
}

fn tls_site() -> String {
    SITE.replace("127.0.0.1:0", "https://127.0.0.1:0").replace("[upstream.api]", "[tls]\ndev = true\n[upstream.api]")
}

fn assert_stops_at_once(edge: Edge) -> Stopped {
    let began = Instant::now();
    let stopped = edge.stop();
    assert!(began.elapsed() < AT_ONCE, "took {:?}", began.elapsed());
    assert_eq!(stopped.status.code(), Some(0));
    assert!(!stopped.events.iter().any(|event| event.contains("were cut")), "{:?}", stopped.events);
    stopped
}

fn wait_until_stopping(edge: &Edge) {
    edge.wait_for_event("the stop", |event| event["msg"] == "stopping");
}

#[test]
fn idle_connections_do_not_delay_the_stop() {
    let (edge, _api) = start(SITE);
    let _fresh = edge.connect();
    let mut used = edge.connect();
    used.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(used.response().status, 200);
    assert_stops_at_once(edge);
    assert!(used.is_closed());
}

#[test]
fn a_silent_connection_on_the_tls_port_does_not_delay_the_stop() {
    let (edge, _api) = start(&tls_site());
    let _silent = edge.connect();
    // Accepted for certain once a later one has been answered.
    let mut plain = edge.connect();
    plain.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(plain.response().status, 400);
    drop(plain);
    assert_stops_at_once(edge);
}

#[test]
fn a_client_that_does_not_close_after_its_refusal_does_not_delay_the_stop() {
    let (edge, _api) = start(SITE);
    let mut refused = edge.connect();
    refused.send(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(refused.response().status, 400);
    assert_stops_at_once(edge);
    drop(refused);
}

#[test]
fn a_download_under_way_is_finished_and_the_connection_closed() {
    let (edge, _api) = start(SITE);
    let mut client = edge.connect();
    client.send(b"GET /api/drip?bytes=20&interval=30ms HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("20")));
    assert_stops_at_once(edge);
    assert_eq!(client.read_to_end().len(), 20);
}

#[test]
fn an_upload_under_way_is_finished() {
    let (edge, _api) = start(SITE);
    let mut client = edge.connect();
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().status, 100);
    edge.signal(Signal::TERM);
    wait_until_stopping(&edge);
    client.send(b"helloworld");
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (200, Some("close")));
    assert_eq!(response.json()["body"], "helloworld");
    drop(client);
    let mut edge = edge;
    assert_eq!(edge.wait().status.code(), Some(0));
}

#[test]
fn new_connections_are_refused_while_it_stops() {
    let (mut edge, _api) = start(SITE);
    let mut client = edge.connect();
    client.send(b"POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().status, 100);
    edge.signal(Signal::TERM);
    let address = edge.address();
    wait_for("a refused connection", || {
        TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused).then_some(())
    });
    client.send(b"x");
    assert_eq!(client.response().json()["body"], "x");
    drop(client);
    assert_eq!(edge.wait().status.code(), Some(0));
}

#[test]
fn what_is_still_open_when_the_grace_ends_is_cut_and_told() {
    let (edge, _api) = start(&SITE.replace("30s", "200ms"));
    let mut client = edge.connect();
    client.send(b"GET /api/events?interval=50ms HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    let began = Instant::now();
    let stopped = edge.stop();
    assert!(began.elapsed() < AT_ONCE);
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.events.iter().any(|event| event.contains("were cut") && event.contains("\"connections\":1")), "{:?}", stopped.events);
    client.read_to_end();
}

#[test]
fn a_request_that_is_cut_still_has_its_line_in_the_access_log() {
    let (edge, _api) = start(&SITE.replace("30s", "200ms"));
    let mut client = edge.connect();
    client.send(b"GET /api/events?interval=50ms HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    let stopped = edge.stop();
    assert_eq!(stopped.access.len(), 1, "{:?}", stopped.access);
}

#[test]
fn a_second_signal_stops_at_once() {
    let (mut edge, _api) = start(SITE);
    let mut client = edge.connect();
    client.send(b"GET /api/events?interval=50ms HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    edge.signal(Signal::TERM);
    wait_until_stopping(&edge);
    let began = Instant::now();
    edge.signal(Signal::INT);
    let stopped = edge.wait();
    assert!(began.elapsed() < AT_ONCE);
    assert!(stopped.events.iter().any(|event| event.contains("stopping at once")), "{:?}", stopped.events);
}

#[test]
fn int_and_quit_stop_as_term_does() {
    for signal in [Signal::INT, Signal::QUIT] {
        let (mut edge, _api) = start(SITE);
        edge.signal(signal);
        assert_eq!(edge.wait().status.code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_hang_up_is_answered_in_the_log_and_kills_nothing() {
    let (edge, _api) = start(SITE);
    for (signal, name) in [(Signal::HUP, "HUP"), (Signal::USR1, "USR1")] {
        edge.signal(signal);
        edge.wait_for_event(name, |event| event["msg"].as_str().is_some_and(|text| text.starts_with(name)));
        assert_eq!(edge.get("/", "").status, 200);
    }
}

#[test]
fn a_body_that_nobody_reads_and_that_never_comes_does_not_delay_the_stop() {
    let (edge, _api) = start(SITE);
    let mut refused = edge.connect();
    refused.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(refused.response().status, 405);
    assert_stops_at_once(edge);
    drop(refused);
}
