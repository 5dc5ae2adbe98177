//! Receiving the head of the final response; interim ones before it go on to the client.
//!
//! It is written down as HTTP/1 would say it, and read by the same rules: there is one place that says what a response may tell.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, StatusCode};

use super::{Said, failure};
use crate::http::oversize::Longest;
use crate::http::request::{Method, RequestHead};
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{Responder, push_line};
use crate::serve::forward::course::{Course, Progress};
use crate::serve::forward::receive::INTERIM_MAX;
use crate::serve::forward::relay::{Failure, Relay, client_gone};
use crate::serve::forward::response::{self, Expected, UpstreamHead};
use crate::serve::forward::unless_gone;
use crate::serve::http1::framing::Framing;

/// An interim response.
type Interim = http::Response<()>;

/// A head that has come.
enum Head {
    Interim(Interim),
    Final(http::Response<RecvStream>),
}

impl Relay<'_> {
    /// Receives the head of the final response, and what its content comes from.
    pub(super) async fn receive_head_http2<R: Responder>(
        &self,
        mut incoming: ResponseFuture,
        (request, responder): (&RequestHead, &mut R),
        (deadline, course): (&mut Deadline, &Course),
    ) -> Result<(UpstreamHead, RecvStream), Failure> {
        let is_head = request.method() == Method::Head;
        let mut said = Said::Nothing;
        let mut ahead = VecDeque::new();
        for _ in 0..=INTERIM_MAX {
            let receiving = next_head((&mut incoming, &mut ahead), said, (&mut *deadline, course, self.response_limit));
            match unless_gone(responder, receiving, client_gone).await? {
                Head::Interim(interim) => {
                    said = Said::Something;
                    let head = self.read_head(interim.status(), interim.headers(), is_head)?;
                    match head.status {
                        // The client gets its own when its body is first read.
                        StatusCode::CONTINUE => course.go_on(),
                        StatusCode::SWITCHING_PROTOCOLS => return Err(Failure::BadResponse("a 101 in HTTP/2".to_owned())),
                        status => pass_on(pin!(responder.interim(status, &head.lines)), (&mut incoming, &mut ahead)).await?,
                    }
                }
                Head::Final(response) => {
                    let (parts, content) = response.into_parts();
                    let mut head = self.read_head(parts.status, &parts.headers, is_head)?;
                    // What ends with its head has no content, and of what is no stream that is worth saying.
                    if content.is_end_stream() && head.framing == Framing::UntilClose && !head.is_stream {
                        head.framing = Framing::Empty;
                    }
                    course.answered();
                    if self.discards.is_some_and(|on| on.has_status(head.status)) && !course.is_spent.get() {
                        return Err(Failure::Unwanted(head.status));
                    }
                    return Ok((head, content));
                }
            }
        }
        Err(too_many())
    }

    fn read_head(&self, status: StatusCode, fields: &HeaderMap, is_head: bool) -> Result<UpstreamHead, Failure> {
        let mut bytes = self.worker.vectors.take();
        bytes.clear();
        let _ = write!(bytes, "HTTP/1.1 {} \r\n", status.as_u16());
        for (name, value) in fields {
            push_line(&mut bytes, name.as_str().as_bytes(), value.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let bytes_max = usize::try_from(self.live.plan().limits.upstream_header.0).unwrap_or(usize::MAX);
        let head = if bytes.len() > bytes_max {
            let longest = Longest::of(&bytes);
            Err(format!("the response head exceeds limits.upstream_header ({bytes_max} bytes): {longest}"))
        } else {
            response::parse(&bytes, Expected { policy: &self.route.policy, is_head }).map_err(str::to_owned)
        };
        self.worker.vectors.give(bytes);
        head.map_err(Failure::BadResponse)
    }
}

fn too_many() -> Failure {
    Failure::BadResponse("too many interim responses".to_owned())
}

/// Passes an interim response on. What comes behind it while the client does not take it is counted: no window holds a server back from sending heads, and the
/// `h2` crate keeps them all.
async fn pass_on(
    mut passing: Pin<&mut impl Future<Output = io::Result<()>>>,
    (incoming, ahead): (&mut ResponseFuture, &mut VecDeque<Interim>),
) -> Result<(), Failure> {
    poll_fn(|cx| {
        if let Poll::Ready(passed) = passing.as_mut().poll(cx) {
            return Poll::Ready(passed.map_err(Failure::Client));
        }
        while let Poll::Ready(Some(Ok(interim))) = incoming.poll_informational(cx) {
            ahead.push_back(interim);
            if ahead.len() > INTERIM_MAX {
                return Poll::Ready(Err(too_many()));
            }
        }
        Poll::Pending
    })
    .await
}

async fn next_head(
    (incoming, ahead): (&mut ResponseFuture, &mut VecDeque<Interim>),
    said: Said,
    (deadline, course, limit): (&mut Deadline, &Course, Duration),
) -> Result<Head, Failure> {
    let mut is_waiting = false;
    poll_fn(|cx| {
        if let Some(interim) = ahead.pop_front() {
            return Poll::Ready(Ok(Head::Interim(interim)));
        }
        // In this order: the final one passes over those that were not taken before.
        if let Poll::Ready(Some(interim)) = incoming.poll_informational(cx) {
            return Poll::Ready(interim.map(Head::Interim).map_err(|error| failure(error, said)));
        }
        if let Poll::Ready(head) = Pin::new(&mut *incoming).poll(cx) {
            return Poll::Ready(head.map(Head::Final).map_err(|error| failure(error, said)));
        }
        // An upload may take its time; from its end the response has its own.
        if course.progress.get() == Progress::Sending {
            return Poll::Pending;
        }
        if !is_waiting {
            deadline.set(limit);
            is_waiting = true;
        }
        deadline.poll_passed(cx).map(|()| Err(Failure::TimedOut("no response within timeouts.response")))
    })
    .await
}
