//! Servers that fail: left alone, looked at, let back in; requests that are sent again, and in which order.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::support::{Edge, Site, wait_for};

/// An edge before servers in its folder; `upstream` is the rest of their table.
fn config(upstream: &str) -> String {
    format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\ngrace = \"1s\"\n[[route]]\npath = \"/\"\nproxy = \"api\"\n[upstream.api]\n{upstream}\n"
    )
}

const TWO: &str = "to = [\"unix:a.sock\", \"unix:b.sock\"]\nwait = \"0s\"\n";

/// A server that answers each request with the status that stands in it, and closes.
struct Played {
    /// What it says; zero: it closes without a word.
    status: Arc<AtomicUsize>,
    /// Requests that it had.
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    path: std::path::PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Played {
    fn start(site: &Site, name: &str, status: usize) -> Self {
        let path = site.join(name);
        let listener = UnixListener::bind(&path).expect("a socket");
        let (status, asked, over) = (Arc::new(AtomicUsize::new(status)), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (says, counts, ends) = (Arc::clone(&status), Arc::clone(&asked), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().expect("the edge connects");
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // A check without a path says nothing.
                if !reads_head(&mut stream) {
                    continue;
                }
                counts.fetch_add(1, Ordering::Relaxed);
                match says.load(Ordering::Relaxed) {
                    0 => {}
                    status => {
                        let _ = write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                    }
                }
            }
        });
        Self { status, asked, over, path, thread: Some(thread) }
    }

    fn says(&self, status: usize) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Where the folder has gone already, nobody can connect any more.
        if let (Ok(_last), Some(thread)) = (UnixStream::connect(&self.path), self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn reads_head(stream: &mut UnixStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_exact(&mut byte).is_err() {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

/// An edge before `a.sock` and `b.sock`, which say these statuses.
fn start(upstream: &str, says: [usize; 2]) -> (Edge, [Played; 2]) {
    let site = Site::new(&config(upstream));
    let servers = [Played::start(&site, "a.sock", says[0]), Played::start(&site, "b.sock", says[1])];
    (Edge::start_with(site, |_| {}), servers)
}

fn line_of(edge: &Edge, path: &str) -> Value {
    edge.wait_for_access(path, |line| line["path"] == path)
}

fn event_count(edge: &Edge, message: &str) -> usize {
    edge.events().iter().filter(|event| event["msg"].as_str().is_some_and(|text| text.contains(message))).count()
}

#[test]
fn a_server_that_fails_again_and_again_is_left_alone_and_tried_by_one_request_later() {
    let (edge, [a, b]) =
        start(&format!("{TWO}breaker = {{ failures = 2, open = \"5s\" }}\nretry = {{ on = [\"connect\", 503] }}"), [503, 200]);
    for number in 0..10 {
        assert_eq!(edge.get(&format!("/{number}"), "").status, 200);
    }
    assert!(a.asked() < 5, "{}", a.asked());
    let event = edge.wait_for_event("the opening", |event| event["msg"].as_str().is_some_and(|text| text.contains("is left alone")));
    assert!(event["server"].as_str().is_some_and(|name| name.ends_with("a.sock")), "{event}");
    assert!(event["cause"].as_str().is_some_and(|cause| cause.contains("503")), "{event}");
    a.says(200);
    wait_for("the server to be asked again", || {
        assert_eq!(edge.get("/again", "").status, 200);
        (event_count(&edge, "answers again") == 1).then_some(())
    });
    assert_eq!(event_count(&edge, "is left alone for"), 1, "told once");
    assert!(b.asked() > 5);
}

#[test]
fn the_one_server_of_an_upstream_is_never_left_alone() {
    let site = Site::new(&config("to = \"unix:a.sock\"\nwait = \"0s\""));
    let server = Played::start(&site, "a.sock", 0);
    let edge = Edge::start_with(site, |_| {});
    for _ in 0..8 {
        let response = edge.request("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(response.status, 502);
    }
    assert_eq!(server.asked(), 8, "each was sent once, and none was kept back");
    edge.wait_for_event("what is wrong", |event| event["msg"].as_str().is_some_and(|text| text.contains("there is no other")));
    assert_eq!(event_count(&edge, "there is no other"), 1);
    server.says(200);
    assert_eq!(edge.get("/", "").status, 200);
    edge.wait_for_event("the recovery", |event| event["msg"] == "the server answers again");
}

#[test]
fn a_listed_status_is_asked_of_another_server_and_the_log_has_the_order() {
    let (edge, [a, b]) = start(&format!("{TWO}retry = {{ tries = 2, on = [\"connect\", 502, 503] }}"), [503, 200]);
    for number in 0..4 {
        assert_eq!(edge.get(&format!("/{number}"), "").status, 200);
    }
    assert!(a.asked() > 0 && b.asked() == 4);
    let line = edge.wait_for_access("two tries", |line| line["upstream_tried"].is_array());
    let tried: Vec<_> = line["upstream_tried"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(tried.len() == 2 && tried[0].ends_with("a.sock") && tried[1].ends_with("b.sock"), "{line}");
}

#[test]
fn the_last_try_passes_the_status_on_as_it_is() {
    let (edge, [a, b]) = start(&format!("{TWO}breaker = false\nretry = {{ tries = 2, on = [503] }}"), [503, 503]);
    let response = edge.get("/last", "");
    assert_eq!((response.status, response.text()), (503, "ok".to_owned()), "the upstream's own");
    assert_eq!(a.asked() + b.asked(), 2);
}

#[test]
fn a_post_is_sent_to_one_server_alone_whatever_it_answers() {
    let (edge, [a, b]) =
        start(&format!("{TWO}retry = {{ tries = 5, on = [\"connect\", \"reset_before_response\", \"timeout\", 503] }}"), [503, 0]);
    for number in 1..=6 {
        let response = edge.request("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok");
        assert!(matches!(response.status, 502 | 503));
        assert_eq!(a.asked() + b.asked(), number);
    }
}

#[test]
fn a_body_is_sent_again_only_while_all_of_it_is_kept() {
    let (edge, [a, b]) = start(&format!("{TWO}breaker = false\nretry = {{ on = [503] }}"), [503, 503]);
    edge.request("PUT /streamed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(a.asked() + b.asked(), 1, "what was streamed is gone");
    let text = config(&format!("{TWO}breaker = false\nretry = {{ on = [503] }}"))
        .replace("proxy = \"api\"", "proxy = \"api\"\nbuffer_request = true");
    let site = Site::new(&text);
    let kept = [Played::start(&site, "a.sock", 503), Played::start(&site, "b.sock", 200)];
    let edge = Edge::start_with(site, |_| {});
    for _ in 0..4 {
        assert_eq!(edge.request("PUT /kept HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok").status, 200);
    }
    assert!(kept[0].asked() > 0);
}

#[test]
fn a_server_that_does_not_answer_in_time_is_passed_by_and_all_tries_share_the_time() {
    let upstream = format!("{TWO}retry = {{ on = [\"timeout\"], within = \"50s\" }}");
    let text = config(&upstream).replace("proxy = \"api\"", "proxy = \"api\"\ntimeouts = { response = \"2s\" }");
    let site = Site::new(&text);
    let silent = UnixListener::bind(site.join("a.sock")).expect("a socket");
    let _other = Played::start(&site, "b.sock", 200);
    let edge = Edge::start_with(site, |_| {});
    for number in 0..3 {
        assert_eq!(edge.get(&format!("/{number}"), "").status, 200);
    }
    drop(silent);
    let upstream = format!("{TWO}breaker = false\nretry = {{ tries = 9, on = [\"timeout\"], within = \"150ms\" }}");
    let text = config(&upstream).replace("proxy = \"api\"", "proxy = \"api\"\ntimeouts = { response = \"60s\" }");
    let site = Site::new(&text);
    let _silent = [UnixListener::bind(site.join("a.sock")).expect("a socket"), UnixListener::bind(site.join("b.sock")).expect("a socket")];
    let edge = Edge::start_with(site, |_| {});
    let began = std::time::Instant::now();
    assert_eq!(edge.get("/late", "").status, 504);
    assert!(began.elapsed().as_secs() < 50);
    assert!(line_of(&edge, "/late")["cause"].as_str().is_some_and(|cause| cause.contains("no response within")));
}

#[test]
fn a_server_that_says_it_is_not_well_gets_no_requests_until_it_says_it_is() {
    let health = "[upstream.api.health]\npath = \"/healthz\"\ninterval = \"100ms\"\ntimeout = \"20s\"\nfall = 2\nexpect = [200]\n";
    let (edge, [a, _b]) = start(&format!("{TWO}breaker = false\n{health}"), [200, 200]);
    a.says(404);
    let event = edge.wait_for_event("the check", |event| event["msg"].as_str().is_some_and(|text| text.contains("is not well")));
    assert_eq!(event["cause"], "/healthz was answered with 404");
    for number in 0..6 {
        assert_eq!(edge.get(&format!("/{number}"), "").status, 200, "only the other is asked");
    }
    a.says(200);
    edge.wait_for_event("the recovery", |event| event["msg"] == "the server is well again");
    wait_for("its share", || {
        edge.get("/share", "");
        edge.access_lines().iter().any(|line| line.contains("/share") && line.contains("a.sock")).then_some(())
    });
    assert!(edge.stop().status.success(), "the checks end with the edge");
}

#[test]
fn requests_wait_for_a_server_that_is_not_well_and_get_in_when_it_is() {
    let health = "[upstream.api.health]\npath = \"/healthz\"\ninterval = \"100ms\"\ntimeout = \"20s\"\n";
    let site = Site::new(&config(&format!("to = \"unix:a.sock\"\nwait = \"15s\"\n{health}")));
    let server = Played::start(&site, "a.sock", 500);
    let edge = Edge::start_with(site, |_| {});
    edge.wait_for_event("the check", |event| event["msg"].as_str().is_some_and(|text| text.contains("is not well")));
    let mut held = edge.connect();
    held.send(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.says(200);
    assert_eq!(held.response().status, 200);
}

#[test]
fn without_a_path_a_server_is_well_that_accepts() {
    let (edge, [a, _b]) = start(&format!("{TWO}[upstream.api.health]\ninterval = \"100ms\"\ntimeout = \"20s\"\nfall = 1\n"), [200, 200]);
    assert_eq!(edge.get("/first", "").status, 200);
    std::fs::rename(edge.site.join("a.sock"), edge.site.join("gone.sock")).expect("a socket that moves");
    edge.wait_for_event("the check", |event| event["msg"].as_str().is_some_and(|text| text.contains("is not well")));
    for number in 0..4 {
        assert_eq!(edge.get(&format!("/{number}"), "").status, 200);
    }
    std::fs::rename(edge.site.join("gone.sock"), edge.site.join("a.sock")).expect("a socket that comes back");
    edge.wait_for_event("the recovery", |event| event["msg"] == "the server is well again");
    drop(a);
}

#[test]
fn a_check_that_reaches_a_server_again_ends_its_time_out() {
    // So many bad looks that the check itself never takes the server out.
    let health = "health = { path = \"/\", interval = \"100ms\", fall = 1000 }";
    let (edge, [a, b]) = start(&format!("{TWO}breaker = {{ failures = 1, open = \"1h\" }}\n{health}"), [200, 200]);
    wait_for("a good first look at each", || (a.asked() > 0 && b.asked() > 0).then_some(()));
    drop(a);
    std::fs::remove_file(edge.site.join("a.sock")).expect("the socket of one that is gone");
    wait_for("the breaker", || {
        assert_eq!(edge.get("/before", "").status, 200);
        edge.find_event(|event| event["msg"].as_str().is_some_and(|text| text.contains("is left alone")))
    });
    let _a = Played::start(&edge.site, "a.sock", 200);
    edge.wait_for_event("its return", |event| event["msg"].as_str().is_some_and(|text| text.contains("is there again")));
    assert_eq!([0, 1].map(|_| edge.get("/after", "").status), [200, 200]);
    edge.wait_for_access("its share", |line| line["path"] == "/after" && line["upstream"] == "unix:a.sock");
}
