//! Requests that come while the upstream cannot be reached: held until it can, refused kindly when that takes too long.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Backed, Client, Edge, FORWARD, Response, Site, start_api};

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
