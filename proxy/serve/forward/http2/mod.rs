//! Forwarding to servers that speak HTTP/2: one exchange is one stream of a connection that others share. The head that goes out is the one that is made
//! for HTTP/1, said otherwise (`request`); what comes back is read by the same rules (`response`), and its content goes the same way (`content`).
//!
//! A stream that is dropped before its end is reset with CANCEL (by the `h2` crate), so whatever ends an exchange early tells the server at once.

mod content;
mod request;
mod response;
mod send;
mod told;

use std::cell::RefCell;
use std::io;
use std::pin::pin;

use h2::Reason;

use self::content::{Intake, StreamContent, gathering};
pub(super) use self::told::Told;
use super::course::{Course, GoAhead};
use super::relay::{Failure, Relay, Relayed, both, relay};
use super::response::UpstreamHead;
use crate::serve::exchange::{BodyLength, Exchange, RequestBody, Responder};
use crate::serve::grpc;
use crate::serve::handler::{context, ends_connection};
use crate::serve::worker::Worker;
use crate::upstream::{ConnectError, Group, Key, Picked, Slot, Tried};

/// Room on a connection to a server of a group; a new connection where there is none.
pub(super) async fn connect<'g>(
    group: &'g Group,
    key: &Key<'_>,
    tried: &mut Tried,
    worker: &Worker,
) -> Result<(Picked<'g>, Slot), ConnectError> {
    let mut picked = group.pick(key, tried.as_slice());
    if let Some(found) = picked.take() {
        if let Some(slot) = worker.multiplexer.slot(found.server()) {
            return Ok((found, slot));
        }
        picked = Some(found);
    }
    // Boxed: new connections are rare beside kept ones, and connecting has a large state.
    Box::pin(worker.multiplexer.acquire(&worker.connector, (group, key), picked, tried)).await
}

/// What came back.
enum Response {
    /// `is_ended`: the stream too.
    Whole {
        is_ended: bool,
    },
    File(Box<UpstreamHead>),
}

impl Relay<'_> {
    /// Relays one exchange on one stream.
    pub(super) async fn run_http2<B: RequestBody, R: Responder>(
        &self,
        exchange: &mut Exchange<'_, B, R>,
        (slot, told): (&mut Slot, &mut Told),
    ) -> Result<Relayed, Failure> {
        let outgoing = request::of(self.request, slot.scheme()).map_err(Failure::Unsayable)?;
        let is_empty = exchange.body.length() == BodyLength::Empty;
        let (response, mut stream) = slot.send(outgoing, is_empty).map_err(|error| Failure::NotTaken(error.to_string()))?;
        let course = Course::new(if self.asks_first { GoAhead::Waiting } else { GoAhead::Given });
        let context = context(self.live, exchange, self.worker);
        let asked = exchange.head;
        let is_long = ends_connection(exchange.body.length());
        let Exchange { body, responder, .. } = exchange;
        let talk = grpc::is_call(asked).then_some(self.route.timeouts.stream);
        let send = pin!(self.send_http2(&mut stream, (body, told), (&course, talk)));
        let receive = pin!(async {
            let mut deadline = self.worker.deadlines.take();
            let (mut head, content) = self.receive_head_http2(response, (asked, &mut *responder), (&mut deadline, &course)).await?;
            if self.is_stood_for(&mut head)? {
                return Ok(Response::File(Box::new(head)));
            }
            let (idle, stalled) = self.patience(&head);
            let framing = head.framing;
            let (mut response, flow) = self.dressed(head, asked, (&context, &course, is_long));
            let intake = RefCell::new(Intake::new(content));
            let mut content = StreamContent::new(&intake, framing, &mut deadline, idle);
            gathering(pin!(relay(&mut content, responder, &mut response, (flow, stalled))), &intake).await?;
            drop(content);
            deadline.clear();
            self.worker.deadlines.give(deadline);
            Ok(Response::Whole { is_ended: intake.borrow().is_ended() })
        });
        let relayed = both(send, receive, &course).await;
        if matches!(relayed, Err(Failure::TimedOut(_))) {
            slot.doubt();
        }
        match relayed? {
            Response::Whole { is_ended } => {
                // An end that is still to come finds the stream broken off, as when a client has left.
                if is_ended {
                    slot.end();
                }
                Ok(Relayed::Done(None))
            }
            Response::File(head) => Ok(Relayed::File(head, None)),
        }
    }
}

/// Whether anything of a response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Something,
}

/// What an error of a stream without a final response means.
fn failure(error: h2::Error, said: Said) -> Failure {
    let refused = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
    if said == Said::Something {
        return Failure::BadResponse(error.to_string());
    }
    // A GOAWAY ends those streams alone that the server has not begun with (RFC 9113 §6.8).
    if refused || (error.is_go_away() && error.is_remote()) {
        return Failure::NotTaken(error.to_string());
    }
    if error.is_library() && error.is_go_away() {
        // It is for what came on any of its streams, and nobody knows which.
        let cause = "the connection is ended for what the server sends on it, a malformed response or a head that far exceeds limits.upstream_header";
        return Failure::NoResponse(format!("no response: {cause}: {error}"));
    }
    if error.is_library() {
        return Failure::BadResponse(format!("malformed response: {error}"));
    }
    let cause = format!("no response: {error}");
    if error.is_reset() { Failure::BrokenOff(cause) } else { Failure::NoResponse(cause) }
}

/// What an error means to whoever writes.
fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    } else {
        io::Error::new(io::ErrorKind::ConnectionReset, error)
    }
}
