//! The edge under test: the real binary on a site, with its logs at hand.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Client, Response};
use super::site::Site;
use super::wait::wait_for;

type Lines = Arc<Mutex<Vec<String>>>;

/// A running edge. Dropped, it is killed; a test that panics prints its config and its logs.
pub struct Edge {
    child: Child,
    /// Its folder.
    pub site: Site,
    events: Lines,
    access: Lines,
    readers: Vec<JoinHandle<()>>,
    /// The addresses of its TCP listeners, in the order of the config.
    pub addresses: Vec<SocketAddr>,
}

/// How an edge ended.
pub struct Stopped {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its event log, line by line.
    pub events: Vec<String>,
    /// Its access log, line by line.
    pub access: Vec<String>,
}

impl Edge {
    /// Starts an edge on a site and waits until it serves.
    pub fn start(text: &str) -> Self {
        Self::start_with(Site::new(text), |_| {})
    }

    /// Starts an edge whose command line or environment is changed first.
    pub fn start_with(site: Site, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_transom"));
        command.arg("-c").arg(site.join("proxy.toml")).current_dir(site.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("the edge starts");
        let (events, access) = (Lines::default(), Lines::default());
        let readers = vec![
            collect(child.stderr.take().expect("stderr"), Arc::clone(&events)),
            collect(child.stdout.take().expect("stdout"), Arc::clone(&access)),
        ];
        let mut edge = Self { child, site, events, access, readers, addresses: Vec::new() };
        wait_for("the edge to serve", || {
            let ended = edge.child.try_wait().expect("the edge's status");
            assert!(ended.is_none(), "the edge ended at start: {ended:?}");
            edge.find_event(|event| event["msg"] == "serving")
        });
        edge.addresses = edge.events().iter().filter_map(listening).collect();
        edge
    }

    /// The first listener's address.
    pub fn address(&self) -> SocketAddr {
        *self.addresses.first().expect("a TCP listener")
    }

    /// A new connection to the first listener.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Sends one request on a connection of its own, and reads its response.
    pub fn request(&self, request: &str) -> Response {
        let mut client = self.connect();
        client.send(request.as_bytes());
        client.response_to(request.split(' ').next().unwrap_or("GET"))
    }

    /// GETs a path with `Host: localhost` and these further field lines (each ends in `\r\n`).
    pub fn get(&self, path: &str, fields: &str) -> Response {
        self.request(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
    }

    /// Process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The event log so far, parsed.
    pub fn events(&self) -> Vec<Value> {
        parse(&self.events)
    }

    /// The first event that fits.
    pub fn find_event(&self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        self.events().into_iter().find(|event| fits(event))
    }

    /// Waits for an event that fits.
    pub fn wait_for_event(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || self.find_event(&fits))
    }

    /// Waits for a line of the access log (as JSON) that fits.
    pub fn wait_for_access(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || parse(&self.access).into_iter().find(|line| fits(line)))
    }

    /// The access log so far, as it was written.
    pub fn access_lines(&self) -> Vec<String> {
        self.access.lock().expect("the access log").clone()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the edge takes a signal");
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(mut self) -> Stopped {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> Stopped {
        let status = wait_for("the edge to end", || self.child.try_wait().expect("the edge's status"));
        for reader in self.readers.drain(..) {
            reader.join().expect("a log reader");
        }
        let lines = |lines: &Lines| lines.lock().expect("a log").clone();
        Stopped { status, events: lines(&self.events), access: lines(&self.access) }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let config = std::fs::read_to_string(self.site.join("proxy.toml")).unwrap_or_default();
            let lines = |lines: &Lines| lines.lock().map(|lines| lines.join("\n")).unwrap_or_default();
            eprintln!("--- proxy.toml\n{config}\n--- events\n{}\n--- access\n{}\n---", lines(&self.events), lines(&self.access));
        }
        // Asked first, so that its own children end too.
        let _ = kill_process(self.pid(), Signal::TERM);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
        while matches!(self.child.try_wait(), Ok(None)) && std::time::Instant::now() < deadline {
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl Read + Send + 'static, lines: Lines) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().expect("a log").push(line);
        }
    })
}

fn parse(lines: &Lines) -> Vec<Value> {
    lines.lock().expect("a log").iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// `https://[::]:8443` → the loopback address with that port.
fn listening(event: &Value) -> Option<SocketAddr> {
    if event["msg"] != "listening" {
        return None;
    }
    let address: SocketAddr = event["address"].as_str()?.split("://").nth(1)?.parse().ok()?;
    Some(if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address })
}
