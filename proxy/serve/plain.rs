//! Connections that the kernel can send a file to: sockets with nothing between us and the client.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::tls::TlsStream;

/// A connection that may be plain.
pub(crate) trait SendFile {
    /// The socket, when what is written to it is what the client reads.
    fn plain(&self) -> Option<Plain<'_>>;
}

/// A plain socket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plain<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
}

impl SendFile for TcpStream {
    fn plain(&self) -> Option<Plain<'_>> {
        Some(Plain::Tcp(self))
    }
}

impl SendFile for UnixStream {
    fn plain(&self) -> Option<Plain<'_>> {
        Some(Plain::Unix(self))
    }
}

impl<S> SendFile for TlsStream<S> {
    fn plain(&self) -> Option<Plain<'_>> {
        None
    }
}

#[cfg(test)]
impl SendFile for tokio::io::DuplexStream {
    fn plain(&self) -> Option<Plain<'_>> {
        None
    }
}

impl Plain<'_> {
    /// Makes the close of a TCP connection a reset: what was sent is not all, and nothing else says so. (A Unix socket has no such thing.)
    pub(crate) fn reset_on_close(self) {
        if let Self::Tcp(stream) = self {
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
    }

    /// Makes a system call that writes to the socket, as soon as the socket takes anything.
    pub(crate) fn poll_call(
        self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let result = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_io(Interest::WRITABLE, || Ok(call(stream.as_fd())?))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_io(Interest::WRITABLE, || Ok(call(stream.as_fd())?))
                }
            };
            match result {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                other => return Poll::Ready(other),
            }
        }
    }
}
