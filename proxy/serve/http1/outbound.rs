//! Writing to a connection until all is gone or the client stops taking it: several pieces of memory as one, or a file.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::AsyncWrite;

use crate::serve::deadline::Deadline;
use crate::serve::file::{self, Part};
use crate::serve::plain::SendFile;
use crate::serve::siphon::Siphon;

/// Pieces that one write may have.
pub(crate) const PIECES_MAX: usize = 4;
/// What one call asks the kernel to send; it sends less when the socket takes less.
const SENDFILE_BYTES_MAX: usize = 16 * 1024 * 1024;

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

/// Writes a head behind which the bytes of a file follow: the kernel keeps it until they come, and sends both together.
///
/// # Errors
/// As [`write_all`].
pub(crate) async fn send_head<S: SendFile>(stream: &RefCell<S>, head: &[u8], limits: (&mut Deadline, Duration)) -> io::Result<()> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    send_by(stream, head.len() as u64, limits, |socket, sent| {
        let rest = usize::try_from(sent).ok().and_then(|sent| head.get(sent..)).unwrap_or_default();
        rustix::net::send(socket, rest, flags)
    })
    .await
}

/// Has the kernel send a part of a file; gives its length, all of which has gone out then.
///
/// # Errors
/// `UnexpectedEof` when the file ends within the part; else as [`write_all`].
pub(crate) async fn send_file<S: SendFile>(stream: &RefCell<S>, part: Part<'_>, limits: (&mut Deadline, Duration)) -> io::Result<u64> {
    send_by(stream, part.bytes, limits, |socket, sent| {
        let count = usize::try_from(part.bytes - sent).unwrap_or(usize::MAX).min(SENDFILE_BYTES_MAX);
        rustix::fs::sendfile(socket, part.file, Some(&mut (part.offset + sent)), count)
    })
    .await?;
    Ok(part.bytes)
}

/// Empties a siphon into the connection.
///
/// # Errors
/// As [`write_all`].
pub(crate) async fn send_siphon<S: SendFile>(
    stream: &RefCell<S>,
    siphon: &mut Siphon<'_>,
    limits: (&mut Deadline, Duration),
) -> io::Result<()> {
    send_by(stream, siphon.filled() as u64, limits, |socket, _| siphon.pour(socket)).await
}

/// Makes a system call that sends, given how much was sent before, until `total` bytes have gone out. The deadline is moved on with every piece of
/// progress.
async fn send_by<S: SendFile>(
    stream: &RefCell<S>,
    total: u64,
    (deadline, idle): (&mut Deadline, Duration),
    mut call: impl FnMut(BorrowedFd<'_>, u64) -> rustix::io::Result<usize>,
) -> io::Result<()> {
    let mut sent = 0;
    let mut waiting = false;
    poll_fn(|cx| {
        while sent < total {
            match poll_plain(cx, stream, |socket| call(socket, sent)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(file::became_shorter())),
                Poll::Ready(Ok(bytes)) => {
                    sent += bytes as u64;
                    waiting = false;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return poll_stalled(cx, deadline, idle, &mut waiting),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

fn poll_plain<S: SendFile>(
    cx: &mut Context<'_>,
    stream: &RefCell<S>,
    call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
) -> Poll<io::Result<usize>> {
    match stream.borrow().plain() {
        Some(socket) => socket.poll_call(cx, call),
        None => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
    }
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
