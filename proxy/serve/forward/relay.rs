//! Moving one request to an upstream and its response back, both at once: a response may come before the request has ended.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;

use super::compressed::relay_compressed;
use super::response::{self, Expected, UpstreamHead};
use super::tunnel::Tunnel;
use super::unless_gone;
use crate::http::request::Method;
use crate::serve::compress::{self, Flow};
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, ContentLength, Exchange, RequestBody, Responder, ResponseHead};
use crate::serve::finish::finish;
use crate::serve::handler::context;
use crate::serve::http1::body::{BodyError, BodyReader, Piece};
use crate::serve::http1::chunk_frame::ChunkFrame;
use crate::serve::http1::framing::Framing;
use crate::serve::http1::inbound::{FillError, Inbound, Room};
use crate::serve::http1::outbound::write_all;
use crate::serve::live::{Live, LiveRoute};
use crate::serve::worker::Worker;
use crate::upstream::{Connection, Picked};

/// Interim responses that are read before a final one must come.
const INTERIM_MAX: usize = 16;

/// What a relay works with.
pub(super) struct Relay<'a> {
    pub(super) route: &'a LiveRoute,
    pub(super) live: &'a Live,
    pub(super) worker: &'a Worker,
    /// The head for the upstream.
    pub(super) request: &'a [u8],
    pub(super) upgrade: bool,
    /// The value of a `Set-Cookie` that the client gets beside the upstream's own.
    pub(super) cookie: Option<&'a [u8]>,
}

/// What became of it.
pub(super) enum Relayed {
    /// The response is with the client; the connection, if it can be used again.
    Done(Option<Connection>),
    /// The upstream switched protocols and the client knows; with the bytes that came behind the 101.
    Upgraded(Connection, Vec<u8>),
}

impl Relayed {
    /// Gives the connection back, or makes the tunnel, which counts on with its server.
    pub(super) fn settle(self, picked: Picked<'_>, worker: &Worker) -> Option<Tunnel> {
        match self {
            Self::Done(Some(connection)) => worker.connector.release(connection),
            Self::Done(None) => {}
            Self::Upgraded(connection, first) => return Some(Tunnel::new(connection, first, picked.lasting())),
        }
        None
    }
}

/// Why there is no whole response. When it had begun, the client has part of it.
#[derive(Debug)]
pub(super) enum Failure {
    /// The upstream closed before a byte of a response.
    NoResponse(String),
    /// The upstream's response is malformed or ended early.
    BadResponse(String),
    /// The upstream took too long.
    TimedOut(&'static str),
    /// The client's body failed.
    RequestBody(BodyError),
    /// The client does not take the response.
    Client(io::Error),
}

/// How far the sending of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Sending,
    Sent,
    Failed,
}

/// Why the request could not be sent whole.
enum SendError {
    Upstream,
    Body(BodyError),
    /// It was sent whole, but nobody waits for the answer any more.
    ClientGone,
}

impl Relay<'_> {
    /// Relays one exchange over one connection.
    pub(super) async fn run<B: RequestBody, R: Responder>(
        &self,
        exchange: &mut Exchange<'_, B, R>,
        connection: Connection,
    ) -> Result<Relayed, Failure> {
        let stream = RefCell::new(connection);
        let mut inbound = self.worker.inbounds.take();
        let progress = Cell::new(Progress::Sending);
        let result = self.exchange_bytes(exchange, &stream, &mut inbound, &progress).await;
        let result = match result {
            Ok(Response::Whole { keep_alive }) => {
                // Stray bytes behind a response must never meet the next request.
                let reusable = keep_alive && progress.get() == Progress::Sent && inbound.is_empty();
                Ok(Relayed::Done(reusable.then(|| stream.into_inner())))
            }
            Ok(Response::Switched) => Ok(Relayed::Upgraded(stream.into_inner(), inbound.filled().to_vec())),
            Err(failure) => Err(failure),
        };
        inbound.clear();
        self.worker.inbounds.give(inbound);
        result
    }

    /// Runs both directions until the response is whole, or nothing can be done.
    async fn exchange_bytes<B: RequestBody, R: Responder>(
        &self,
        exchange: &mut Exchange<'_, B, R>,
        stream: &RefCell<Connection>,
        inbound: &mut Inbound,
        progress: &Cell<Progress>,
    ) -> Result<Response, Failure> {
        let context = context(self.live, exchange, self.worker);
        let request = exchange.head;
        let is_head = request.method() == Method::Head;
        let body = &mut exchange.body;
        let responder = &mut exchange.responder;
        let mut send = pin!(self.send(stream, body, progress));
        let mut receive = pin!(async {
            let mut deadline = Deadline::default();
            let head = self.receive_head(stream, inbound, (responder, is_head), (&mut deadline, progress)).await?;
            let keep_alive = head.keep_alive;
            let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
            let framing = head.framing;
            let idle = if head.is_event_stream { self.live.plan().timeouts.stream } else { self.live.plan().timeouts.idle };
            let untouchable = head.untouchable;
            let mut response = response_head(head, is_head);
            if let Some(cookie) = self.cookie {
                response.push("set-cookie", cookie);
            }
            let choice = compress::choose(&mut response, untouchable, request, &self.live.plan().compression);
            finish(&mut response, &self.route.policy, &context);
            if is_switch {
                responder.upgrade(&response).await.map_err(Failure::Client)?;
                return Ok(Response::Switched);
            }
            let mut reader = BodyReader::new(stream, inbound, &mut deadline, framing, idle);
            match choice.and_then(|choice| Flow::new(choice, &self.worker.encoders)) {
                Some(flow) => {
                    // Boxed, so that what is not compressed does not carry the room for it.
                    Box::pin(relay_compressed(&mut reader, responder, &mut response, flow)).await?;
                }
                None => relay_content(&mut reader, responder, &response).await?,
            }
            Ok(Response::Whole { keep_alive })
        });
        let mut sending = true;
        poll_fn(|cx| {
            if sending && let Poll::Ready(result) = send.as_mut().poll(cx) {
                sending = false;
                match result {
                    SendError::Body(error) => return Poll::Ready(Err(Failure::RequestBody(error))),
                    SendError::ClientGone => return Poll::Ready(Err(client_gone())),
                    // An upstream that does not take the request may have answered already: its response decides, if it comes soon.
                    SendError::Upstream => progress.set(Progress::Failed),
                }
            }
            receive.as_mut().poll(cx)
        })
        .await
    }

    /// Sends head and body, then watches the client. Ends only when something has gone wrong.
    async fn send<B: RequestBody>(&self, stream: &RefCell<Connection>, body: &mut B, progress: &Cell<Progress>) -> SendError {
        match self.send_whole(stream, body).await {
            Err(error) => error,
            Ok(()) => {
                progress.set(Progress::Sent);
                // Nobody is to work for a client that has left.
                body.client_gone().await;
                SendError::ClientGone
            }
        }
    }

    async fn send_whole<B: RequestBody>(&self, stream: &RefCell<Connection>, body: &mut B) -> Result<(), SendError> {
        let mut deadline = Deadline::default();
        let idle = self.live.plan().timeouts.response;
        let length = body.length();
        let mut head = self.request;
        if length == BodyLength::Empty || !body.has_buffered() {
            write_all(stream, [head, &[], &[], &[]], &mut deadline, idle).await.map_err(|_| SendError::Upstream)?;
            head = &[];
        }
        let mut is_complete = length == BodyLength::Empty;
        while !is_complete {
            let piece = body.next().await.map_err(SendError::Body)?;
            write_piece(stream, head, piece, length, (&mut deadline, idle)).await.map_err(|_| SendError::Upstream)?;
            head = &[];
            is_complete = piece.is_last;
        }
        Ok(())
    }

    /// Reads the head of the final response, and passes interim ones on.
    async fn receive_head<R: Responder>(
        &self,
        stream: &RefCell<Connection>,
        inbound: &mut Inbound,
        (responder, is_head): (&mut R, bool),
        (deadline, progress): (&mut Deadline, &Cell<Progress>),
    ) -> Result<UpstreamHead, Failure> {
        let expected = Expected { policy: &self.route.policy, is_head };
        let mut had_interim = false;
        for _ in 0..INTERIM_MAX {
            let finding = self.find_head(stream, inbound, deadline, progress);
            let end = match unless_gone(responder, finding, client_gone).await {
                // Part of a response came: a repetition would send it twice.
                Err(Failure::NoResponse(cause)) if had_interim => return Err(Failure::BadResponse(cause)),
                result => result?,
            };
            let bytes = inbound.filled().get(..end).unwrap_or_default();
            let head = response::parse(bytes, expected).map_err(|cause| Failure::BadResponse(cause.to_owned()))?;
            inbound.consume(end);
            had_interim = true;
            match head.status {
                StatusCode::SWITCHING_PROTOCOLS if self.upgrade => return Ok(head),
                StatusCode::SWITCHING_PROTOCOLS => return Err(Failure::BadResponse("a 101 that nobody asked for".to_owned())),
                // The client got its own 100 when its body was first read.
                StatusCode::CONTINUE => {}
                status if status.is_informational() => responder.interim(status, &head.lines).await.map_err(Failure::Client)?,
                _ => return Ok(head),
            }
        }
        Err(Failure::BadResponse("too many interim responses".to_owned()))
    }

    /// Reads until a head is complete; gives its length.
    async fn find_head(
        &self,
        stream: &RefCell<Connection>,
        inbound: &mut Inbound,
        deadline: &mut Deadline,
        progress: &Cell<Progress>,
    ) -> Result<usize, Failure> {
        loop {
            let end = response::find_end(inbound.filled());
            if let Some(end) = end
                && end <= response::HEAD_BYTES_MAX
            {
                return Ok(end);
            }
            // One read may bring more than there was room for below the limit.
            if end.is_some() || inbound.len() > response::HEAD_BYTES_MAX {
                let name = longest_field(inbound.filled());
                return Err(Failure::BadResponse(format!("the response head exceeds {} bytes ({name})", response::HEAD_BYTES_MAX)));
            }
            let filled = fill_after_request(stream, inbound, (deadline, self.live.plan().timeouts.response), progress).await;
            match filled {
                Ok(0) if inbound.is_empty() => return Err(Failure::NoResponse("closed without a response".to_owned())),
                Ok(0) => return Err(Failure::BadResponse("closed inside the response head".to_owned())),
                Ok(_) => {}
                Err(FillError::TimedOut) => return Err(Failure::TimedOut("no response within timeouts.response")),
                Err(FillError::Io(error)) if inbound.is_empty() => return Err(Failure::NoResponse(error.to_string())),
                Err(FillError::Io(error)) => return Err(Failure::BadResponse(error.to_string())),
            }
        }
    }
}

/// What came back.
enum Response {
    Whole { keep_alive: bool },
    Switched,
}

/// Reads once. The deadline runs from the end of the request: an upload may take its time.
async fn fill_after_request(
    stream: &RefCell<Connection>,
    inbound: &mut Inbound,
    (deadline, limit): (&mut Deadline, Duration),
    progress: &Cell<Progress>,
) -> Result<usize, FillError> {
    let mut running = false;
    poll_fn(|cx| {
        if let Poll::Ready(result) = inbound.poll_fill(cx, stream, Room::Head) {
            return Poll::Ready(result.map_err(FillError::Io));
        }
        if progress.get() == Progress::Sending {
            return Poll::Pending;
        }
        if !running {
            deadline.set(limit);
            running = true;
        }
        deadline.poll_passed(cx).map(|()| Err(FillError::TimedOut))
    })
    .await
}

/// Writes a piece of a request body, behind the head if that is still to be sent.
async fn write_piece(
    stream: &RefCell<Connection>,
    head: &[u8],
    piece: Piece<'_>,
    length: BodyLength,
    (deadline, idle): (&mut Deadline, Duration),
) -> io::Result<()> {
    if length != BodyLength::Unknown {
        return write_all(stream, [head, piece.data, &[], &[]], deadline, idle).await;
    }
    let frame = ChunkFrame::new(&piece);
    write_all(stream, [head, frame.size_line(), piece.data, frame.end()], deadline, idle).await
}

fn response_head(head: UpstreamHead, is_head: bool) -> ResponseHead<'static> {
    let length = match (head.status, head.framing) {
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, _) => ContentLength::None,
        (_, Framing::Length(length)) => ContentLength::Known(length),
        (_, Framing::Empty) if is_head => head.stated_length.map_or(ContentLength::Unknown, ContentLength::Known),
        (_, Framing::Empty) => ContentLength::Known(0),
        (_, Framing::Chunked | Framing::UntilClose) => ContentLength::Unknown,
    };
    let mut response = ResponseHead::new(head.status, None, length);
    response.lines = head.lines;
    response.present = head.present;
    response
}

/// Sends the response: its head together with what has come of the content, then piece by piece, each flushed.
async fn relay_content<R: Responder>(
    reader: &mut BodyReader<'_, Connection>,
    responder: &mut R,
    response: &ResponseHead<'_>,
) -> Result<(), Failure> {
    let mut is_last = if reader.is_done() || reader.has_buffered() {
        let piece = reader.next().await.map_err(content_failure)?;
        responder.begin(response, piece).await.map_err(Failure::Client)?;
        piece.is_last
    } else {
        responder.begin(response, Piece::NOTHING).await.map_err(Failure::Client)?;
        false
    };
    while !is_last {
        let next = async { reader.next().await.map_err(content_failure) };
        let piece = unless_gone(responder, next, client_gone).await?;
        responder.write(piece).await.map_err(Failure::Client)?;
        is_last = piece.is_last;
    }
    Ok(())
}

pub(super) fn client_gone() -> Failure {
    Failure::Client(io::ErrorKind::ConnectionReset.into())
}

pub(super) fn content_failure(error: BodyError) -> Failure {
    match error {
        BodyError::TimedOut => Failure::TimedOut("nothing more of the response came within timeouts.idle"),
        BodyError::Truncated => Failure::BadResponse("the response ended early".to_owned()),
        BodyError::Malformed(cause) => Failure::BadResponse(format!("malformed response body: {cause}")),
        BodyError::TooLarge | BodyError::Io(_) => Failure::BadResponse(error.cause()),
    }
}

/// The name and size of the longest line, for whoever must find out which cookie it was.
fn longest_field(bytes: &[u8]) -> String {
    let longest = bytes.split(|&byte| byte == b'\n').max_by_key(|line| line.len()).unwrap_or_default();
    let name = longest.split(|&byte| byte == b':').next().unwrap_or_default();
    let name: Vec<u8> = name.iter().copied().take(64).collect();
    format!("{} has {} bytes", String::from_utf8_lossy(&name), longest.len())
}
