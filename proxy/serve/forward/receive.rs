//! Receiving the head of the final response. Interim responses before it go on to the client, as many as a server may need.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use http::StatusCode;

use super::course::{Course, Progress};
use super::relay::{Failure, Relay, client_gone};
use super::response::{self, Expected, HeadEnd, UpstreamHead};
use super::unless_gone;
use crate::http::hop;
use crate::http::oversize::Longest;
use crate::http::request::{Known, Method, RequestHead};
use crate::serve::deadline::Deadline;
use crate::serve::exchange::Responder;
use crate::serve::http1::framing::Framing;
use crate::serve::http1::inbound::{FillError, Inbound, Room};
use crate::upstream::Connection;

/// Interim responses that are read before a final one must come.
pub(super) const INTERIM_MAX: usize = 16;

impl Relay<'_> {
    /// Reads the head of the final response, and passes interim ones on.
    pub(super) async fn receive_head<R: Responder>(
        &self,
        (stream, inbound): (&RefCell<Connection>, &mut Inbound),
        (request, responder): (&RequestHead, &mut R),
        (deadline, course): (&mut Deadline, &Course),
    ) -> Result<UpstreamHead, Failure> {
        let expected = Expected { policy: &self.route.policy, is_head: request.method() == Method::Head };
        let mut had_interim = false;
        for _ in 0..=INTERIM_MAX {
            let finding = self.find_head(stream, inbound, deadline, course);
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
                StatusCode::SWITCHING_PROTOCOLS if !self.upgrade => return Err(bad("a 101 that nobody asked for")),
                StatusCode::SWITCHING_PROTOCOLS if !is_offered(request, &head.upgrade) => {
                    return Err(bad("a 101 to a protocol that nobody asked for"));
                }
                StatusCode::SWITCHING_PROTOCOLS => return Ok(head),
                // The client gets its own when its body is first read.
                StatusCode::CONTINUE => course.go_on(),
                status if status.is_informational() => responder.interim(status, &head.lines).await.map_err(Failure::Client)?,
                _ => {
                    course.answered();
                    if self.discards.is_some_and(|on| on.has_status(head.status)) && !course.is_spent.get() {
                        return Err(Failure::Unwanted(head.status));
                    }
                    if matches!(head.framing, Framing::Length(1..)) && inbound.is_empty() && !course.is_spent.get() {
                        self.await_content(stream, inbound, deadline).await?;
                    }
                    return Ok(head);
                }
            }
        }
        Err(bad("too many interim responses"))
    }

    /// Waits a moment for the first of the content behind a head that came alone. Servers that write both one after the other (uvicorn, gunicorn) can be
    /// killed between the two: while the client has nothing of it, that is no response, and the request outlasts it.
    async fn await_content(&self, stream: &RefCell<Connection>, inbound: &mut Inbound, deadline: &mut Deadline) -> Result<(), Failure> {
        if self.content_wait.is_zero() {
            return Ok(());
        }
        deadline.set(self.content_wait);
        match inbound.fill((stream, Some(&self.worker.inbounds)), Room::Body, deadline).await {
            Ok(0) => Err(Failure::NoResponse("closed behind the response head".to_owned())),
            Ok(_) | Err(FillError::TimedOut) => Ok(()),
            Err(FillError::Io(error)) => Err(Failure::NoResponse(error.to_string())),
        }
    }

    /// Reads until a head is complete; gives its length.
    async fn find_head(
        &self,
        stream: &RefCell<Connection>,
        inbound: &mut Inbound,
        deadline: &mut Deadline,
        course: &Course,
    ) -> Result<usize, Failure> {
        let bytes_max = usize::try_from(self.live.plan().limits.upstream_header.0).unwrap_or(usize::MAX);
        let limit = self.response_limit;
        let mut scanner = HeadEnd::default();
        let mut is_waiting = false;
        loop {
            let end = scanner.find(inbound.filled());
            if let Some(end) = end
                && end <= bytes_max
            {
                return Ok(end);
            }
            // One read may bring more than there was room for below the limit.
            if end.is_some() || inbound.len() > bytes_max {
                let longest = Longest::of(inbound.filled());
                return Err(Failure::BadResponse(format!(
                    "the response head exceeds limits.upstream_header ({bytes_max} bytes): {longest}"
                )));
            }
            if response::is_foreign(inbound.filled()) {
                return Err(bad("malformed response head: it does not begin with HTTP/1"));
            }
            let filled = poll_fn(|cx| {
                if let Poll::Ready(result) = inbound.poll_fill_from(cx, (stream, &self.worker.inbounds), Room::Head) {
                    return Poll::Ready(result.map_err(FillError::Io));
                }
                // An upload may take its time. From its end the whole head has the same time, however many pieces it comes in.
                if course.progress.get() == Progress::Sending {
                    return Poll::Pending;
                }
                if !is_waiting {
                    deadline.set(limit);
                    is_waiting = true;
                }
                deadline.poll_passed(cx).map(|()| Err(FillError::TimedOut))
            });
            match filled.await {
                Ok(0) if inbound.is_empty() => return Err(Failure::NoResponse("closed without a response".to_owned())),
                Ok(0) => return Err(bad("closed inside the response head")),
                Ok(_) => {}
                Err(FillError::TimedOut) => return Err(Failure::TimedOut("no response within timeouts.response")),
                Err(FillError::Io(error)) if inbound.is_empty() => return Err(Failure::NoResponse(error.to_string())),
                Err(FillError::Io(error)) => return Err(Failure::BadResponse(error.to_string())),
            }
        }
    }
}

fn bad(cause: &str) -> Failure {
    Failure::BadResponse(cause.to_owned())
}

/// A server switches to what was offered, and says to what (RFC 9110 §7.8).
fn is_offered(request: &RequestHead, upgrade: &[u8]) -> bool {
    let offered = request.joined(Known::Upgrade).unwrap_or_default();
    let is_offered = |protocol: &[u8]| hop::members(&offered).any(|known| known.eq_ignore_ascii_case(protocol));
    !upgrade.is_empty() && hop::members(upgrade).all(is_offered)
}
