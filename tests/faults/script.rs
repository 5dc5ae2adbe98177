//! A server that does to each request what the table says of its path, byte for byte.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::table::{self, After, Step};
use crate::support::{PATIENCE, wait_for};

/// Long enough for a connection to be put by.
const APART: Duration = Duration::from_millis(20);
/// Between the bytes of what comes one by one.
const DRIP: Duration = Duration::from_millis(1);

/// The server. Its threads end with their connections.
pub(super) struct Scripted {
    /// Where it listens.
    pub(super) address: SocketAddr,
    played: Targets,
    seen: Targets,
}

/// Targets of requests.
type Targets = Arc<Mutex<HashSet<String>>>;

impl Scripted {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let scripted = Self { address: listener.local_addr().expect("an address"), played: Arc::default(), seen: Arc::default() };
        let (played, seen) = (Arc::clone(&scripted.played), Arc::clone(&scripted.seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (played, seen) = (Arc::clone(&played), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream, &played, &seen));
            }
        });
        scripted
    }

    /// Whether the request for this target was answered, to the last byte of what the table says.
    pub(super) fn has_played(&self, target: &str) -> bool {
        self.played.lock().expect("no panic").contains(target)
    }

    /// The client has the head of the answer to the request for this target: what comes apart from it may come.
    pub(super) fn note_seen(&self, target: &str) {
        self.seen.lock().expect("no panic").insert(target.to_owned());
    }
}

fn serve(mut stream: TcpStream, played: &Mutex<HashSet<String>>, seen: &Mutex<HashSet<String>>) {
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    while let Some(target) = head(&mut stream) {
        let name = target.trim_start_matches("/f/").split('?').next().unwrap_or_default();
        let (steps, after) = match table::find(name) {
            Some(fault) => (fault.steps, fault.after),
            None => (&[Step::Own][..], After::Keep),
        };
        let went_on = steps.iter().try_for_each(|step| play(&mut stream, step, &target, seen));
        played.lock().expect("no panic").insert(target);
        match after {
            After::Keep if went_on.is_ok() => {}
            After::Keep | After::Close => return,
            After::Reset => {
                let _ = set_socket_linger(&stream, Some(Duration::ZERO));
                return;
            }
            After::Silence => {
                // Nothing is read either: not even that the other side has gone.
                let _ = stream.peek(&mut [0]);
                while !has_ended(&stream) {
                    std::thread::park_timeout(APART);
                }
                return;
            }
        }
    }
}

/// Whether the other side has closed or reset, as the kernel knows it.
fn has_ended(stream: &TcpStream) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
    poll(&mut polled, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() || !polled[0].revents().is_empty()
}

/// Reads a head; gives its target.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned())
}

fn play(stream: &mut TcpStream, step: &Step, target: &str, seen: &Mutex<HashSet<String>>) -> std::io::Result<()> {
    match step {
        Step::Own => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()),
        Step::Send(bytes) => stream.write_all(bytes),
        Step::Drip(bytes) => bytes.iter().try_for_each(|byte| {
            std::thread::park_timeout(DRIP);
            stream.write_all(&[*byte])
        }),
        Step::Flood(bytes, times) => stream.write_all(&bytes.repeat(*times)),
        Step::Endless(bytes) => loop {
            std::thread::park_timeout(APART);
            stream.write_all(bytes)?;
        },
        Step::Apart => {
            wait_for("the head to be seen", || seen.lock().expect("no panic").contains(target).then_some(()));
            std::thread::park_timeout(APART);
            Ok(())
        }
        Step::Read(bytes) => stream.read_exact(&mut vec![0; *bytes]),
    }
}
