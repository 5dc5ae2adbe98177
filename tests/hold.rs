//! Requests that come while the upstream cannot be reached: held until it can, refused kindly when that takes too long.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Backed, Client, Edge, FORWARD, Response, Site, accept, memory_peak, start_api, wait_for};

const STATIC: &str = "[[route]]\npath = \"/\"\nroot = \"site\"\n";

/// An edge whose backend is not there yet.
fn alone(wait: &str) -> Edge {
    let config = FORWARD.replace("wait = \"0s\"", &format!("wait = \"{wait}\""));
    Edge::start(&format!("//- /proxy.toml\n{config}\n{STATIC}\n//- /site/index.html\n<p>static</p>\n"))
}

fn ask(edge: &Edge, path: &str) -> Client {
    let mut client = edge.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client
}

#[test]
fn requests_are_held_until_the_backend_is_there_while_static_files_are_served() {
    let edge = alone("15s");
    let mut held: Vec<_> = (0..5).map(|index| ask(&edge, &format!("/api/echo/{index}"))).collect();
    assert_eq!(edge.get("/", "").status, 200, "static files do not wait");
    let _api = start_api(&edge.site);
    for (index, client) in held.iter_mut().enumerate() {
        let response = client.response();
        assert_eq!(response.status, 200);
        assert_eq!(response.json()["path"], format!("/api/echo/{index}"));
    }
}

#[test]
fn pipelined_requests_are_held_and_answered_in_their_order() {
    let edge = alone("15s");
    let mut client = edge.connect();
    for index in 0..10 {
        client.send(format!("GET /api/echo/{index} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    }
    let _api = start_api(&edge.site);
    for index in 0..10 {
        assert_eq!(client.response().json()["path"], format!("/api/echo/{index}"));
    }
}

#[test]
fn a_held_post_keeps_its_body() {
    let edge = alone("15s");
    let mut client = edge.connect();
    let body = "x".repeat(300_000);
    client.send(format!("POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    client.send(body.as_bytes());
    let _api = start_api(&edge.site);
    assert_eq!(client.response().json()["bytes"], 300_000);
}

#[test]
fn two_hundred_held_requests_all_succeed() {
    let edge = alone("15s");
    let mut held: Vec<_> = (0..200).map(|_| ask(&edge, "/api/small")).collect();
    let _api = start_api(&edge.site);
    for client in &mut held {
        assert_eq!(client.response().status, 200);
    }
}

fn refused(accept: &str) -> Response {
    let response = alone("50ms").get("/api/small", accept);
    assert_eq!((response.status, response.field("cache-control")), (503, Some("no-store")));
    assert!(response.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    response
}

#[test]
fn an_api_caller_that_waited_in_vain_gets_json_with_retry_after() {
    let response = refused("Accept: application/json\r\n");
    assert_eq!((response.field("content-type"), &response.json()["status"]), (Some("application/json"), &serde_json::json!(503)));
}

#[test]
fn a_navigation_that_waited_in_vain_gets_a_page_that_tries_again() {
    let response = refused("Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
    assert!(response.field("content-type").is_some_and(|value| value.starts_with("text/html")));
    assert!(response.text().contains("http-equiv=\"refresh\""), "{}", response.text());
}

#[test]
fn anybody_else_who_waited_in_vain_gets_a_line_of_text() {
    for accept in ["", "Accept: */*\r\n"] {
        let response = refused(accept);
        assert!(response.field("content-type").is_some_and(|value| value.starts_with("text/plain")));
        assert_eq!(response.text(), "503 Service Unavailable\n");
    }
}

#[test]
fn a_held_request_whose_client_leaves_gives_its_place_back() {
    let edge = alone("15s");
    for _ in 0..30 {
        drop(ask(&edge, "/api/small"));
    }
    let mut last = ask(&edge, "/api/small");
    let _api = start_api(&edge.site);
    assert_eq!(last.response().status, 200);
}

#[test]
fn no_get_fails_while_the_backend_is_killed_and_started_again() {
    let config = FORWARD.replace("wait = \"0s\"", "wait = \"15s\"");
    let mut backed = Backed::start_with(&config);
    let address = backed.edge.address();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    let mut served = 0;
                    while !over.load(Ordering::Relaxed) {
                        client.send(b"GET /api/small HTTP/1.1\r\nHost: localhost\r\n\r\n");
                        let response = client.response();
                        assert_eq!(response.status, 200, "after {served}: {}", response.text());
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        for _ in 0..5 {
            backed.api.kill();
            backed.api = start_api(&backed.edge.site);
            for _ in 0..20 {
                assert_eq!(backed.edge.get("/api/small", "").status, 200);
            }
        }
        over.store(true, Ordering::Relaxed);
        let served: usize = loops.into_iter().map(|thread| thread.join().expect("no request failed")).sum();
        assert!(served > 20);
    });
}

#[test]
fn a_site_without_a_backend_starts() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}{STATIC}\n//- /site/index.html\nhi\n"));
    assert_eq!(Edge::start_with(site, |_| {}).get("/", "").text(), "hi");
}

/// Clients that wait at once for a backend that is not there, where that many files may be open.
const CROWD: usize = 10_000;
/// Descriptors of this process that other tests need meanwhile.
const DESCRIPTORS_BESIDE: usize = 2000;
/// As many as are held; more are told at once when to come again.
const HELD_MAX: usize = 1024;
/// What each of them may cost: a connection, its request, its place, and its line of the log.
const BYTES_EACH_MAX: u64 = 20 * 1024;

/// As many of a crowd as this process and the edge may have connections.
fn crowd() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
    let room = limit.maximum.map_or(CROWD, |maximum| usize::try_from(maximum).unwrap_or(CROWD).saturating_sub(DESCRIPTORS_BESIDE));
    assert!(room > 2 * HELD_MAX, "no room for a crowd: raise the limit of open files (ulimit -n -H)");
    CROWD.min(room)
}

#[test]
fn ten_thousand_that_wait_for_a_dead_backend_cost_bounded_memory_and_all_are_answered() {
    let crowd = crowd();
    let edge = alone("60s");
    assert_eq!(edge.get("/", "").status, 200);
    let before = memory_peak(edge.pid());
    let mut clients: Vec<_> = (0..crowd).map(|_| ask(&edge, "/api/small")).collect();
    wait_for("those for whom there is no place", || (edge.access_lines().len() > crowd - HELD_MAX).then_some(()));
    let grown = memory_peak(edge.pid()).saturating_sub(before);
    eprintln!("{crowd} clients: {} MiB, {} bytes each", grown >> 20, grown / crowd as u64);
    assert!(grown < crowd as u64 * BYTES_EACH_MAX, "{grown} bytes");
    let _api = start_api(&edge.site);
    let responses: Vec<_> = clients.iter_mut().map(Client::response).collect();
    let count = |status| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(200), count(503)), (HELD_MAX, crowd - HELD_MAX));
    assert!(responses.iter().all(|response| response.status == 200 || response.field("retry-after").is_some()));
}

#[test]
fn all_that_wait_for_a_backend_that_never_comes_are_told_when_to_come_again() {
    let edge = alone("1s");
    let mut clients: Vec<_> = (0..HELD_MAX + 200).map(|_| ask(&edge, "/api/small")).collect();
    for response in clients.iter_mut().map(Client::response) {
        assert!(response.status == 503 && response.field("retry-after").is_some(), "{response:?}");
    }
}

#[test]
fn a_post_is_done_at_most_once_while_the_backend_is_killed_and_started_again() {
    let config = FORWARD.replace("wait = \"0s\"", "wait = \"15s\"");
    let mut backed = Backed::start_with(&config);
    let address = backed.edge.address();
    let over = AtomicBool::new(false);
    let mut done: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        for name in 0..3 {
            let over = &over;
            scope.spawn(move || {
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let body = format!("{{\"text\":\"{name}-{number}\"}}");
                    let mut client = Client::connect(address);
                    let head = format!("POST /api/notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
                    client.send(format!("{head}{body}").as_bytes());
                    assert!(matches!(client.response().status, 201 | 502 | 503));
                }
            });
        }
        for _ in 0..4 {
            for _ in 0..10 {
                assert_eq!(backed.edge.get("/api/small", "").status, 200);
            }
            done.extend(notes(&backed.edge));
            backed.api.kill();
            backed.api = start_api(&backed.edge.site);
        }
        over.store(true, Ordering::Relaxed);
    });
    done.extend(notes(&backed.edge));
    let count = done.len();
    done.sort_unstable();
    done.dedup();
    assert!(count > 0 && done.len() == count, "{} of {count} are not the same", done.len());
}

fn notes(edge: &Edge) -> Vec<String> {
    let list = edge.get("/api/notes", "").json();
    let texts = list.as_array().into_iter().flatten().filter_map(|note| note["text"].as_str().map(str::to_owned));
    // Those that it has from the beginning stand there in each of its lives.
    texts.filter(|text| text.starts_with(|first: char| first.is_ascii_digit())).collect()
}

#[test]
fn a_request_that_comes_while_the_socket_of_the_backend_is_replaced_is_served() {
    let mut backed = Backed::start_with(&FORWARD.replace("wait = \"0s\"", "wait = \"15s\""));
    assert_eq!(backed.get("/api/small", "").status, 200);
    let socket = backed.edge.site.join("api.sock");
    // What stands there now is no socket, as between the removal of one and the binding of the next.
    std::fs::remove_file(&socket).expect("the old socket");
    backed.api.kill();
    std::fs::write(&socket, "").expect("a file");
    let mut held = ask(&backed.edge, "/api/small");
    std::fs::remove_file(&socket).expect("the file");
    backed.api = start_api(&backed.edge.site);
    assert_eq!(held.response().status, 200);
}

#[test]
fn a_request_that_finds_the_backlog_of_the_backend_full_is_held_until_there_is_room() {
    let edge = alone("15s");
    let listener = std::os::unix::net::UnixListener::bind(edge.site.join("api.sock")).expect("a socket");
    rustix::net::listen(&listener, 1).expect("a short backlog");
    let others: Vec<_> = (0..2).map(|_| std::os::unix::net::UnixStream::connect(edge.site.join("api.sock")).expect("room")).collect();
    let mut held = ask(&edge, "/api/small");
    wait_for("the edge to find it full", || (edge.get("/", "").status == 200).then_some(()));
    for _ in &others {
        drop(listener.accept().expect("those that were first"));
    }
    let mut stream = accept(&listener);
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
    assert_eq!(held.response().text(), "ok");
}

#[test]
fn what_a_script_fetches_is_never_a_page_that_loads_itself_again_and_a_form_is_not_sent_again() {
    let edge = alone("50ms");
    let response = edge.get("/api/small", "Accept: text/html, application/json\r\nSec-Fetch-Mode: cors\r\n");
    assert_eq!((response.status, response.field("content-type")), (503, Some("application/json")));
    let navigation = edge.get("/api/small", "Accept: */*\r\nSec-Fetch-Mode: navigate\r\n");
    assert!(navigation.text().contains("http-equiv=\"refresh\""));
    let form = "POST /api/notes HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nContent-Length: 0\r\n\r\n";
    let response = edge.request(form);
    assert!(response.status == 503 && !response.text().contains("refresh"), "{}", response.text());
}
