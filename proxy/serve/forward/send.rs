//! Sending a request: its head, then its body as it comes, once the upstream wants it.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;
use std::time::Duration;

use super::course::{Course, GoAhead, Progress};
use super::relay::Relay;
use crate::serve::deadline::Deadline;
use crate::serve::exchange::{BodyLength, RequestBody};
use crate::serve::http1::body::{BodyError, Piece};
use crate::serve::http1::chunk_frame::ChunkFrame;
use crate::serve::http1::outbound::write_all;
use crate::upstream::Connection;

/// How long a body waits for the upstream's 100. Servers that know nothing of it say nothing, and curl waits as long.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// Why the request could not be sent whole.
pub(super) enum SendError {
    /// The upstream does not take it.
    Upstream(io::Error),
    Body(BodyError),
    /// It was sent whole, but nobody waits for the answer any more.
    ClientGone,
}

impl Relay<'_> {
    /// Sends head and body, then watches the client. Ends only when something has gone wrong.
    pub(super) async fn send<B: RequestBody>(&self, stream: &RefCell<Connection>, body: &mut B, course: &Course) -> SendError {
        let sent = self.send_whole(stream, body, course).await;
        end_of(sent, body, course).await
    }

    async fn send_whole<B: RequestBody>(&self, stream: &RefCell<Connection>, body: &mut B, course: &Course) -> Result<(), SendError> {
        let mut deadline = Deadline::default();
        let idle = self.response_limit;
        body.rewind();
        let length = body.length();
        let waits = course.go_ahead.get() == GoAhead::Waiting;
        let mut head = self.request;
        if length == BodyLength::Empty || waits || !body.has_buffered() {
            write_all(stream, [head, &[], &[], &[]], &mut deadline, idle).await.map_err(SendError::Upstream)?;
            head = &[];
        }
        if waits {
            wait_for_go_ahead(course, &mut deadline).await;
        }
        let mut is_complete = length == BodyLength::Empty;
        // Until all of it was sent nobody can tell how much of the next piece was.
        course.is_spent.set(!is_complete);
        while !is_complete {
            let piece = body.next().await.map_err(SendError::Body)?;
            write_piece(stream, head, piece, length, (&mut deadline, idle)).await.map_err(SendError::Upstream)?;
            head = &[];
            is_complete = piece.is_last;
        }
        course.is_spent.set(body.is_started());
        Ok(())
    }
}

/// What is wrong in the end: the sending itself, or that the client has left behind it.
pub(super) async fn end_of<B: RequestBody>(sent: Result<(), SendError>, body: &mut B, course: &Course) -> SendError {
    if let Err(error) = sent {
        return error;
    }
    course.progress.set(Progress::Sent);
    // Nobody is to work for a client that has left.
    body.client_gone().await;
    SendError::ClientGone
}

/// Waits for the upstream's 100, but not for ever; and for ever once it has answered without.
pub(super) async fn wait_for_go_ahead(course: &Course, deadline: &mut Deadline) {
    deadline.set(CONTINUE_WAIT);
    let refused = poll_fn(|cx| match course.go_ahead.get() {
        GoAhead::Given => Poll::Ready(false),
        GoAhead::Refused => Poll::Ready(true),
        GoAhead::Waiting => deadline.poll_passed(cx).map(|()| false),
    })
    .await;
    if refused {
        pending::<()>().await;
    }
    course.go_on();
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
