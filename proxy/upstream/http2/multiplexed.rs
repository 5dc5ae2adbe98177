//! One connection of HTTP/2: what its requests share, and the task that drives it.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, SendStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::watched::Watched;
use super::{RESET_STREAMS_MAX, STREAMS_MAX};
use crate::units::Scheme;
use crate::upstream::connector::Connection;

/// How often it is looked whether a connection is in use; one that was not for so long is closed.
const IDLE_TICK: Duration = Duration::from_secs(30);
/// How long the answer to a PING may take where `timeouts.connect` is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the requests on one connection share.
pub(super) struct Shared {
    /// Gone when no further request is to go out on it.
    request: RefCell<Option<SendRequest<Bytes>>>,
    scheme: Scheme,
    in_use: Cell<usize>,
    /// Requests that ended early.
    abandoned: Cell<usize>,
    /// It was used since the last look.
    was_used: Cell<bool>,
    /// A request found it silent: no other goes out on it before it has answered.
    is_doubted: Cell<bool>,
    doubted: Notify,
}

impl Shared {
    pub(super) fn new(request: SendRequest<Bytes>, scheme: Scheme) -> Self {
        Self {
            request: RefCell::new(Some(request)),
            scheme,
            in_use: Cell::new(0),
            abandoned: Cell::new(0),
            was_used: Cell::new(true),
            is_doubted: Cell::new(false),
            doubted: Notify::new(),
        }
    }

    /// Requests that are under way on it.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.get()
    }

    /// Lets no further request on it: the connection ends with the last one that it has.
    fn close(&self) {
        drop(self.request.take());
    }

    /// `false` when the server has said that it takes no more, or is gone.
    pub(super) fn is_open(&self) -> bool {
        let mut request = self.request.borrow_mut();
        request.as_mut().is_some_and(|request| !matches!(request.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_))))
    }

    /// A request has ended early. After [`RESET_STREAMS_MAX`] of them no further one goes out: what comes late for them, and what was wrong with them, the
    /// `h2` crate counts for as long as the connection lives, which it ends at a limit, with all requests on it (`FAULTY_STREAMS_MAX`,
    /// `SMALL_FRAMES_BYTES_MAX`).
    fn note_abandoned(&self) {
        self.abandoned.set(self.abandoned.get() + 1);
        if self.abandoned.get() >= RESET_STREAMS_MAX {
            self.close();
        }
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted.get()
    }

    pub(super) fn has_room(&self) -> bool {
        let allowed = self.request.borrow().as_ref().map_or(0, SendRequest::current_max_send_streams);
        self.in_use.get() < allowed.min(STREAMS_MAX)
    }
}

/// Room for one request on a connection; given back when dropped.
pub struct Slot {
    request: SendRequest<Bytes>,
    shared: Rc<Shared>,
    is_reused: bool,
    is_over: bool,
}

impl Slot {
    pub(super) fn new(shared: &Rc<Shared>, is_reused: bool) -> Option<Self> {
        let request = shared.request.borrow().clone()?;
        shared.in_use.set(shared.in_use.get() + 1);
        shared.was_used.set(true);
        Some(Self { request, shared: Rc::clone(shared), is_reused, is_over: false })
    }

    /// `true` when its connection was there before.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// The scheme that requests on it have.
    pub fn scheme(&self) -> Scheme {
        self.shared.scheme
    }

    /// The server said nothing in time. It may be slow, or be gone without a word: that is found out before others go out on this connection.
    pub fn doubt(&self) {
        if !self.shared.is_doubted.replace(true) {
            self.shared.doubted.notify_one();
        }
    }

    /// The response has come, to its end.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// Sends the head of a request; with `ends_here` that is all of it.
    ///
    /// # Errors
    /// When the connection takes no more: nothing was sent then.
    pub fn send(&mut self, request: http::Request<()>, ends_here: bool) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.request.send_request(request, ends_here)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.in_use.set(self.shared.in_use.get().saturating_sub(1));
        self.shared.was_used.set(true);
        if !self.is_over {
            self.shared.note_abandoned();
        }
    }
}

/// A connection while it is driven.
pub(super) struct Driven {
    pub(super) connection: client::Connection<Watched<Connection>, Bytes>,
    pub(super) pings: Option<PingPong>,
    /// Of the server, for the log.
    pub(super) name: String,
    /// How long it may take to answer a PING; zero for the usual.
    pub(super) patience: Duration,
}

impl Driven {
    /// Drives the connection until it has ended. Dropped with it, its requests end with an error each.
    pub(super) async fn run(self, shared: Rc<Shared>) {
        let Self { connection, mut pings, name, patience } = self;
        let mut connection = pin!(connection);
        let mut ticks = tokio::time::interval(IDLE_TICK);
        let mut pong_by = None;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(server = name, %error, "HTTP/2 connection failed");
                    }
                    break;
                }
                () = pong(pings.as_mut()), if pong_by.is_some() => {
                    pong_by = None;
                    shared.is_doubted.set(false);
                }
                () = tokio::time::sleep_until(pong_by.unwrap_or_else(Instant::now)), if pong_by.is_some() => {
                    tracing::warn!(server = name, "a connection of HTTP/2 is closed: nothing comes of its server any more");
                    break;
                }
                () = shared.doubted.notified(), if pong_by.is_none() => {
                    // Not before there is a reason: servers of gRPC count PINGs, and hang up on who sends many.
                    if let Some(pings) = &mut pings && pings.send_ping(Ping::opaque()).is_ok() {
                        let patience = if patience.is_zero() { PATIENCE } else { patience };
                        pong_by = Some(Instant::now() + patience);
                    }
                }
                _ = ticks.tick() => {
                    if shared.in_use.get() == 0 && !shared.was_used.replace(false) {
                        shared.close();
                    }
                }
            }
        }
        shared.close();
    }
}

async fn pong(pings: Option<&mut PingPong>) {
    let Some(pings) = pings else { return std::future::pending().await };
    // An error is the connection's, which says it itself.
    if std::future::poll_fn(|cx| pings.poll_pong(cx)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_many_requests_left_early_takes_no_more() {
        let (request, connection) = client::handshake(tokio::io::duplex(1024).0).await.expect("nobody need answer");
        let shared = Rc::new(Shared::new(request, Scheme::Http));
        for _ in 1..RESET_STREAMS_MAX {
            assert!(Slot::new(&shared, true).is_some());
        }
        let mut whole = Slot::new(&shared, true).expect("room");
        whole.end();
        drop(whole);
        assert!(shared.is_open());
        drop(Slot::new(&shared, true));
        assert!(!shared.is_open() && shared.in_use() == 0);
        drop(connection);
    }
}
