//! Connections of HTTP/2 to servers, which many requests share: a worker has one for each address, and one more only while all its streams are taken.
//!
//! Connecting, names, TLS and held requests are `acquire`'s and the connector's; what is sent on a stream is `serve::forward`'s. A connection is driven
//! by a task of its own (`multiplexed`), and ends when the server says so (GOAWAY), when it does not answer a PING that a silent request made necessary, or
//! when nothing was asked on it for a while. What servers send beside responses is counted in `watched`.

pub(super) mod look;
mod multiplexed;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::{Ping, PingPong, client};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::multiplexed::Slot;
use self::multiplexed::{Driven, Shared};
use self::watched::Watched;
use super::acquire::Source;
use super::connector::{ConnectError, Connection, Connector};
use super::group::{Group, Key, Picked};
use super::name::Name;
use super::server::Server;
use super::tried::Tried;

/// Requests that share one connection at most, whatever the server allows: what is lost with a connection, and what waits for one that is slow.
const STREAMS_MAX: usize = 128;
/// Connections of one worker to one address. Beyond, requests wait in turn for a stream.
const CONNECTIONS_MAX: usize = 64;
/// What a server may send of one response before a client has taken it: memory, for each response that is taken slowly.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// As much for all of them, so that those who take theirs slowly do not stop the others.
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * STREAMS_MAX as u32;
/// What waits for a server to take it, of each request.
const SEND_BYTES_MAX: usize = 64 * 1024;
/// Streams that were broken off on our side and are still known on a connection: what its server sends on them before it hears of that is passed over. Each
/// takes half a kilobyte. A connection that so many were broken off on takes no more (`multiplexed`), so that none has to be forgotten before its time.
const RESET_STREAMS_MAX: usize = 4_096;
/// How long they are known: what lay in the buffers of a server that stood still for a while has come by then.
const RESET_STREAM_TIME: Duration = Duration::from_secs(10);
/// Streams that are reset because of a fault of the server, or for what comes when they are not known any more, in the life of a connection: with one more
/// the `h2` crate ends it. Each takes half a kilobyte until it is written. Several for each that was broken off.
const FAULTY_STREAMS_MAX: usize = 16_384;
/// What small frames of content (below 256 bytes) lack of that in sum while they wait to be taken, as the `h2` crate counts it: with more it ends the
/// connection. About the memory that keeping them costs, which may be as much as the content; they are taken early (`serve::forward`), so that this is left to
/// servers that send nothing else. What comes on streams that were broken off counts for the life of the connection.
const SMALL_FRAMES_BYTES_MAX: usize = CONNECTION_WINDOW_BYTES as usize;
/// How long a request waits for another one to connect, rather than to connect itself.
const TURN_WAIT: Duration = Duration::from_millis(250);

/// The connections of one worker.
pub struct Multiplexer {
    /// By the address and what TLS goes by.
    open: RefCell<HashMap<u64, Vec<Rc<Shared>>>>,
    /// By the URL of the server.
    openings: RefCell<HashMap<String, Rc<Openings>>>,
    header_bytes_max: u32,
}

/// Connections to a server that are being opened, while others wait for that.
#[derive(Default)]
struct Openings {
    count: Cell<usize>,
    /// One has opened, or could not.
    ended: Notify,
}

/// One of them, until it is dropped.
struct Begun(Rc<Openings>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        self.0.ended.notify_waiters();
    }
}

impl Multiplexer {
    /// Without connections. Heads above `header_bytes_max` end the stream.
    pub fn new(header_bytes_max: u32) -> Self {
        Self { open: RefCell::default(), openings: RefCell::default(), header_bytes_max }
    }

    /// Room on an open connection to this server, at the address whose turn it is.
    pub fn slot(&self, server: &Server) -> Option<Slot> {
        self.slot_at(server.address(Name::next_turn)?)
    }

    /// The same at the address whose turn it was last.
    fn slot_at_last(&self, server: &Server) -> Option<Slot> {
        self.slot_at(server.address(Name::last_turn)?)
    }

    /// Connections to that address which take requests.
    fn open_to(&self, server: &Server) -> usize {
        server.address(Name::last_turn).and_then(|key| self.open.borrow().get(&key).map(Vec::len)).unwrap_or_default()
    }

    fn slot_at(&self, key: u64) -> Option<Slot> {
        let mut open = self.open.borrow_mut();
        let connections = open.get_mut(&key)?;
        connections.retain(|shared| shared.is_open());
        if connections.is_empty() {
            open.remove(&key);
            return None;
        }
        let with_room = connections.iter().find(|shared| !shared.is_doubted() && shared.has_room());
        let least_busy = || connections.iter().min_by_key(|shared| shared.in_use()).filter(|_| connections.len() >= CONNECTIONS_MAX);
        Slot::new(with_room.or_else(least_busy)?, true)
    }

    /// Room for a request at a server of a group, on a new connection where none has any; as [`Connector::acquire`].
    ///
    /// # Errors
    /// [`ConnectError`], when there is none to be had in time.
    pub async fn acquire<'g>(
        &self,
        connector: &Connector,
        (group, key): (&'g Group, &Key<'_>),
        first: Option<Picked<'g>>,
        tried: &mut Tried,
    ) -> Result<(Picked<'g>, Slot), ConnectError> {
        Opening { multiplexer: self, connector }.obtain((group, key), first, tried).await
    }

    /// Those to this server.
    fn openings(&self, server: &Server) -> Rc<Openings> {
        let mut openings = self.openings.borrow_mut();
        match openings.get(server.url()) {
            Some(known) => Rc::clone(known),
            None => Rc::clone(openings.entry(server.url().to_owned()).or_default()),
        }
    }

    /// Room on an open connection to this server, or the leave to open one. Others are waited for meanwhile: for a moment while one of them is opening, and for
    /// as long as it takes while there may be no more connections.
    async fn room(&self, server: &Server) -> Room {
        let openings = self.openings(server);
        let patient_until = Instant::now() + TURN_WAIT;
        loop {
            let mut ended = pin!(openings.ended.notified());
            ended.as_mut().enable();
            if let Some(slot) = self.slot_at_last(server) {
                return Room::Taken(slot);
            }
            let is_patient = openings.count.get() > 0 && Instant::now() < patient_until;
            let may_open = openings.count.get() + self.open_to(server) < CONNECTIONS_MAX;
            if may_open && !is_patient {
                openings.count.set(openings.count.get() + 1);
                return Room::Wanted(Begun(Rc::clone(&openings)));
            }
            if may_open {
                let _ = tokio::time::timeout_at(patient_until, ended).await;
            } else {
                ended.await;
            }
        }
    }

    /// Connects and begins HTTP/2. It is known then that the server speaks it, and how many requests it takes at once.
    async fn open(&self, connector: &Connector, server: &Server) -> Result<Slot, ConnectError> {
        let connection = connector.connect_to(server).await?;
        let name = server.name();
        connection.check_http2().map_err(|cause| ConnectError::Untrusted(format!("{name}: {cause}")))?;
        // Who closes may be about to start; who says something else does not speak it.
        let failed = |error: h2::Error| match error.is_io() {
            true => ConnectError::Unreachable(format!("{name}: closed before HTTP/2 had begun: {error}")),
            false => ConnectError::Untrusted(format!("{name}: HTTP/2 is not spoken there: {error}")),
        };
        let (key, patience) = (connection.key(), connector.connect_timeout());
        let (request, mut connection) = self.builder().handshake(Watched::new(connection)).await.map_err(failed)?;
        // Its SETTINGS come before its answer to this (RFC 9113 §3.4): how many streams it allows is known then.
        let mut pings = connection.ping_pong();
        if let Some(pings) = &mut pings {
            connector.within(patience, (server, "HTTP/2"), answered(&mut connection, pings)).await?.map_err(failed)?;
        }
        let shared = Rc::new(Shared::new(request, server.scheme()));
        let driven = Driven { connection, pings, name: name.to_owned(), patience };
        tokio::task::spawn_local(driven.run(Rc::clone(&shared)));
        self.open.borrow_mut().entry(key).or_default().push(Rc::clone(&shared));
        Slot::new(&shared, false).ok_or_else(|| ConnectError::Unreachable(format!("{name}: closed as soon as it was connected")))
    }

    fn builder(&self) -> client::Builder {
        let mut builder = client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buffer_size(SEND_BYTES_MAX)
            .max_concurrent_reset_streams(RESET_STREAMS_MAX)
            .reset_stream_duration(RESET_STREAM_TIME)
            .max_local_error_reset_streams(Some(FAULTY_STREAMS_MAX))
            .data_frame_budget(SMALL_FRAMES_BYTES_MAX)
            .max_header_list_size(self.header_bytes_max);
        builder
    }
}

/// What there is for a request.
enum Room {
    Taken(Slot),
    Wanted(Begun),
}

/// Opens connections where there is no room on those that are open.
struct Opening<'a> {
    multiplexer: &'a Multiplexer,
    connector: &'a Connector,
}

impl Source for Opening<'_> {
    type Link = Slot;

    async fn attempt(&self, server: &Server) -> Result<Slot, ConnectError> {
        let Self { multiplexer, connector } = self;
        match connector.within(connector.connect_timeout(), (server, "HTTP/2"), multiplexer.room(server)).await? {
            Room::Taken(slot) => Ok(slot),
            // Held until there is a connection: who comes meanwhile shares that one.
            Room::Wanted(_begun) => multiplexer.open(connector, server).await,
        }
    }

    fn timeout(&self) -> Duration {
        self.connector.connect_timeout()
    }
}

/// Waits for the answer to a PING, which is the first that goes out on a connection.
async fn answered(connection: &mut client::Connection<Watched<Connection>, Bytes>, pings: &mut PingPong) -> Result<(), h2::Error> {
    pings.send_ping(Ping::opaque())?;
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        // Only the connection moves bytes. One that ends well says why it does in the answer that does not come.
        if let Poll::Ready(Err(error)) = connection.as_mut().poll(cx) {
            return Poll::Ready(Err(error));
        }
        pings.poll_pong(cx).map_ok(drop)
    })
    .await
}
