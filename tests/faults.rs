//! A server that breaks the protocol, breaks off, or says nothing: what clients of each protocol see, what the log says, that the next request is
//! unharmed, and in what nginx differs.

mod against_nginx;
mod leaving;
mod observe;
mod script;
mod table;

use std::net::TcpStream;

use http::Request;

use self::script::Scripted;
use self::table::{Ask, FAULTS, Fault};
use crate::support::http2::{Http2, run};
use crate::support::{Edge, PATIENCE, Site, wait_for};

const CONFIG: &str = r#"
[server]
listen = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
https_redirect = false
[tls]
dev = true
[limits]
body = "32MiB"
[upstream.raw]
to = "http://@ADDRESS@"
wait = "0s"
[[route]]
path = "/f"
proxy = "raw"
"#;

/// A route for each fault that meets one of the timeouts, with that one short: whatever else is slow, here or on a busy machine, meets none.
fn routes() -> String {
    let limit_of = |fault: &Fault| ["response", "idle"].into_iter().find(|name| fault.cause.ends_with(&format!("timeouts.{name}")));
    let limited = FAULTS.iter().filter_map(|fault| Some((fault.name, limit_of(fault)?)));
    let route = |(name, limit)| format!("[[route]]\npath = \"/f/{name}\"\nproxy = \"raw\"\ntimeouts = {{ {limit} = \"1s\" }}\n");
    limited.map(route).collect()
}

/// The edge, first over TLS, then plain; and the server behind it.
fn start() -> (Edge, Scripted) {
    let scripted = Scripted::start();
    let config = CONFIG.replace("@ADDRESS@", &scripted.address.to_string());
    let site = Site::new(&format!("//- /proxy.toml\n{config}{}", routes()));
    (Edge::start_with(site, |_| {}), scripted)
}

fn connect(edge: &Edge) -> TcpStream {
    let stream = TcpStream::connect(edge.addresses[1]).expect("the edge accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Asks for a right answer, which names its own request: what is left of another answer would show.
fn assert_unharmed(edge: &Edge, fault: &Fault) {
    for index in 0..4 {
        let target = format!("/f/ok?{}-{index}", fault.name);
        let stream = connect(edge);
        let seen = observe::ask(&stream, &stream, Ask::Get, &observe::request(Ask::Get, &target, ""), || {});
        assert_eq!(seen, format!("200 whole {target:?}"), "behind {}", fault.name);
    }
}

fn assert_logged(edge: &Edge, fault: &Fault, target: &str) {
    let line = edge.wait_for_access(target, |line| line["path"] == target);
    let cause = line["cause"].as_str().unwrap_or_default();
    if fault.cause.is_empty() && !fault.seen.starts_with("50") {
        assert_eq!(cause, "", "{target}");
    } else {
        assert!(cause.starts_with(&format!("raw: {}", fault.cause)), "{target}: {cause}");
    }
    let status: u64 = fault.seen[..3].parse().expect("a status");
    assert_eq!(line["status"], status, "{target}");
}

#[test]
fn a_client_of_http_1_sees_each_fault_as_what_it_is() {
    let (edge, scripted) = start();
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let target = format!("/f/{}?h1", fault.name);
        let stream = connect(&edge);
        let seen = observe::ask(&stream, &stream, fault.ask, &observe::request(fault.ask, &target, ""), || scripted.note_seen(&target));
        if seen != fault.seen {
            wrong.push(format!("{}: {seen} and not {}", fault.name, fault.seen));
        }
        drop(stream);
        wait_for("the answer to be played", || scripted.has_played(&target).then_some(()));
        assert_unharmed(&edge, fault);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for fault in FAULTS {
        assert_logged(&edge, fault, &format!("/f/{}?h1", fault.name));
    }
}

#[test]
fn a_client_of_http_2_sees_each_fault_as_what_it_is() {
    let (edge, scripted) = start();
    let mut wrong = Vec::new();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for fault in FAULTS {
            let (method, bytes) = match fault.ask {
                Ask::Get => ("GET", 0),
                Ask::Head => ("HEAD", 0),
                Ask::Upload(bytes) => ("POST", bytes),
            };
            let target = format!("/f/{}?h2", fault.name);
            let request = Request::builder().method(method).uri(format!("https://localhost{target}")).body(()).expect("a request");
            let seen = match client.request_and(request, &vec![b'x'; bytes], None, || scripted.note_seen(&target)).await {
                Ok(answer) if answer.status.is_server_error() => answer.status.as_str().to_owned(),
                Ok(answer) => format!("{} whole {:?}", answer.status.as_str(), String::from_utf8_lossy(&answer.body)),
                // What came before the reset is not shown by this client.
                Err(_) => "200 cut".to_owned(),
            };
            if seen != fault.seen {
                wrong.push(format!("{}: {seen} and not {}", fault.name, fault.seen));
            }
            wait_for("the answer to be played", || scripted.has_played(&target).then_some(()));
            assert_unharmed(&edge, fault);
            for index in 0..2 {
                let target = format!("/f/ok?{}-h2-{index}", fault.name);
                let answer = client.get(&target).await.expect("the connection goes on");
                assert_eq!(String::from_utf8_lossy(&answer.body), target, "behind {}", fault.name);
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for fault in FAULTS {
        assert_logged(&edge, fault, &format!("/f/{}?h2", fault.name));
    }
}

#[test]
fn a_client_of_http_1_0_sees_a_cut_where_only_the_end_of_the_connection_tells_the_end() {
    let (edge, scripted) = start();
    for (name, seen) in [
        ("close-without-last-chunk", "200 cut"),
        ("close-mid-chunk", "200 cut"),
        ("chunk-size-no-number", "200 cut"),
        ("reset-until-close", "200 cut"),
        ("until-close", "200 whole \"ok\\n\""),
        ("chunk-extension", "200 whole \"ok\\n\""),
    ] {
        let stream = connect(&edge);
        let target = format!("/f/{name}");
        let request = format!("GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        assert_eq!(observe::ask(&stream, &stream, Ask::Get, request.as_bytes(), || scripted.note_seen(&target)), seen, "{name}");
    }
}
