//! An API that is killed with -9 again and again: no request that may be repeated fails, and what may not be is executed once at most.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use rustix::process::{Pid, Signal, kill_process};

use crate::metrics::status;
use crate::support::http2::Http2;
use crate::support::{Api, Client, Edge, FORWARD, Site, accept, played_with, wait_for};

/// Requests of each kind, in turn.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Clients on a connection of their own, and on streams of one.
const CLIENTS: usize = 4;
/// Times that the API is killed; its supervisor waits twice as long before each start.
const KILLS: usize = 4;
/// Requests that are answered between two of them at least.
const ANSWERED_MIN: usize = 60;

/// Like `FORWARD`, but requests are held.
fn held() -> String {
    FORWARD.replace("wait = \"0s\"", "wait = \"15s\"")
}

/// An edge that runs the API itself: first over TLS, then plain.
fn supervised() -> Edge {
    let command = format!("[\"{}\", \"--listen\", \"unix:api.sock\", \"--journal\", \"journal\"]", Api::binary().display());
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\", \"http://127.0.0.1:0\"]\nhttps_redirect = false\n[tls]\ndev = true\n\
         [upstream.api]\nto = \"unix:api.sock\"\nwait = \"50s\"\n[process.api]\ncommand = {command}\nready = {{ upstream = \"api\" }}\n\
         [[route]]\npath = \"/api\"\nproxy = \"api\"\n"
    ))
}

/// What became of requests: their method and id, and the status.
type Outcomes = Mutex<HashMap<String, u16>>;

/// Until when clients ask, and what they saw.
#[derive(Default)]
struct Course {
    is_over: AtomicBool,
    answered: AtomicUsize,
    outcomes: Outcomes,
}

impl Course {
    fn note(&self, method: &str, id: &str, status: u16) {
        self.outcomes.lock().expect("outcomes").insert(format!("{method} {id}"), status);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// One request after the other, on one connection of HTTP/1 as long as it lasts.
    fn ask(&self, edge: &Edge, name: usize) {
        let connect = || Client::connect(edge.addresses[1]);
        let mut client = connect();
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let (method, id) = (METHODS[number % METHODS.len()], format!("h1-{name}-{number}"));
            let body = if matches!(method, "GET" | "DELETE") { "" } else { "{\"some\":\"change\"}" };
            let length = body.len();
            let head = format!("{method} /api/journal/{id}?delay=3ms HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
            client.send(format!("{head}{body}").as_bytes());
            let response = client.response_to(method);
            self.note(method, &id, response.status);
            if response.field("connection") == Some("close") {
                client = connect();
            }
        }
    }

    /// The same, on one stream after the other.
    async fn ask_on_streams(&self, mut client: Http2, name: &str) {
        for number in (0..).take_while(|_| self.goes_on()) {
            let (method, id) = (METHODS[number % METHODS.len()], format!("{name}-{number}"));
            let body: &[u8] = if matches!(method, "GET" | "DELETE") { b"" } else { b"{\"some\":\"change\"}" };
            let request = Request::builder().method(method).uri(format!("https://localhost/api/journal/{id}?delay=3ms"));
            let request = request.header("content-length", body.len()).body(()).expect("a request");
            let answer = client.request(request, body, None).await.expect("a stream is answered");
            self.note(method, &id, answer.status.as_u16());
        }
    }

    /// Two at once on a connection of HTTP/2.
    fn ask_twice(&self, edge: &Edge, name: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let first = Http2::connect(edge).await;
            let second = Http2 { send: first.send.clone(), driver: tokio::spawn(async { Ok(()) }) };
            let (a, b) = (format!("h2-{name}-a"), format!("h2-{name}-b"));
            tokio::join!(self.ask_on_streams(first, &a), self.ask_on_streams(second, &b));
        });
    }
}

/// Kills the API as often as is wanted, each time when it is working.
fn kill_again_and_again(edge: &Edge, course: &Course) {
    for _ in 0..KILLS {
        let before = course.answered.load(Ordering::Relaxed);
        wait_for("service", || (course.answered.load(Ordering::Relaxed) >= before + ANSWERED_MIN).then_some(()));
        let mut client = Client::connect(edge.addresses[1]);
        client.send(b"GET /api/pid HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let pid = client.response().json()["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("a pid"), Signal::KILL).expect("it runs");
    }
    let before = course.answered.load(Ordering::Relaxed);
    wait_for("service", || (course.answered.load(Ordering::Relaxed) >= before + ANSWERED_MIN).then_some(()));
}

#[test]
fn under_repeated_kills_no_repeatable_request_fails_and_a_post_or_patch_is_executed_once_at_most() {
    let (edge, course) = (supervised(), Course::default());
    std::thread::scope(|scope| {
        let (edge, course) = (&edge, &course);
        let clients: Vec<_> = (0..CLIENTS)
            .flat_map(|name| [scope.spawn(move || course.ask(edge, name)), scope.spawn(move || course.ask_twice(edge, name))])
            .collect();
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kill_again_and_again(edge, course)));
        course.is_over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().expect("a client that is always answered"));
        killed.expect("the API is killed and comes back");
    });
    let journal = std::fs::read_to_string(edge.site.join("journal")).expect("the journal");
    let mut executed: HashMap<&str, usize> = HashMap::new();
    journal.lines().for_each(|line| *executed.entry(line).or_default() += 1);
    let outcomes = course.outcomes.into_inner().expect("outcomes");
    let (mut failed, mut repeated, mut refused) = (Vec::new(), 0, 0);
    for (request, &status) in &outcomes {
        let count = executed.get(request.as_str()).copied().unwrap_or_default();
        if request.starts_with("PO") || request.starts_with("PA") {
            assert!(count <= 1, "{request} was executed {count} times, and answered with {status}");
            assert!(matches!(status, 200 | 502 | 503), "{request}: {status}");
            refused += usize::from(status != 200);
        } else {
            failed.extend((status != 200).then_some((request, status)));
            repeated += usize::from(count > 1);
        }
        assert!(status != 200 || count > 0, "{request} was answered and never executed");
    }
    eprintln!("{} requests, {KILLS} kills: {refused} POST and PATCH refused, {repeated} others executed again", outcomes.len());
    assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), outcomes.len());
}

/// Takes a request, says this much and goes down, as a process does that is killed: first nobody listens any more, then connections end.
fn go_down(edge: &Edge, listener: UnixListener, said: &[u8]) -> UnixListener {
    let mut stream = accept(&listener);
    stream.write_all(said).expect("the edge reads");
    let path = edge.site.join("api.sock");
    drop(listener);
    drop(stream);
    // Until it has seen that nobody is there: a server that comes back before has closed without an answer, and that is another story.
    wait_for("the hold", || (status(edge)["upstreams"][0]["held"]["now"] == 1).then_some(()));
    std::fs::remove_file(&path).expect("the old socket");
    UnixListener::bind(path).expect("a socket")
}

#[test]
fn a_request_that_may_be_repeated_outlasts_one_crash_after_the_other() {
    for request in ["GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\nContent-Length: 2\r\n", "DELETE / HTTP/1.1\r\n"] {
        let (edge, mut listener) = played_with(&format!("{}\n[metrics]\nlisten = \"127.0.0.1:0\"\n", held()));
        let mut client = edge.connect();
        client.send(request.replace("/ ", "/api/x ").as_bytes());
        client.send(b"Host: localhost\r\n\r\n");
        if request.starts_with("PUT") {
            client.send(b"ab");
        }
        // Some servers are killed between the head of their answer and its content.
        for said in [&b""[..], b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"", b"", b""] {
            listener = go_down(&edge, listener, said);
        }
        let mut stream = accept(&listener);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (200, "ok"), "{request}");
    }
}

#[test]
fn a_server_that_is_there_and_closes_without_an_answer_is_asked_no_more_often_than_without_waiting() {
    let (edge, listener) = played_with(&held());
    for (method, count) in [("GET", 3), ("DELETE", 2), ("POST", 1)] {
        let mut client = edge.connect();
        client.send(format!("{method} /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").as_bytes());
        (0..count).for_each(|_| drop(accept(&listener)));
        // Whether it is there was looked at once more, without a request.
        if method != "POST" {
            let mut nothing = Vec::new();
            let (mut stream, _) = listener.accept().expect("a connection");
            assert_eq!(client.response().status, 502, "{method}");
            assert!(stream.read_to_end(&mut nothing).is_ok() && nothing.is_empty(), "{method}: {nothing:?}");
            continue;
        }
        assert_eq!(client.response().status, 502, "{method}");
    }
}

#[test]
fn a_held_request_is_not_sent_when_its_client_has_left() {
    for (method, body) in [("GET", ""), ("POST", "ab"), ("POST", "a"), ("PUT", "ab")] {
        let site = Site::new(&format!("//- /proxy.toml\n{}", held()));
        let edge = Edge::start_with(site, |_| {});
        let mut gone = edge.connect();
        let length = if body.is_empty() { 0 } else { 2 };
        gone.send(format!("{method} /api/gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
        drop(gone);
        edge.wait_for_access("the one that left", |line| line["path"] == "/api/gone");
        let listener = UnixListener::bind(edge.site.join("api.sock")).expect("a socket");
        let mut client = edge.connect();
        client.send(b"GET /api/there HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut stream = accept(&listener);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
        assert_eq!(client.response().text(), "ok", "{method} {body}: whoever came first was not sent");
    }
}

#[test]
fn of_a_long_held_upload_whose_client_has_left_no_end_is_sent() {
    let edge = Edge::start_with(Site::new(&format!("//- /proxy.toml\n{}", held())), |_| {});
    // More than is read ahead, and little enough to be on its way when the client leaves.
    let body = "x".repeat(200_000);
    let mut gone = edge.connect();
    gone.send(format!("POST /api/gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    drop(gone);
    let listener = UnixListener::bind(edge.site.join("api.sock")).expect("a socket");
    let mut stream = accept(&listener);
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).expect("the edge closes");
    assert!(seen.len() < body.len(), "{} bytes", seen.len());
    edge.wait_for_access("the one that left", |line| line["path"] == "/api/gone");
}

#[test]
fn a_head_whose_content_takes_its_time_is_passed_on() {
    let (edge, listener) = played_with(&held());
    let mut client = edge.connect();
    client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut stream = accept(&listener);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").expect("the edge reads");
    // The content comes only once the head is here.
    assert_eq!(client.head().status, 200);
    stream.write_all(b"ok").expect("the edge reads");
    assert_eq!(client.read_until(b"ok"), b"ok");
}
