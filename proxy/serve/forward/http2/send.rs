//! Sending the body of a request, no faster than the server takes it.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::io_error;
use super::told::Told;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, RequestBody, split_lines};
use crate::serve::forward::course::{Course, GoAhead};
use crate::serve::forward::relay::Relay;
use crate::serve::forward::send::{SendError, end_of, wait_for_go_ahead};
use crate::serve::http1::body::{BodyError, Piece};

impl Relay<'_> {
    /// Sends the body, then watches the client. Ends only when something has gone wrong. A client that talks with its server may be silent for `talk` once
    /// that has begun to answer; before that it may not, for then nobody has said that it is a talk.
    pub(super) async fn send_http2<B: RequestBody>(
        &self,
        stream: &mut SendStream<Bytes>,
        (body, told): (&mut B, &mut Told),
        (course, talk): (&Course, Option<Duration>),
    ) -> SendError {
        let sent = send_whole(stream, (&mut *body, told), (course, talk), self.response_limit).await;
        end_of(sent, body, course).await
    }
}

async fn send_whole<B: RequestBody>(
    stream: &mut SendStream<Bytes>,
    (body, told): (&mut B, &mut Told),
    (course, mut talk): (&Course, Option<Duration>),
    idle: Duration,
) -> Result<(), SendError> {
    if body.length() == BodyLength::Empty {
        return Ok(());
    }
    let mut deadline = Deadline::default();
    if !body.is_started() {
        body.rewind();
        told.begin();
    }
    if course.go_ahead.get() == GoAhead::Waiting {
        wait_for_go_ahead(course, &mut deadline).await;
    }
    let mut is_complete = false;
    if let Some(piece) = told.again() {
        send_piece(stream, piece, (&mut deadline, idle)).await.map_err(SendError::Upstream)?;
        is_complete = piece.is_last;
    }
    while !is_complete {
        if course.is_answered.get()
            && let Some(talk) = talk.take()
        {
            body.set_idle(talk);
        }
        let is_kept_there = body.keeps_next();
        let piece = match body.next().await {
            Ok(piece) => piece,
            // The answer has begun meanwhile.
            Err(BodyError::TimedOut) if course.is_answered.get() && talk.is_some() => continue,
            Err(error) => return Err(SendError::Body(error)),
        };
        if is_kept_there {
            told.pass();
        } else {
            told.note(piece);
            course.is_spent.set(!told.is_kept());
        }
        send_piece(stream, piece, (&mut deadline, idle)).await.map_err(SendError::Upstream)?;
        is_complete = piece.is_last;
    }
    Ok(())
}

async fn send_piece(stream: &mut SendStream<Bytes>, piece: Piece<'_>, (deadline, idle): (&mut Deadline, Duration)) -> io::Result<()> {
    let ends = piece.is_last && piece.trailers.is_empty();
    let mut data = Bytes::copy_from_slice(piece.data);
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let capacity = match stream.capacity() {
            0 => wait_for_capacity(stream, deadline, idle).await?,
            capacity => capacity,
        };
        let part = data.split_to(capacity.min(data.len()));
        stream.send_data(part, ends && data.is_empty()).map_err(io_error)?;
    }
    if !piece.trailers.is_empty() && piece.is_last {
        return stream.send_trailers(fields(piece.trailers)).map_err(io_error);
    }
    if ends && piece.data.is_empty() {
        return stream.send_data(Bytes::new(), true).map_err(io_error);
    }
    Ok(())
}

async fn wait_for_capacity(stream: &mut SendStream<Bytes>, deadline: &mut Deadline, idle: Duration) -> io::Result<usize> {
    deadline.set(idle);
    poll_fn(|cx| match stream.poll_capacity(cx) {
        Poll::Ready(Some(Ok(0))) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Ready(Some(result)) => Poll::Ready(result.map_err(io_error)),
        Poll::Ready(None) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        Poll::Pending => deadline.poll_passed(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
    })
    .await
}

fn fields(lines: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in split_lines(lines) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    }
    fields
}
