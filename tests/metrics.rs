//! `[metrics]`: what is told of how things stand, where, and to whom.

#[path = "metrics/exposition.rs"]
mod exposition;
#[path = "metrics/listener.rs"]
mod listener;

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use serde_json::Value;

use self::exposition::{Scrape, scrape};
use crate::support::http2_server::Http2Server;
use crate::support::{Api, Browser, Client, Edge, FORWARD, Response, Site, accept, played_with, wait_for};

/// The address of the listener of `[metrics]`.
fn address(edge: &Edge) -> SocketAddr {
    let event = edge.find_event(|event| event["msg"] == "listening for metrics").expect("a listener for metrics");
    let address = event["address"].as_str().and_then(|address| address.strip_prefix("http://")).expect("an address");
    address.replace("[::]", "127.0.0.1").parse().expect("an address")
}

fn ask(edge: &Edge, request: &str) -> Response {
    let mut client = Client::connect(address(edge));
    client.send(request.as_bytes());
    client.response_to(request.split(' ').next().unwrap_or("GET"))
}

fn get(edge: &Edge, path: &str) -> Response {
    ask(edge, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// What `/status` tells.
pub fn status(edge: &Edge) -> Value {
    get(edge, "/status").json()
}

fn metrics(edge: &Edge) -> Scrape {
    scrape(&get(edge, "/metrics"))
}

/// The first server of the first upstream.
fn first_server(edge: &Edge) -> Value {
    status(edge)["upstreams"][0]["servers"][0].clone()
}

fn wait_for_server(what: &str, edge: &Edge, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, || Some(first_server(edge)).filter(|server| fits(server)))
}

/// One upstream `api` with these lines in its table, which takes everything.
fn config(upstream: &str) -> String {
    format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\ngrace = \"1s\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/\"\nproxy = \"api\"\n[upstream.api]\n{upstream}\n"
    )
}

const CHECKED: &str = "to = \"unix:api.sock\"\nwait = \"0s\"\n[upstream.api.health]\npath = \"/api/health\"\ninterval = \"100ms\"\ntimeout = \"20s\"\nfall = 1\n";
const UP: &str = "transom_upstream_server_up{upstream=\"api\",server=\"unix:api.sock\"}";

#[test]
fn a_backend_that_is_killed_is_told_as_down_until_it_is_back() {
    let site = Site::new(&config(CHECKED));
    let mut api = Api::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    let server = wait_for_server("the first check", &edge, |server| !server["checked_at"].is_null());
    assert_eq!((&server["state"], &server["up"], &server["since"]), (&"up".into(), &true.into(), &Value::Null));
    assert_eq!((metrics(&edge).value(UP), get(&edge, "/readyz").status), (1.0, 200));
    api.kill();
    let server = wait_for_server("the fall", &edge, |server| server["state"] == "down");
    assert!(server["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{server}");
    assert!(server["last_failure"]["cause"].as_str().is_some_and(|cause| cause.contains("refused")), "{server}");
    let scraped = metrics(&edge);
    assert_eq!((scraped.value(UP), scraped.value("transom_ready")), (0.0, 0.0));
    assert_eq!(scraped.value(&UP.replace("_up{", "_state{").replace('}', ",state=\"down\"}")), 1.0);
    let ready = get(&edge, "/readyz");
    assert_eq!((ready.status, ready.text().as_str()), (503, "no server can be asked of: api\n"));
    assert_eq!(get(&edge, "/livez").status, 200);
    assert!(get(&edge, "/").text().contains("not well"));
    let _api = Api::start(&edge.site.join("api.sock"));
    wait_for_server("the rise", &edge, |server| server["state"] == "up");
    assert_eq!((metrics(&edge).value(UP), get(&edge, "/readyz").status), (1.0, 200));
}

#[test]
fn tries_that_a_server_of_http2_refuses_or_breaks_off_are_counted() {
    let site = Site::new(&config("to = \"h2c://unix:api.sock\"\nwait = \"0s\"\n"));
    let _server = Http2Server::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    assert_eq!(edge.get("/api/refused-once", "").status, 200);
    assert_eq!(edge.get("/api/reset", "").status, 502);
    let ended = &first_server(&edge)["requests_total"];
    // A GET is asked for three times.
    assert_eq!((&ended["refused"], &ended["2xx"], &ended["failed"]), (&1.into(), &1.into(), &3.into()), "{ended}");
}

#[test]
fn a_server_that_fails_requests_is_told_with_their_number_and_the_cause() {
    let site = Site::new(&config("to = \"unix:api.sock\"\nwait = \"0s\"\n"));
    let edge = Edge::start_with(site, |_| {});
    assert_eq!(first_server(&edge)["state"], "up", "nothing is known against it");
    for _ in 0..5 {
        assert_eq!(edge.get("/api/health", "").status, 502);
    }
    let server = wait_for_server("all failures", &edge, |server| server["requests_total"]["failed"] == 5);
    assert_eq!((&server["state"], &server["failures_in_a_row"]), (&"failing".into(), &5.into()));
    assert!(server["last_failure"]["cause"].as_str().is_some_and(|cause| cause.contains("No such file")), "{server}");
    assert_eq!(get(&edge, "/readyz").status, 200, "it is asked all the same: who is not asked cannot come back");
    let _api = Api::start(&edge.site.join("api.sock"));
    assert_eq!(edge.get("/api/health", "").status, 200);
    assert_eq!(edge.get("/api/missing", "").status, 404);
    let server = wait_for_server("both requests", &edge, |server| server["requests_total"]["4xx"] == 1);
    assert_eq!((&server["state"], &server["failures_in_a_row"], &server["requests_total"]["2xx"]), (&"up".into(), &0.into(), &1.into()));
    let scraped = metrics(&edge);
    assert_eq!(scraped.value("transom_requests_total{status=\"5xx\"}"), 5.0);
    assert_eq!(scraped.value(&UP.replace("_up{", "_requests_total{").replace('}', ",outcome=\"failed\"}")), 5.0);
}

#[test]
fn a_server_that_is_left_alone_is_told_with_the_end_of_that() {
    let upstream = "to = [{ url = \"unix:gone.sock\", weight = 2 }, { url = \"unix:api.sock\", max_conns = 7 }]\nwait = \"0s\"\n\
                    breaker = { failures = 1, open = \"1h\" }\n";
    let site = Site::new(&config(upstream));
    let _api = Api::start(&site.join("api.sock"));
    let edge = Edge::start_with(site, |_| {});
    for _ in 0..4 {
        assert_eq!(edge.get("/api/health", "").status, 200);
    }
    let gone = first_server(&edge);
    assert_eq!((&gone["state"], &gone["usable"], &gone["weight"]), (&"left_alone".into(), &false.into(), &2.into()));
    assert!(gone["left_alone_until"].as_str() > gone["since"].as_str(), "{gone}");
    // A request is counted behind its response.
    let status = wait_for("all requests", || {
        Some(status(&edge)).filter(|status| status["upstreams"][0]["servers"][1]["requests_total"]["2xx"] == 4)
    });
    let other = &status["upstreams"][0]["servers"][1];
    assert_eq!((&other["state"], &other["max_conns"]), (&"up".into(), &7.into()));
    assert_eq!((get(&edge, "/readyz").status, &status["upstreams"][0]["queued"]["now"]), (200, &0.into()));
    assert!(get(&edge, "/").text().contains("asked again in "));
}

#[test]
fn held_requests_are_told_while_they_wait_and_counted_when_it_was_in_vain() {
    let edge = Edge::start(&config("to = \"unix:api.sock\"\nwait = \"15s\"\n"));
    let mut held = edge.connect();
    held.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for("the hold", || (status(&edge)["upstreams"][0]["held"]["now"] == 1).then_some(()));
    assert_eq!(metrics(&edge).value("transom_upstream_waiting_requests{upstream=\"api\",for=\"server\"}"), 1.0);
    let _api = Api::start(&edge.site.join("api.sock"));
    assert_eq!(held.response().status, 200);
    let waiting = |edge: &Edge| status(edge)["upstreams"][0]["held"].clone();
    assert_eq!(waiting(&edge), serde_json::json!({ "now": 0, "total": 1, "timed_out": 0, "refused": 0 }));
    let edge = Edge::start(&config("to = \"unix:api.sock\"\nwait = \"50ms\"\n"));
    assert_eq!(edge.get("/api/health", "").status, 503);
    assert_eq!(waiting(&edge), serde_json::json!({ "now": 0, "total": 1, "timed_out": 1, "refused": 0 }));
    assert_eq!(metrics(&edge).value("transom_upstream_wait_timeouts_total{upstream=\"api\",for=\"server\"}"), 1.0);
}

#[test]
fn requests_and_connections_of_all_workers_are_summed_up() {
    let text = "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n[[route]]\nexact = \"/\"\nrespond = { body = \"hi\" }\n";
    let edge = Edge::start(text);
    let mut open: Vec<Client> = (0..9).map(|_| edge.connect()).collect();
    for client in &mut open {
        for path in ["/", "/missing"] {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
            client.response();
        }
    }
    wait_for("all of them", || {
        let scraped = metrics(&edge);
        let counts = ["2xx", "4xx", "5xx"].map(|class| scraped.value(&format!("transom_requests_total{{status=\"{class}\"}}")));
        let open = ["open", "accepted_total"].map(|what| scraped.value(&format!("transom_client_connections_{what}")));
        (counts == [9.0, 9.0, 0.0] && open == [9.0, 9.0]).then_some(())
    });
    drop(open);
    wait_for("the closes", || (metrics(&edge).value("transom_client_connections_open") == 0.0).then_some(()));
    assert!(status(&edge)["upstreams"].as_array().is_some_and(Vec::is_empty));
}

/// A backend that the test plays, and a listener for metrics.
fn played() -> (Edge, UnixListener) {
    played_with(&FORWARD.replace("[upstream.raw]", "[metrics]\nlisten = \"127.0.0.1:0\"\n[upstream.raw]"))
}

#[test]
fn a_status_beyond_599_is_passed_on_and_counted_as_5xx() {
    let (edge, listener) = played();
    for status in [600, 999] {
        let mut client = edge.connect();
        client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = format!("HTTP/1.1 {status} Odd\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
        std::io::Write::write_all(&mut accept(&listener), answer.as_bytes()).expect("written");
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (status, "hi"));
    }
    wait_for("both requests", || (metrics(&edge).value("transom_requests_total{status=\"5xx\"}") == 2.0).then_some(()));
    wait_for_server("both tries", &edge, |server| server["requests_total"]["5xx"] == 2);
}

#[test]
fn two_ways_to_speak_to_one_address_are_two_upstreams() {
    let edge = Edge::start(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/old\"\nproxy = \"unix:api.sock\"\n[[route]]\npath = \"/new\"\nproxy = \"h2c://unix:api.sock\"\n",
    );
    let scraped = metrics(&edge);
    for url in ["unix:api.sock", "h2c://unix:api.sock"] {
        assert_eq!(scraped.value(&format!("transom_upstream_waits_total{{upstream=\"{url}\",for=\"server\"}}")), 0.0);
    }
}

#[test]
fn a_tunnel_is_a_request_under_way() {
    let (edge, listener) = played();
    let mut client = edge.connect();
    client.send(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let mut upstream = accept(&listener);
    std::io::Write::write_all(&mut upstream, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .expect("written");
    assert_eq!(client.head().status, 101);
    let server = wait_for_server("the tunnel", &edge, |server| server["requests_total"]["1xx"] == 1);
    assert_eq!((&server["active"], &status(&edge)["clients"]["connections"]), (&1.into(), &1.into()));
    drop((client, upstream));
    wait_for_server("its end", &edge, |server| server["active"] == 0);
}

#[test]
fn processes_are_told_with_what_they_do() {
    let command = format!("[\"{}\", \"--listen\", \"unix:api.sock\"]", Api::binary().display());
    let tables = format!("wait = \"15s\"\nto = \"unix:api.sock\"\n[process.api]\ncommand = {command}\nready = {{ upstream = \"api\" }}\n");
    let edge = Edge::start(&config(&tables));
    let process = wait_for("the process", || Some(status(&edge)["processes"][0].clone()).filter(|process| process["ready"] == true));
    assert_eq!((&process["name"], &process["state"], &process["starts"]), (&"api".into(), &"ready".into(), &1.into()));
    assert_eq!(edge.get("/api/pid", "").json()["pid"], process["pid"]);
    assert_eq!(metrics(&edge).value("transom_process_ready{process=\"api\"}"), 1.0);
}

#[test]
fn a_stop_is_told_until_it_is_done() {
    let config = FORWARD
        .replace("grace  = \"1s\"", "grace = \"20s\"")
        .replace("[upstream.raw]", "[metrics]\nlisten = \"127.0.0.1:0\"\n[upstream.raw]");
    let (mut edge, listener) = played_with(&config);
    let mut client = edge.connect();
    client.send(b"GET /api/slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut upstream = accept(&listener);
    edge.signal(Signal::TERM);
    let ready = wait_for("the stop", || Some(get(&edge, "/readyz")).filter(|ready| ready.status == 503));
    assert_eq!((ready.text().as_str(), get(&edge, "/livez").status), ("stopping\n", 200));
    std::io::Write::write_all(&mut upstream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("written");
    assert_eq!(client.response().text(), "ok");
    assert!(edge.wait().status.success());
}

#[test]
fn the_page_works_in_a_browser_without_a_complaint() {
    if let Some(missing) = Browser::missing() {
        assert!(std::env::var_os("CI").is_none(), "no browser: {missing}");
        eprintln!("skipped: no browser: {missing}");
        return;
    }
    let edge = Edge::start(&config("to = \"unix:api.sock\"\nwait = \"0s\"\n"));
    for _ in 0..5 {
        assert_eq!(edge.get("/", "").status, 502);
    }
    let browser = Browser::start();
    let mut page = browser.page();
    page.open(&format!("http://localhost:{}/", address(&edge).port())).expect("the page");
    page.wait_until("document.readyState === 'complete' && document.body.innerText.includes('No such file')");
    page.wait_until("getComputedStyle(document.querySelector('li')).listStyleType === 'none'");
    let fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth");
    assert_eq!((fits, page.complaints()), (true.into(), Vec::new()));
}
