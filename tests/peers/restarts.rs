//! Servers whose processes come and go under load: no request that may be repeated fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::{before_python, with_uvicorn};
use crate::support::{Client, Edge, wait_for};

const CLIENTS: usize = 8;

fn get(client: &mut Client, path: &str) -> String {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.text());
    response.text()
}

/// Clients that ask one request after the other until `work` is done; tells how many were answered. None may fail.
fn under_load(edge: &Edge, work: impl FnOnce(&AtomicUsize)) -> usize {
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = edge.connect();
                    while !ended.load(Ordering::Relaxed) {
                        get(&mut client, "/api/pid");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // The clients end also when the work fails.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&answered)));
        ended.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("no request fails");
        }
        worked.expect("the work is done");
    });
    answered.into_inner()
}

/// Waits until this many processes have answered, and gives them.
fn processes(edge: &Edge, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    wait_for("new processes", || {
        let pid = get(&mut edge.connect(), "/api/pid");
        if !seen.contains(&pid) {
            seen.push(pid);
        }
        (seen.len() >= count).then_some(())
    });
    seen
}

#[test]
fn workers_of_gunicorn_that_end_after_some_requests_fail_none() {
    for app in [["app:app", "uvicorn.workers.UvicornWorker"], ["wsgi:app", "sync"]] {
        let arguments = [
            "-m",
            "gunicorn",
            app[0],
            "-k",
            app[1],
            "--workers",
            "2",
            "--max-requests",
            "60",
            "--max-requests-jitter",
            "20",
            "--bind",
            "unix:app.sock",
        ];
        let Some((edge, _peer)) = before_python(&arguments) else { return };
        let answered = under_load(&edge, |_| assert_eq!(processes(&edge, 4).len(), 4));
        assert!(answered > 60, "{app:?}: {answered}");
    }
}

#[test]
fn uvicorn_that_ends_after_some_requests_and_is_started_again_fails_none() {
    let Some(edge) = with_uvicorn("\"--limit-max-requests\", \"100\"", "") else { return };
    let answered = under_load(&edge, |_| assert_eq!(processes(&edge, 3).len(), 3));
    assert!(answered > 100, "{answered}");
}

#[test]
fn uvicorn_that_is_killed_under_load_and_started_again_fails_no_get() {
    let Some(edge) = with_uvicorn("", "") else { return };
    let answered = under_load(&edge, |_| {
        for _ in 0..3 {
            // As soon as it is there: some requests meet one crash after the other.
            let pid = get(&mut edge.connect(), "/api/pid");
            kill_process(Pid::from_raw(pid.parse().expect("a pid")).expect("a process"), Signal::KILL).expect("it is there");
            wait_for("another process", || (get(&mut edge.connect(), "/api/pid") != pid).then_some(()));
        }
    });
    assert!(answered > CLIENTS, "{answered}");
}
