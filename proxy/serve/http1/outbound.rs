//! Writing several pieces of memory to a connection as one, until all is gone or the client stops taking it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::serve::deadline::Deadline;

/// Pieces that one write may have.
pub(crate) const PIECES_MAX: usize = 4;

/// Writes all pieces and flushes. The deadline is moved on with every piece of progress.
///
/// # Errors
/// `TimedOut` when nothing was taken for `idle`; else the connection's error.
pub(crate) async fn write_all<S: AsyncWrite + Unpin>(
    stream: &RefCell<S>,
    pieces: [&[u8]; PIECES_MAX],
    deadline: &mut Deadline,
    idle: Duration,
) -> io::Result<()> {
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut written = 0;
    let mut waiting = false;
    poll_fn(|cx| {
        while written < total {
            match poll_write_from(cx, stream, &pieces, written) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    written += bytes;
                    waiting = false;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return poll_stalled(cx, deadline, idle, &mut waiting),
            }
        }
        match Pin::new(&mut *stream.borrow_mut()).poll_flush(cx) {
            Poll::Pending => poll_stalled(cx, deadline, idle, &mut waiting),
            ready => ready,
        }
    })
    .await
}

/// A stalled client has `idle` from the moment at which it stalled.
fn poll_stalled(cx: &mut Context<'_>, deadline: &mut Deadline, idle: Duration, waiting: &mut bool) -> Poll<io::Result<()>> {
    if !*waiting {
        deadline.set(idle);
        *waiting = true;
    }
    ready!(deadline.poll_passed(cx));
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

fn poll_write_from<S: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    stream: &RefCell<S>,
    pieces: &[&[u8]; PIECES_MAX],
    mut skip: usize,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); PIECES_MAX];
    let mut count = 0;
    for piece in pieces {
        let rest = piece.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(piece.len());
        if !rest.is_empty()
            && let Some(slot) = slices.get_mut(count)
        {
            *slot = IoSlice::new(rest);
            count += 1;
        }
    }
    let mut stream = stream.borrow_mut();
    match slices.get(..count) {
        Some([one]) => Pin::new(&mut *stream).poll_write(cx, one),
        Some(many) => Pin::new(&mut *stream).poll_write_vectored(cx, many),
        None => Poll::Ready(Ok(0)),
    }
}
