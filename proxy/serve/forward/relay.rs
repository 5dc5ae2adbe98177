//! Moving one request to an upstream and its response back, both at once: a response may come before the request has ended.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;

use super::compressed::relay_compressed;
use super::content::Content;
use super::course::{Course, GoAhead, Progress};
use super::response::UpstreamHead;
use super::send::SendError;
use super::unless_gone;
use super::way_back::WayBack;
use crate::config::RetryOn;
use crate::http::request::{Method, RequestHead};
use crate::serve::compress::{self, Flow};
use crate::serve::exchange::{ContentLength, Exchange, RequestBody, Responder, ResponseHead, push_line};
use crate::serve::finish::{FinishContext, finish};
use crate::serve::handler::{context, ends_connection};
use crate::serve::http1::body::{BodyError, BodyReader, Piece};
use crate::serve::http1::framing::Framing;
use crate::serve::http1::inbound::Inbound;
use crate::serve::live::{Live, LiveRoute};
use crate::serve::worker::Worker;
use crate::upstream::Connection;

/// What the log says of a file that nobody may send: without a word the client would have nothing, and nobody would know why.
const NAMED_IN_VAIN: &str = "the response names a file (X-Accel-Redirect or X-Sendfile), and the route has no `accel`";
/// What the log says of a response that stalls.
const STALLED: &str = "nothing more of the response came within timeouts.idle";
/// The same of a stream that was given a limit.
const STREAM_STALLED: &str = "nothing more of the stream came within timeouts.stream";

/// What a relay works with.
pub(super) struct Relay<'a> {
    pub(super) route: &'a LiveRoute,
    pub(super) live: &'a Live,
    pub(super) worker: &'a Worker,
    /// The head for the upstream.
    pub(super) request: &'a [u8],
    pub(super) upgrade: bool,
    /// How long the response may let wait for itself.
    pub(super) response_limit: Duration,
    /// How long the head of a response waits for the first of its content; zero: not at all.
    pub(super) content_wait: Duration,
    /// Whose statuses are no response, because another server may have a better one.
    pub(super) discards: Option<&'a RetryOn>,
    /// The upstream was asked whether it wants the body.
    pub(super) asks_first: bool,
    /// How URLs of the response are translated, where that is needed.
    pub(super) back: Option<WayBack<'a>>,
    /// A response may name a file in its place.
    pub(super) takes_files: bool,
    /// The value of a `Set-Cookie` that the client gets beside the upstream's own.
    pub(super) cookie: Option<&'a [u8]>,
}

/// What became of it.
pub(super) enum Relayed {
    /// The response is with the client; the connection, if it can be used again.
    Done(Option<Connection>),
    /// The response names a file, which is to be sent in its place; the connection, if it can be used again.
    File(Box<UpstreamHead>, Option<Connection>),
    /// The upstream switched protocols and the client knows; with the bytes that came behind the 101.
    Upgraded(Connection, Vec<u8>),
}

/// Why there is no whole response. When it had begun, the client has part of it.
#[derive(Debug)]
pub(super) enum Failure {
    /// The upstream closed before a byte of a response.
    NoResponse(String),
    /// The upstream broke the request off before a byte of a response, on a connection that goes on for others.
    BrokenOff(String),
    /// The upstream says that it has not begun with the request.
    NotTaken(String),
    /// The request cannot be told in the upstream's protocol.
    Unsayable(&'static str),
    /// The upstream's response is malformed or ended early.
    BadResponse(String),
    /// The upstream took too long.
    TimedOut(&'static str),
    /// The upstream's response has a status that another server is asked for. Nothing of it was passed on.
    Unwanted(StatusCode),
    /// The client's body failed.
    RequestBody(BodyError),
    /// The client does not take the response.
    Client(io::Error),
}

impl Relay<'_> {
    /// Relays one exchange over one connection.
    pub(super) async fn run<B: RequestBody, R: Responder>(
        &self,
        exchange: &mut Exchange<'_, B, R>,
        connection: Connection,
    ) -> Result<Relayed, Failure> {
        let stream = RefCell::new(connection);
        let mut inbound = Inbound::default();
        let course = Course::new(if self.asks_first { GoAhead::Waiting } else { GoAhead::Given });
        let result = self.exchange_bytes(exchange, &stream, &mut inbound, &course).await;
        let result = match result {
            Ok(Response::Whole { keep_alive }) => {
                // Stray bytes behind a response must never meet the next request.
                let reusable = keep_alive && course.is_in_step() && inbound.is_empty();
                Ok(Relayed::Done(reusable.then(|| stream.into_inner())))
            }
            Ok(Response::File(head)) => {
                let is_whole = matches!(head.framing, Framing::Empty | Framing::Length(0));
                let reusable = is_whole && head.keep_alive && course.is_in_step() && inbound.is_empty();
                Ok(Relayed::File(head, reusable.then(|| stream.into_inner())))
            }
            Ok(Response::Switched) => Ok(Relayed::Upgraded(stream.into_inner(), inbound.filled().to_vec())),
            Err(failure) => Err(failure),
        };
        inbound.give_to(&self.worker.inbounds);
        result
    }

    /// Runs both directions until the response is whole, or nothing can be done.
    async fn exchange_bytes<B: RequestBody, R: Responder>(
        &self,
        exchange: &mut Exchange<'_, B, R>,
        stream: &RefCell<Connection>,
        inbound: &mut Inbound,
        course: &Course,
    ) -> Result<Response, Failure> {
        let context = context(self.live, exchange, self.worker);
        let request = exchange.head;
        let is_long = ends_connection(exchange.body.length());
        let body = &mut exchange.body;
        let responder = &mut exchange.responder;
        let send = pin!(self.send(stream, body, course));
        let receive = pin!(async {
            let mut deadline = self.worker.deadlines.take();
            let mut head = self.receive_head((stream, &mut *inbound), (request, &mut *responder), (&mut deadline, course)).await?;
            if self.is_stood_for(&mut head)? {
                return Ok(Response::File(Box::new(head)));
            }
            let keep_alive = head.keep_alive;
            let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
            let framing = head.framing;
            let (idle, stalled) = self.patience(&head);
            let (mut response, flow) = self.dressed(head, request, (&context, course, is_long));
            if is_switch {
                responder.upgrade(&response).await.map_err(Failure::Client)?;
                return Ok(Response::Switched);
            }
            let mut reader = BodyReader::new(stream, inbound, &mut deadline, framing, idle).sharing(&self.worker.inbounds);
            relay(&mut reader, responder, &mut response, (flow, stalled)).await?;
            deadline.clear();
            self.worker.deadlines.give(deadline);
            Ok(Response::Whole { keep_alive })
        });
        both(send, receive, course).await
    }

    /// Translates what the head says of URLs; `true` when it names a file that is to be sent in its place.
    pub(super) fn is_stood_for(&self, head: &mut UpstreamHead) -> Result<bool, Failure> {
        if let Some(back) = &self.back {
            back.translate(&mut head.lines);
        }
        if !head.names_file() {
            return Ok(false);
        }
        if !self.takes_files {
            return Err(Failure::BadResponse(NAMED_IN_VAIN.to_owned()));
        }
        if let Some(cookie) = self.cookie {
            push_line(&mut head.lines, b"set-cookie", cookie);
        }
        Ok(true)
    }

    /// The client's head, from the upstream's; and how the content is compressed, if it is.
    pub(super) fn dressed<'p>(
        &'p self,
        head: UpstreamHead,
        request: &RequestHead,
        (context, course, is_long): (&FinishContext<'_>, &Course, bool),
    ) -> (ResponseHead<'static>, Option<Flow<'p>>) {
        let untouchable = head.untouchable;
        let mut response = response_head(head, request.method() == Method::Head);
        // Nobody knows whether the rest of a long upload will ever come: the client is told not to go on behind it.
        response.close = is_long && course.is_early.get();
        if let Some(cookie) = self.cookie {
            response.push("set-cookie", cookie);
        }
        let choice = compress::choose(&mut response, untouchable, request, &self.live.plan().compression);
        finish(&mut response, &self.route.policy, context);
        (response, choice.and_then(|choice| Flow::new(choice, &self.worker.encoders)))
    }

    /// How long the rest of a response may stay away, and what is said when it does.
    pub(super) fn patience(&self, head: &UpstreamHead) -> (Duration, &'static str) {
        if head.is_stream { (self.route.timeouts.stream, STREAM_STALLED) } else { (self.route.timeouts.idle, STALLED) }
    }
}

/// Sends a response on, compressed or as it is.
pub(super) async fn relay<C: Content, R: Responder>(
    content: &mut C,
    responder: &mut R,
    response: &mut ResponseHead<'_>,
    (flow, stalled): (Option<Flow<'_>>, &'static str),
) -> Result<(), Failure> {
    let relayed = match flow {
        // Boxed, so that what is not compressed does not carry the room for it.
        Some(flow) => Box::pin(relay_compressed(content, responder, response, flow)).await,
        None => relay_content(content, responder, response).await,
    };
    match relayed {
        Err(Failure::TimedOut(_)) => Err(Failure::TimedOut(stalled)),
        relayed => relayed,
    }
}

/// Sends and receives until the response is whole, or nothing can be done.
pub(super) async fn both<T>(
    mut send: Pin<&mut impl Future<Output = SendError>>,
    mut receive: Pin<&mut impl Future<Output = Result<T, Failure>>>,
    course: &Course,
) -> Result<T, Failure> {
    let mut sending = true;
    poll_fn(|cx| {
        if sending && let Poll::Ready(result) = send.as_mut().poll(cx) {
            sending = false;
            if let Some(failure) = send_failure(result, course) {
                return Poll::Ready(Err(failure));
            }
        }
        let before = course.go_ahead.get();
        let received = receive.as_mut().poll(cx);
        if received.is_pending() && before != course.go_ahead.get() {
            // The body may be sent now.
            cx.waker().wake_by_ref();
        }
        received
    })
    .await
}

/// What it means that the request could not be sent whole; `None`: nothing yet.
fn send_failure(error: SendError, course: &Course) -> Option<Failure> {
    match error {
        SendError::Body(error) => Some(Failure::RequestBody(error)),
        SendError::ClientGone => Some(client_gone()),
        SendError::Upstream(error) if error.kind() == io::ErrorKind::TimedOut && !course.is_answered.get() => {
            Some(Failure::TimedOut("the request was not taken within timeouts.response"))
        }
        // An upstream that does not take the request may have answered already: its response decides, if it comes soon.
        SendError::Upstream(_) => {
            course.progress.set(Progress::Failed);
            None
        }
    }
}

/// What came back.
enum Response {
    Whole { keep_alive: bool },
    File(Box<UpstreamHead>),
    Switched,
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
async fn relay_content<C: Content, R: Responder>(reader: &mut C, responder: &mut R, response: &ResponseHead<'_>) -> Result<(), Failure> {
    let mut is_last = if reader.is_at_hand() {
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
        BodyError::TimedOut => Failure::TimedOut(STALLED),
        BodyError::Truncated => Failure::BadResponse("the response ended early".to_owned()),
        BodyError::Malformed(cause) => Failure::BadResponse(format!("malformed response body: {cause}")),
        BodyError::TooLarge | BodyError::Io(_) | BodyError::Lost(_) => Failure::BadResponse(error.cause()),
    }
}
