//! A WebSocket that says one message and hears its echo. Everything else a server may send is an error here; frames are in [`crate::frame`].

use std::io::ErrorKind;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::exchange::upgrade;
use crate::failure::Failure;
use crate::frame::{CLOSE, Message, PAYLOAD_BYTES};

/// An open WebSocket. After an error its place in the stream is unknown: it must be dropped.
pub struct Socket<S> {
    stream: S,
    message: Message,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Upgrades a connection; the number makes its message its own.
    ///
    /// # Errors
    /// Those of [`upgrade`].
    pub async fn open(mut stream: S, path: &str, number: u64) -> Result<Self, Failure> {
        upgrade(&mut stream, path).await?;
        Ok(Self { stream, message: Message::numbered(number) })
    }

    /// Sends the message and waits for its echo. Gives the bytes of the payload.
    ///
    /// # Errors
    /// Anything else than the echo.
    pub async fn echo(&mut self) -> Result<u64, Failure> {
        self.stream.write_all(self.message.sent()).await?;
        self.stream.flush().await?;
        let expected = self.message.echo();
        let mut received = [0; 2 + PAYLOAD_BYTES];
        if let Err(error) = self.stream.read_exact(&mut received).await {
            // A close is shorter than an echo, and then the stream ends.
            let is_close = error.kind() == ErrorKind::UnexpectedEof && received.first() == Some(&CLOSE);
            return Err(if is_close { Failure::SocketClosed } else { error.into() });
        }
        if received == *expected {
            return Ok(PAYLOAD_BYTES as u64);
        }
        let is_same_kind = received.first_chunk::<2>() == expected.first_chunk::<2>();
        Err(if is_same_kind { Failure::WrongEcho } else { Failure::UnexpectedFrame })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    async fn heard(bytes: &[u8]) -> Result<u64, Failure> {
        let (stream, mut far): (DuplexStream, DuplexStream) = tokio::io::duplex(4096);
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        Socket { stream, message: Message::numbered(7) }.echo().await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_echo_is_an_echo() {
        assert_eq!(heard(Message::numbered(7).echo()).await, Ok(32));
        assert_eq!(heard(Message::numbered(8).echo()).await, Err(Failure::WrongEcho));
        assert_eq!(heard(Message::numbered(7).sent()).await, Err(Failure::UnexpectedFrame));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_close_is_told_from_a_connection_that_breaks() {
        assert_eq!(heard(&[0x88, 2, 3, 0xe8]).await, Err(Failure::SocketClosed));
        assert_eq!(heard(b"").await, Err(Failure::Broken(ErrorKind::UnexpectedEof)));
    }
}
