//! A server of HTTP/2 that says its frames byte by byte, so that it can say wrong ones.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::wait::PATIENCE;

/// Kinds of frames (RFC 9113 §6).
pub mod kind {
    #![allow(missing_docs, reason = "they are the RFC's names")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Of HEADERS and DATA.
pub const END_STREAM: u8 = 1;
/// Of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;

/// What is said to a request on this stream; `Ok(())` lets the connection go on.
pub type Say = dyn Fn(&mut UnixStream, u32) -> io::Result<()> + Send + Sync;

/// The server. Its threads end with the process, or when their connections do.
pub struct FrameServer {
    /// Connections so far.
    pub connections: Arc<AtomicUsize>,
    /// Requests so far.
    pub requests: Arc<AtomicUsize>,
    /// Resets of streams so far.
    pub resets: Arc<AtomicUsize>,
    /// Set once it speaks; before that it accepts and says nothing.
    pub speaks: Arc<OnceLock<()>>,
}

impl FrameServer {
    /// Listens on this path, with these settings, and answers each request with `say`.
    pub fn start(path: &Path, settings: &'static [u8], say: Arc<Say>) -> Self {
        let server = Self::start_silent(path, settings, say);
        server.speaks.get_or_init(|| ());
        server
    }

    /// The same, which does not speak yet.
    pub fn start_silent(path: &Path, settings: &'static [u8], say: Arc<Say>) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let [connections, requests, resets] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let server = Self {
            connections: Arc::clone(&connections),
            requests: Arc::clone(&requests),
            resets: Arc::clone(&resets),
            speaks: Arc::default(),
        };
        let speaks = Arc::clone(&server.speaks);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (say, speaks, counts) = (Arc::clone(&say), Arc::clone(&speaks), [Arc::clone(&requests), Arc::clone(&resets)]);
                std::thread::spawn(move || {
                    speaks.wait();
                    drop(serve(stream, settings, &*say, counts));
                });
            }
        });
        server
    }
}

fn serve(mut stream: UnixStream, settings: &[u8], say: &Say, [requests, resets]: [Arc<AtomicUsize>; 2]) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface)?;
    stream.write_all(&frame(kind::SETTINGS, 0, 0, settings))?;
    loop {
        let (kind, flags, id, payload) = read(&mut stream)?;
        match kind {
            kind::SETTINGS if flags & 1 == 0 => stream.write_all(&frame(kind::SETTINGS, 1, 0, &[]))?,
            kind::PING if flags & 1 == 0 => stream.write_all(&frame(kind::PING, 1, 0, &payload))?,
            kind::HEADERS => {
                requests.fetch_add(1, Ordering::SeqCst);
                say(&mut stream, id)?;
            }
            kind::RST_STREAM => {
                resets.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

/// Reads a frame: kind, flags, stream, payload.
///
/// # Errors
/// When there is none.
pub fn read(stream: &mut UnixStream) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A field that is told in full and not remembered (RFC 7541 §6.2.2).
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        length(&mut bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// A length with a prefix of 7 bits (RFC 7541 §5.1).
fn length(bytes: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return bytes.push(u8::try_from(value).expect("small"));
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).expect("small") | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).expect("small"));
}

/// A whole answer: 200 and `ok`.
pub fn ok(stream: u32) -> Vec<u8> {
    [frame(kind::HEADERS, END_HEADERS, stream, b"\x88"), frame(kind::DATA, END_STREAM, stream, b"ok")].concat()
}

/// Says a head, in a frame that does not end the stream.
///
/// # Errors
/// When nobody takes it.
pub fn head(stream: &mut UnixStream, id: u32, block: &[u8]) -> io::Result<()> {
    stream.write_all(&frame(kind::HEADERS, END_HEADERS, id, block))
}
