//! An encrypted connection after its handshake.
//!
//! Bytes in and out, and what was negotiated. Flush after the last write of an answer: encrypted bytes that the socket did
//! not take wait here. A client that closes without `close_notify` gives an `UnexpectedEof` from reads.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::HandshakeKind;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server;

/// How many bytes one write may encrypt on a new connection, and on one whose client reads slowly: four full records.
pub(super) const WRITE_BYTES_MIN: usize = 64 * 1024;
/// How many bytes one write may encrypt on a connection that takes them as fast as they come: the most that a client that stops
/// reading makes a connection hold. The kernel holds more of such a client (`tcp_wmem`).
pub(super) const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// A protocol that ALPN chose (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`.
    H1,
    /// `h2`.
    H2,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl ProtocolVersion {
    /// As it is written in logs and told to upstreams: `"TLSv1.3"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// A TLS connection over `S`. The size of two pointers, so that it costs nothing where a stream may be plain or encrypted.
#[derive(Debug)]
pub struct TlsStream<S> {
    inner: Box<server::TlsStream<S>>,
    write_bytes_max: usize,
}

impl<S> TlsStream<S> {
    pub(super) fn new(inner: server::TlsStream<S>) -> Self {
        Self { inner: Box::new(inner), write_bytes_max: WRITE_BYTES_MIN }
    }

    /// What ALPN chose; `None` when the client did not use it, which is HTTP/1 (RFC 9112 §9.7).
    #[must_use]
    pub fn alpn(&self) -> Option<Alpn> {
        match self.inner.get_ref().1.alpn_protocol()? {
            b"h2" => Some(Alpn::H2),
            b"http/1.1" | b"http/1.0" => Some(Alpn::H1),
            _ => None,
        }
    }

    /// The name that the client asked for, in lower case.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.inner.get_ref().1.server_name()
    }

    /// The version that was negotiated.
    #[must_use]
    pub fn protocol_version(&self) -> ProtocolVersion {
        match self.inner.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => ProtocolVersion::Tls12,
            // `config` offers two, and after a handshake there is one.
            _ => ProtocolVersion::Tls13,
        }
    }

    /// Whether the client resumed an earlier session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.inner.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The stream below, for its addresses and socket options.
    #[must_use]
    pub fn inner(&self) -> &S {
        self.inner.get_ref().0
    }

    /// The stream below, to shut it down; what is written to it goes out unencrypted.
    pub fn inner_mut(&mut self) -> &mut S {
        self.inner.get_mut().0
    }

    /// The stream below, without the encryption.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner.into_inner().0
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Waits until the socket has taken what was encrypted before. So a connection holds one write at most, and a write
    /// begins with an empty buffer and is cut into full records, not into what room the last one left.
    fn poll_drained(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.inner.get_ref().1.wants_write() { Pin::new(&mut *self.inner).poll_flush(context) } else { Poll::Ready(Ok(())) }
    }

    /// Lets the next write be larger when the socket took all of this one, and smaller when it did not: large writes
    /// save a fast client's server time, and a slow one's server memory must be bounded.
    fn adapt(&mut self, written: usize) {
        let connection = self.inner.get_mut().1;
        let next = if connection.wants_write() {
            (self.write_bytes_max / 2).max(WRITE_BYTES_MIN)
        } else if written >= self.write_bytes_max {
            (self.write_bytes_max * 2).min(WRITE_BYTES_MAX)
        } else {
            self.write_bytes_max
        };
        if next != self.write_bytes_max {
            self.write_bytes_max = next;
            connection.set_buffer_limit(Some(next));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_read(context, buffer)
    }
}

/// Waiting for bytes with `poll_fill_buf` needs no buffer of the caller's own.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for TlsStream<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut *self.get_mut().inner).poll_fill_buf(context)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut *self.inner).consume(amount);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drained(context))?;
        let written = ready!(Pin::new(&mut *self.inner).poll_write(context, buffer))?;
        self.adapt(written);
        Poll::Ready(Ok(written))
    }

    /// The slices are encrypted as if they were one: a head and the beginning of its body share a record.
    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drained(context))?;
        let written = ready!(Pin::new(&mut *self.inner).poll_write_vectored(context, buffers))?;
        self.adapt(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    /// Sends `close_notify` (RFC 8446 §6.1), then shuts the stream below down.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::version::TLS13;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_rustls::{TlsConnector, client};

    use super::super::fixture::Fixture;
    use super::*;

    /// A connection over a pipe of `room` bytes.
    async fn connected(room: usize) -> (client::TlsStream<DuplexStream>, TlsStream<DuplexStream>) {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&[]);
        let (near, far) = duplex(room);
        let connector = TlsConnector::from(Arc::new(fixture.client(&[&TLS13], &[])));
        let (client, server) = tokio::join!(connector.connect("localhost".try_into().unwrap(), near), acceptor.accept(far));
        (client.unwrap(), server.unwrap())
    }

    #[tokio::test]
    async fn a_head_and_its_body_share_a_record() {
        let (client, mut server) = connected(64 * 1024).await;
        let (mut below, _) = client.into_inner();
        server.flush().await.unwrap();
        let slices = [IoSlice::new(b"HTTP/1.1 200 OK\r\n\r\n"), IoSlice::new(&[b'x'; 1000])];
        assert_eq!(server.write_vectored(&slices).await.unwrap(), 1019);
        server.flush().await.unwrap();
        server.shutdown().await.unwrap();
        drop(server);
        let mut records = Vec::new();
        below.read_to_end(&mut records).await.unwrap();
        let mut lengths = Vec::new();
        let mut rest = &records[..];
        while let [_, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            lengths.push(length);
            rest = &after[length..];
        }
        // A byte of type and 16 of authentication go with each; the tickets come before, the `close_notify` (2 bytes) after.
        assert_eq!(lengths[lengths.len() - 2..], [1019 + 17, 2 + 17], "{lengths:?}");
    }

    #[tokio::test]
    async fn a_slow_reader_makes_a_connection_hold_a_bounded_amount() {
        let (_client, mut server) = connected(4096).await;
        let body = vec![0; 4 * WRITE_BYTES_MAX];
        let mut taken = 0;
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(written) = Pin::new(&mut server).poll_write(&mut context, &body) {
            taken += written.unwrap();
        }
        let slices = [IoSlice::new(&body)];
        assert!(Pin::new(&mut server).poll_write_vectored(&mut context, &slices).is_pending());
        assert!(taken <= WRITE_BYTES_MIN + 4096, "{taken}");
    }

    #[tokio::test]
    async fn writes_grow_while_the_client_takes_all_and_shrink_when_it_does_not() {
        let (client, mut server) = connected(4 * WRITE_BYTES_MAX).await;
        let body = vec![0; 2 * WRITE_BYTES_MAX];
        let mut written = Vec::new();
        for _ in 0..5 {
            written.push(server.write_vectored(&[IoSlice::new(&body)]).await.unwrap());
        }
        assert_eq!(written, [1, 2, 4, 8, 16].map(|factor| factor * WRITE_BYTES_MIN));
        // Nothing has been read yet: the pipe is full, and this write is left in part.
        for _ in 0..3 {
            written.push(server.write_vectored(&[IoSlice::new(&body)]).await.unwrap());
        }
        assert!(written.iter().all(|length| *length <= WRITE_BYTES_MAX), "{written:?}");
        assert_eq!(server.write_bytes_max, WRITE_BYTES_MAX / 2);
        drop(client);
    }

    #[tokio::test]
    async fn large_bodies_arrive_whole_and_end_with_a_close_notify() {
        let (mut client, mut server) = connected(10_000).await;
        let body: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let send = async {
            server.write_all(&body).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        // Without the `close_notify` this would be `UnexpectedEof`.
        let (read, ()) = tokio::join!(client.read_to_end(&mut received), send);
        read.unwrap();
        assert!(received == body);
    }

    #[tokio::test]
    async fn a_stream_and_its_handshake_are_small_in_the_task_that_holds_them() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&[]);
        assert_eq!(size_of::<TlsStream<DuplexStream>>(), 2 * size_of::<usize>());
        let (_near, far) = duplex(1);
        let future = acceptor.accept(far);
        assert!(size_of_val(&future) <= 128, "{}", size_of_val(&future));
    }
}
