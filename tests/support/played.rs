//! A server behind the edge that a test plays by hand.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};

use super::backed::FORWARD;
use super::edge::Edge;
use super::site::Site;
use super::wait::PATIENCE;

/// An edge before a server that the test plays: [`FORWARD`] and these tables.
pub fn played(tables: &str) -> (Edge, UnixListener) {
    played_with(&format!("{FORWARD}\n{tables}"))
}

/// The same, with a whole config.
pub fn played_with(config: &str) -> (Edge, UnixListener) {
    let site = Site::new(&format!("//- /proxy.toml\n{config}"));
    let listener = UnixListener::bind(site.join("api.sock")).expect("a socket");
    (Edge::start_with(site, |_| {}), listener)
}

/// Takes one request on a new connection, up to the end of its head.
pub fn accept(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().expect("the edge connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    stream
}
