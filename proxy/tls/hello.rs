//! The first message of a client, read without having committed to anything: a ClientHello, plain HTTP, or garbage.
//!
//! rustls answers bytes that are not TLS with an alert, which would stand before the answer to a plain HTTP request; so the
//! first bytes are looked at on their way in. They go straight into the buffer of rustls, there is none of our own.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::handshake_error::HandshakeError;

/// `unrecognized_name` (RFC 6066 §3), fatal, in a record of its own: before the ServerHello nothing is encrypted (RFC 8446 §5.1, §6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Reads one ClientHello. On an error the alert has been sent, but for plain HTTP nothing.
pub(super) async fn read<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<Accepted, HandshakeError> {
    let mut acceptor = Acceptor::default();
    let mut opening = Opening::default();
    loop {
        let read = poll_fn(|context| poll_tls(acceptor.read_tls(&mut Blocking { stream, context, opening: &mut opening })));
        match read.await {
            Ok(0) if opening.length == 0 => return Err(HandshakeError::Silent),
            Ok(0) => return Err(HandshakeError::Closed),
            Ok(_) => {}
            Err(error) => return Err(HandshakeError::from_io(error)),
        }
        if opening.is_http() {
            return Err(HandshakeError::PlainHttp);
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((error, alert)) => {
                send(stream, alert).await;
                return Err(HandshakeError::from_tls(&error));
            }
        }
    }
}

/// Tells a client that its name is not served.
pub(super) async fn refuse_name<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    // The handshake has failed already; a client that does not take the alert is told nothing.
    if stream.write_all(&UNRECOGNIZED_NAME).await.is_ok() {
        let _ = stream.flush().await;
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, mut alert: AcceptedAlert) {
    let mut opening = Opening::default();
    // As above: a client that is gone is told nothing.
    while let Ok(1..) = poll_fn(|context| poll_tls(alert.write(&mut Blocking { stream, context, opening: &mut opening }))).await {}
    let _ = stream.flush().await;
}

/// The first bytes of a connection, as many as the first read gave.
#[derive(Default)]
struct Opening {
    bytes: [u8; 8],
    length: usize,
}

impl Opening {
    fn record(&mut self, read: &[u8]) {
        if self.length == 0 {
            self.length = read.len().min(self.bytes.len());
            for (own, byte) in self.bytes.iter_mut().zip(read) {
                *own = *byte;
            }
        }
    }

    /// Whether the connection begins with a method in capitals: no TLS record (first byte 20 to 23) and no SSL 2 hello (128 or more) does.
    fn is_http(&self) -> bool {
        let seen = self.bytes.get(..self.length).unwrap_or_default();
        let method = seen.split(|byte| *byte == b' ').next().unwrap_or_default();
        !method.is_empty() && method.iter().all(u8::is_ascii_uppercase)
    }
}

/// The stream as rustls wants to see it: `Pending` is `WouldBlock`.
struct Blocking<'a, 'c, S> {
    stream: &'a mut S,
    context: &'a mut Context<'c>,
    opening: &'a mut Opening,
}

impl<S: AsyncRead + Unpin> Read for Blocking<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.stream).poll_read(self.context, &mut buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        self.opening.record(buffer.filled());
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Blocking<'_, '_, S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.stream).poll_write(self.context, buffer) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn poll_tls(result: io::Result<usize>) -> Poll<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}
