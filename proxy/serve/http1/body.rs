//! Reading a message body from an HTTP/1 connection: the same code for what clients send and for what upstreams answer.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;

use super::chunked::Chunked;
use super::framing::Framing;
use super::inbound::{FillError, Inbound, Room};
use crate::serve::deadline::Deadline;
use crate::serve::pool::Pool;

/// Bytes of further requests that are taken in while one is being answered.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Why a body did not arrive whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The sender closed before the end.
    Truncated,
    /// Nothing came for as long as is allowed.
    TimedOut,
    /// Malformed coding.
    Malformed(&'static str),
    /// More than `limits.body`.
    TooLarge,
    /// The connection broke.
    Io(io::Error),
    /// What was kept of it cannot be read again.
    Lost(io::Error),
}

impl BodyError {
    /// For the log.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Truncated => "the body ended early".to_owned(),
            Self::TimedOut => "no more of the body came".to_owned(),
            Self::Malformed(cause) => format!("malformed body: {cause}"),
            Self::TooLarge => "the body exceeds limits.body".to_owned(),
            Self::Io(error) => format!("the connection broke: {error}"),
            Self::Lost(error) => format!("the buffered body cannot be read (limits.buffer_folder): {error}"),
        }
    }
}

/// A piece of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The bytes; empty only in a last piece.
    pub(crate) data: &'a [u8],
    /// `true` when nothing follows.
    pub(crate) is_last: bool,
    /// Trailers of a last piece, as `name: value\r\n` lines.
    pub(crate) trailers: &'a [u8],
}

impl Piece<'_> {
    /// Nothing, and nothing follows.
    pub(crate) const END: Piece<'static> = Piece { data: &[], is_last: true, trailers: &[] };
    /// Nothing yet.
    pub(crate) const NOTHING: Piece<'static> = Piece { data: &[], is_last: false, trailers: &[] };
}

/// Reads one body.
#[derive(Debug)]
pub(crate) struct BodyReader<'a, S> {
    stream: &'a RefCell<S>,
    inbound: &'a mut Inbound,
    /// Where its memory is while nothing comes; none: it keeps it.
    pool: Option<&'a Pool<Inbound>>,
    deadline: &'a mut Deadline,
    idle: Duration,
    state: State,
    /// Bytes that may still come; counts down to the limit.
    allowance: u64,
    received_bytes: u64,
}

#[derive(Debug)]
enum State {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// What is known without reading.
enum Ready {
    /// `bytes` of data, then `skip` bytes of coding.
    Data {
        bytes: usize,
        skip: usize,
        is_last: bool,
    },
    End,
    More,
}

impl<'a, S: AsyncRead + Unpin> BodyReader<'a, S> {
    /// A reader for a body that is framed so. `idle` is the longest wait between two pieces; zero is for ever.
    pub(crate) fn new(
        stream: &'a RefCell<S>,
        inbound: &'a mut Inbound,
        deadline: &'a mut Deadline,
        framing: Framing,
        idle: Duration,
    ) -> Self {
        let state = match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Chunked::default()),
            Framing::UntilClose => State::UntilClose,
        };
        Self { stream, inbound, pool: None, deadline, idle, state, allowance: u64::MAX, received_bytes: 0 }
    }

    /// Shares memory with others while it waits: a body may be silent for hours.
    pub(crate) fn sharing(mut self, pool: &'a Pool<Inbound>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Limits the body; zero is no limit.
    pub(crate) fn limit(mut self, bytes_max: u64) -> Self {
        self.allowance = if bytes_max == 0 { u64::MAX } else { bytes_max };
        self
    }

    /// `true` when the body has ended.
    pub(crate) fn is_done(&self) -> bool {
        match &self.state {
            State::Done => true,
            State::Chunked(decoder) => decoder.is_done(),
            State::Length(_) | State::UntilClose => false,
        }
    }

    /// Bytes of content that have come in.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Ready once the sender has closed or reset the connection behind a body that has ended. What it sends instead is kept for whoever reads the
    /// connection next; who sends more than [`AHEAD_BYTES_MAX`] of it counts as gone, because nobody could tell any more whether it is there.
    pub(crate) async fn sender_gone(&mut self) {
        while self.inbound.len() < AHEAD_BYTES_MAX {
            match poll_fn(|cx| self.inbound.poll_fill(cx, self.stream, Room::Head)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The same inside a body that nobody reads for now: as much of it as there may be is taken in, and what is behind that is not known.
    pub(crate) async fn sender_left(&mut self) {
        while self.inbound.len() < AHEAD_BYTES_MAX {
            match poll_fn(|cx| self.inbound.poll_fill(cx, self.stream, Room::Head)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        pending().await
    }

    /// `true` when all that is left of a body of known length has come in, and its sender has closed or reset the connection behind it. Waits for the next
    /// bytes of the body, and not for what may be behind it.
    ///
    /// # Errors
    /// See [`next`](Self::next).
    pub(crate) async fn is_abandoned(&mut self) -> Result<bool, BodyError> {
        let State::Length(left) = self.state else { return Ok(false) };
        self.inbound.consume(0);
        if self.inbound.is_empty() {
            self.deadline.set(self.idle);
            self.fill().await?;
        }
        if u64::try_from(self.inbound.len()).is_ok_and(|bytes| bytes < left) {
            return Ok(false);
        }
        let behind = poll_fn(|cx| Poll::Ready(self.inbound.poll_fill(cx, self.stream, Room::Head))).await;
        Ok(matches!(behind, Poll::Ready(Ok(0) | Err(_))))
    }

    /// `true` when a next piece needs nothing to come in.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// The next piece. Behind the last one, an empty last piece for ever.
    ///
    /// # Errors
    /// [`BodyError`]; the reader is of no use after it.
    pub(crate) async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        self.deadline.set(self.idle);
        loop {
            match self.ready()? {
                Ready::End => return Ok(Piece { data: &[], is_last: true, trailers: self.state.trailers() }),
                Ready::Data { bytes, skip, is_last } => {
                    let trailers = if is_last { self.state.trailers() } else { &[] };
                    return Ok(Piece { data: self.inbound.take(bytes, skip), is_last, trailers });
                }
                Ready::More => {}
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), BodyError> {
        match self.inbound.fill((self.stream, self.pool), Room::Body, self.deadline).await {
            Ok(0) if matches!(self.state, State::UntilClose) => self.state = State::Done,
            Ok(0) => return Err(BodyError::Truncated),
            Ok(_) => {}
            Err(FillError::TimedOut) => return Err(BodyError::TimedOut),
            Err(FillError::Io(error)) => return Err(BodyError::Io(error)),
        }
        Ok(())
    }

    fn ready(&mut self) -> Result<Ready, BodyError> {
        // What `take` lent last time is gone now; this also lets an empty buffer start again at its front.
        self.inbound.consume(0);
        match &mut self.state {
            State::Done => Ok(Ready::End),
            State::Chunked(_) => self.ready_chunked(),
            State::Length(_) | State::UntilClose if self.inbound.is_empty() => Ok(Ready::More),
            State::Length(left) => {
                let bytes = usize::try_from(*left).unwrap_or(usize::MAX).min(self.inbound.len());
                *left -= bytes as u64;
                let is_last = *left == 0;
                if is_last {
                    self.state = State::Done;
                }
                self.spend(bytes)?;
                Ok(Ready::Data { bytes, skip: 0, is_last })
            }
            State::UntilClose => {
                let bytes = self.inbound.len();
                self.spend(bytes)?;
                Ok(Ready::Data { bytes, skip: 0, is_last: false })
            }
        }
    }

    fn ready_chunked(&mut self) -> Result<Ready, BodyError> {
        let State::Chunked(decoder) = &mut self.state else { return Ok(Ready::End) };
        let skip = decoder.coding(self.inbound.filled()).map_err(BodyError::Malformed)?;
        self.inbound.consume(skip);
        if decoder.is_done() {
            return Ok(Ready::End);
        }
        let bytes = decoder.data(self.inbound.len());
        if bytes == 0 {
            return Ok(Ready::More);
        }
        // The coding behind the data is read at once, so that the end can travel with the last data.
        let behind = self.inbound.filled().get(bytes..).unwrap_or_default();
        let skip = decoder.coding(behind).map_err(BodyError::Malformed)?;
        let is_last = decoder.is_done();
        self.spend(bytes)?;
        Ok(Ready::Data { bytes, skip, is_last })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.received_bytes += bytes as u64;
        self.allowance = self.allowance.checked_sub(bytes as u64).ok_or(BodyError::TooLarge)?;
        Ok(())
    }
}

impl State {
    fn trailers(&self) -> &[u8] {
        match self {
            Self::Chunked(decoder) => decoder.trailers(),
            Self::Length(_) | Self::UntilClose | Self::Done => &[],
        }
    }
}
