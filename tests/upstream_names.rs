//! Upstreams that are named: found when they are needed, followed when they move, and used on while nobody can say where they are.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::dns::{Dns, Say};
use crate::support::{Edge, PATIENCE, wait_for};

/// A server that answers each request with its name, and keeps its connections.
struct Named {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    /// The addresses at which it was reached.
    reached: Arc<Mutex<BTreeSet<IpAddr>>>,
    ended: Arc<AtomicBool>,
}

impl Named {
    fn start(ip: &str, port: u16, name: &'static str) -> Self {
        let listener = TcpListener::bind((ip.parse::<IpAddr>().expect("an address"), port)).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (open, reached, ended) =
            (Arc::<AtomicUsize>::default(), Arc::<Mutex<BTreeSet<IpAddr>>>::default(), Arc::<AtomicBool>::default());
        {
            let (open, reached, ended) = (Arc::clone(&open), Arc::clone(&reached), Arc::clone(&ended));
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    reached.lock().expect("addresses").insert(stream.local_addr().expect("an address").ip());
                    let (open, ended) = (Arc::clone(&open), Arc::clone(&ended));
                    std::thread::spawn(move || {
                        open.fetch_add(1, Ordering::Relaxed);
                        answer(&stream, name, &ended);
                        open.fetch_sub(1, Ordering::Relaxed);
                    });
                }
            });
        }
        Self { address, open, reached, ended }
    }

    /// Ends the listener; idle connections are closed with the next request.
    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        wait_for("the listener to end", || TcpStream::connect(self.address).is_err().then_some(()));
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.end();
    }
}

fn answer(mut stream: &TcpStream, name: &str, ended: &AtomicBool) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = Vec::new();
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            head.clear();
            if write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()).is_err() {
                return;
            }
        }
    }
}

fn edge(dns: &Dns, port: u16, wait: &str) -> Edge {
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\ngrace = \"1s\"\nresolver = [\"{}\"]\n[upstream.api]\nto = \"http://api.test:{port}\"\nwait = \"{wait}\"\n[[route]]\npath = \"/\"\nproxy = \"api\"\n",
        dns.address
    ))
}

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

fn who(edge: &Edge) -> String {
    let response = edge.get("/", "");
    assert_eq!(response.status, 200, "{}", response.text());
    response.text()
}

#[test]
fn a_name_that_is_not_resolved_holds_requests_and_never_the_start() {
    let server = Named::start("127.0.0.2", 0, "a");
    for before in [Say::Failure, Say::NoSuchName] {
        let dns = Dns::start(before);
        let edge = edge(&dns, server.address.port(), "15s");
        assert_eq!(dns.asked(), 0, "nobody is asked before there is a request");
        let mut held = edge.connect();
        held.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wait_for("a question", || (dns.asked() > 0).then_some(()));
        dns.say(Say::Addresses(vec![ip(2)], 60));
        assert_eq!(held.response().text(), "a");
    }
}

#[test]
fn a_name_that_moves_is_followed_while_requests_flow_and_its_old_connections_are_let_go() {
    let old = Named::start("127.0.0.2", 0, "old");
    let new = Named::start("127.0.0.3", old.address.port(), "new");
    let dns = Dns::start(Say::Addresses(vec![ip(2)], 1));
    let edge = edge(&dns, new.address.port(), "0s");
    assert_eq!(who(&edge), "old");
    dns.say(Say::Addresses(vec![ip(3)], 1));
    wait_for("the new server", || (who(&edge) == "new").then_some(()));
    assert!((0..10).all(|_| who(&edge) == "new"));
    wait_for("the old connections to be closed", || (old.open.load(Ordering::Relaxed) == 0).then_some(()));
}

#[test]
fn a_server_that_died_and_came_back_elsewhere_is_found_whatever_the_time_to_live_said() {
    let old = Named::start("127.0.0.2", 0, "old");
    let dns = Dns::start(Say::Addresses(vec![ip(2)], 3600));
    let edge = edge(&dns, old.address.port(), "15s");
    assert_eq!(who(&edge), "old");
    old.end();
    let new = Named::start("127.0.0.3", old.address.port(), "new");
    dns.say(Say::Addresses(vec![ip(3)], 3600));
    assert_eq!(who(&edge), "new");
    drop(new);
}

#[test]
fn the_last_addresses_are_used_while_the_resolver_fails_or_is_silent() {
    let server = Named::start("127.0.0.2", 0, "a");
    let dns = Dns::start(Say::Addresses(vec![ip(2)], 1));
    let edge = edge(&dns, server.address.port(), "0s");
    assert_eq!(who(&edge), "a");
    for trouble in [Say::Failure, Say::NoSuchName, Say::Nothing] {
        dns.say(trouble);
        let before = dns.asked();
        wait_for("a question", || {
            assert_eq!(who(&edge), "a");
            (dns.asked() > before).then_some(())
        });
        assert!((0..5).all(|_| who(&edge) == "a"));
    }
    edge.wait_for_event("a warning", |event| event["msg"].as_str().is_some_and(|message| message.contains("not resolved")));
}

#[test]
fn fifty_addresses_take_turns_and_those_that_refuse_cost_no_request() {
    let all = |last: u8| IpAddr::V4(Ipv4Addr::new(127, 1, 0, last));
    let server = Named::start("0.0.0.0", 0, "a");
    let dns = Dns::start(Say::Addresses((1..=50).map(all).collect(), 60));
    let edge = edge(&dns, server.address.port(), "0s");
    for _ in 0..100 {
        assert_eq!(who(&edge), "a");
    }
    assert_eq!(server.reached.lock().expect("addresses").len(), 50);

    // One of fifty answers: the others refuse.
    let alone = Named::start("127.2.0.50", 0, "alone");
    let dns = Dns::start(Say::Addresses((1..=50).map(|last| IpAddr::V4(Ipv4Addr::new(127, 2, 0, last))).collect(), 60));
    let edge = self::edge(&dns, alone.address.port(), "0s");
    assert!((0..20).all(|_| who(&edge) == "alone"));
}

#[test]
fn addresses_of_the_sixth_version_are_found_too() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let server = Named::start("::1", 0, "six");
    let dns = Dns::start(Say::Addresses(vec!["::1".parse().expect("an address")], 60));
    assert_eq!(who(&edge(&dns, server.address.port(), "0s")), "six");
}

#[test]
fn a_crowd_asks_once() {
    let server = Named::start("127.0.0.2", 0, "a");
    let dns = Dns::start(Say::Addresses(vec![ip(2)], 60));
    let edge = edge(&dns, server.address.port(), "0s");
    let mut clients: Vec<_> = (0..30).map(|_| edge.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(clients.iter_mut().all(|client| client.response().text() == "a"));
    // One question for each family, and again where an answer took its time.
    assert!(dns.asked() < clients.len(), "{} questions", dns.asked());
}
