//! A server of names that a test plays: it says what it is told to say, and counts what it is asked.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it says to every question.
#[derive(Debug, Clone)]
pub enum Say {
    /// These addresses, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// SERVFAIL.
    Failure,
    /// NXDOMAIN.
    NoSuchName,
    /// Nothing.
    Nothing,
}

/// It listens on a UDP port of its own. Dropped, it ends.
pub struct Dns {
    /// Where.
    pub address: SocketAddr,
    says: Arc<Mutex<Say>>,
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

impl Dns {
    /// Starts one that says this.
    pub fn start(say: Say) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let address = socket.local_addr().expect("an address");
        let (says, asked, ended) = (Arc::new(Mutex::new(say)), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (says, asked, ended) = (Arc::clone(&says), Arc::clone(&asked), Arc::clone(&ended));
            std::thread::spawn(move || {
                let mut query = [0; 1500];
                while !ended.load(Ordering::Relaxed) {
                    let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
                    asked.fetch_add(1, Ordering::Relaxed);
                    let say = says.lock().expect("what to say").clone();
                    if let Some(reply) = reply(&query[..length], &say) {
                        let _ = socket.send_to(&reply, from);
                    }
                }
            })
        };
        Self { address, says, asked, ended, thread: Some(thread) }
    }

    /// Says this from now on.
    pub fn say(&self, say: Say) {
        *self.says.lock().expect("what to say") = say;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The reply to a query (RFC 1035 §4.1).
fn reply(query: &[u8], say: &Say) -> Option<Vec<u8>> {
    let mut end = 12;
    while *query.get(end)? != 0 {
        end += usize::from(query[end]) + 1;
    }
    let question = query.get(12..end + 5)?;
    let asked_type = u16::from_be_bytes([*query.get(end + 1)?, *query.get(end + 2)?]);
    let (code, addresses, seconds) = match say {
        Say::Addresses(addresses, seconds) => (0, addresses.clone(), *seconds),
        Say::Failure => (2, Vec::new(), 0),
        Say::NoSuchName => (3, Vec::new(), 0),
        Say::Nothing => return None,
    };
    let fits = |address: &&IpAddr| asked_type == if address.is_ipv4() { TYPE_A } else { TYPE_AAAA };
    let answers: Vec<_> = addresses.iter().filter(fits).collect();
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1]);
    reply.extend(u16::try_from(answers.len()).expect("few").to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(question);
    for address in answers {
        reply.extend([0xc0, 12]);
        reply.extend(asked_type.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(seconds.to_be_bytes());
        match address {
            IpAddr::V4(address) => {
                reply.extend([0, 4]);
                reply.extend(address.octets());
            }
            IpAddr::V6(address) => {
                reply.extend([0, 16]);
                reply.extend(address.octets());
            }
        }
    }
    Some(reply)
}
