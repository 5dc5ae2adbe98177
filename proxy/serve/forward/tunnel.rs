//! Two connections joined after a 101: bytes go both ways, untouched, for as long as both ends like.
//!
//! An idle tunnel holds no buffer: bytes are read into the worker's scratch memory and written on at once; only what the other side does not take
//! is kept. There is no idle limit unless `timeouts.stream` sets one; TCP keep-alive finds dead peers.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::serve::deadline::Deadline;
use crate::serve::worker::Worker;
use crate::upstream::{Connection, Lasting};

/// Once one side has ended, the other may be silent for this long.
const HALF_CLOSED_IDLE: Duration = Duration::from_secs(60);

/// The upstream's half of a tunnel.
pub(crate) struct Tunnel {
    upstream: Connection,
    /// Bytes that came behind the 101.
    first: Vec<u8>,
    /// How long nothing may move; zero: for ever.
    idle: Duration,
    /// Counts it with its server.
    counted: Lasting,
}

impl Tunnel {
    pub(super) fn new(upstream: Connection, first: Vec<u8>, idle: Duration, counted: Lasting) -> Self {
        Self { upstream, first, idle, counted }
    }
}

/// Bytes moved by a tunnel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) to_client: u64,
    pub(crate) to_upstream: u64,
}

/// Moves bytes until both sides have ended, one fails, or nothing moved for as long as the route allows. `first` came from the client behind its request.
pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(mut client: S, first: Vec<u8>, tunnel: Tunnel, worker: Rc<Worker>) -> Moved {
    let Tunnel { mut upstream, first: from_upstream, idle, counted: _counted } = tunnel;
    let mut up = Direction::new(first);
    let mut down = Direction::new(from_upstream);
    let mut deadline = Deadline::default();
    deadline.set(idle);
    let _ = poll_fn(|cx| {
        let before = (up.moved, down.moved, up.ended, down.ended);
        let upward = up.poll(cx, &mut client, &mut upstream, &worker)?;
        let downward = down.poll(cx, &mut upstream, &mut client, &worker)?;
        if upward.is_ready() && downward.is_ready() {
            return Poll::Ready(Ok::<(), io::Error>(()));
        }
        if before != (up.moved, down.moved, up.ended, down.ended) {
            deadline.set(if up.ended || down.ended { HALF_CLOSED_IDLE } else { idle });
        }
        deadline.poll_passed(cx).map(Ok)
    })
    .await;
    Moved { to_client: down.moved, to_upstream: up.moved }
}

/// One direction.
struct Direction {
    /// What the other side has not taken yet.
    pending: Vec<u8>,
    taken: usize,
    unflushed: bool,
    /// The reading side has ended.
    ended: bool,
    /// And the other side was told.
    closed: bool,
    moved: u64,
}

impl Direction {
    fn new(pending: Vec<u8>) -> Self {
        Self { pending, taken: 0, unflushed: false, ended: false, closed: false, moved: 0 }
    }

    /// Ready when this direction is over.
    fn poll<A, B>(&mut self, cx: &mut Context<'_>, from: &mut A, to: &mut B, worker: &Worker) -> Poll<io::Result<()>>
    where
        A: AsyncRead + Unpin,
        B: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_pending(cx, to))?;
            if self.closed {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.closed = true;
                return Poll::Ready(Ok(()));
            }
            let mut scratch = worker.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            if Pin::new(&mut *from).poll_read(cx, &mut buffer)?.is_pending() {
                drop(scratch);
                if self.unflushed && Pin::new(&mut *to).poll_flush(cx)?.is_ready() {
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
            let bytes = buffer.filled();
            if bytes.is_empty() {
                self.ended = true;
                continue;
            }
            // Straight on, in most cases; what is not taken now waits in memory of its own.
            self.unflushed = true;
            let taken = match Pin::new(&mut *to).poll_write(cx, bytes)? {
                Poll::Ready(taken) => taken,
                Poll::Pending => 0,
            };
            self.moved += taken as u64;
            if let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
                self.pending = rest.to_vec();
                self.taken = 0;
            }
        }
    }

    fn poll_pending<B: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut B) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let taken = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += taken;
            self.moved += taken as u64;
            self.unflushed = true;
        }
        if !self.pending.is_empty() {
            self.pending = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}
