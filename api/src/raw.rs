//! The raw server: reads one request head at a time and plays the canned answer its path names.
//!
//! It speaks just enough HTTP/1 to find the end of a request. It must not use an HTTP library:
//! the answers are byte for byte what [`crate::canned`] says, right or wrong.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::canned::{self, After, Canned, Step};
use crate::drain::Drain;
use crate::listen::Listener;
use crate::query::{self, Query};
use crate::server::Server;
use crate::socket::Socket;

/// The longest request head, in bytes.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// The most padding that is sent, in bytes, and how much of it without `?bytes=`.
const PADDING_BYTES_MAX: u64 = 64 << 20;
const PADDING_BYTES_DEFAULT: u64 = 64 * 1024;

/// Serves canned answers on `listener` until `shutdown` resolves.
pub async fn serve(listener: Listener, shutdown: impl Future<Output = ()>) {
    Server::new().raw(listener).run(shutdown).await;
}

/// Plays canned answers on one connection until one of them ends it, or the server stops.
pub async fn converse(socket: Socket, drain: Drain) {
    let mut conversation = Conversation { socket, unread: Vec::new() };
    tokio::select! {
        // A client that breaks off is what many of these answers are for.
        _ = conversation.run() => {}
        () = drain.closing() => {}
    }
}

struct Conversation {
    socket: Socket,
    unread: Vec<u8>,
}

impl Conversation {
    async fn run(&mut self) -> io::Result<()> {
        while let Some(head) = self.head().await? {
            let target = target(&head);
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let Some(canned) = canned::find(path) else {
                self.socket.write_all(&unknown()).await?;
                return self.socket.shutdown().await;
            };
            self.play(canned, query).await?;
            match canned.after {
                After::Keep => self.skip_body(&head).await?,
                After::Close => return self.close().await,
                After::Silence => return self.listen().await,
            }
        }
        Ok(())
    }

    async fn play(&mut self, canned: &Canned, query: &str) -> io::Result<()> {
        for step in canned.steps {
            match step {
                Step::Send(bytes) => self.socket.write_all(bytes).await?,
                Step::Drip(bytes) => {
                    for byte in *bytes {
                        self.socket.write_all(&[*byte]).await?;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                Step::Pad(byte) => self.pad(*byte, query).await?,
                Step::Pause(pause) => tokio::time::sleep(*pause).await,
            }
        }
        Ok(())
    }

    async fn pad(&mut self, byte: u8, query: &str) -> io::Result<()> {
        let mut left = Query::new(query).number("bytes", PADDING_BYTES_DEFAULT, PADDING_BYTES_MAX).unwrap_or(PADDING_BYTES_DEFAULT);
        let block = [byte; 4096];
        while left > 0 {
            let length = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
            self.socket.write_all(block.get(..length).unwrap_or_default()).await?;
            left -= length as u64;
        }
        Ok(())
    }

    /// Ends the connection both ways at once. What the client sent so far is read first, since
    /// closing over unread bytes resets a connection and may take the answer with it.
    async fn close(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while let Ok(Ok(length)) = tokio::time::timeout(Duration::ZERO, self.socket.read(&mut buffer)).await {
            if length == 0 {
                break;
            }
        }
        self.socket.shutdown().await
    }

    /// Reads on without a word until the client gives up.
    async fn listen(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.socket.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    /// The next request head with its empty line; `None` at the end of the connection.
    async fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = head_end(&self.unread) {
                let rest = self.unread.split_off(end);
                return Ok(Some(std::mem::replace(&mut self.unread, rest)));
            }
            let full = self.unread.len() > HEAD_BYTES_MAX;
            if full || self.socket.read_buf(&mut self.unread).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Drops the body of the request that was answered, if it had a Content-Length. A chunked
    /// body is not understood and would be taken for the next head.
    async fn skip_body(&mut self, head: &[u8]) -> io::Result<()> {
        let mut left = content_length(head);
        let buffered = usize::try_from(left).map_or(self.unread.len(), |left| left.min(self.unread.len()));
        self.unread.drain(..buffered);
        left -= buffered as u64;
        let mut body = (&mut self.socket).take(left);
        tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
        Ok(())
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|start| start + 4)
}

/// The request target; empty when the request line has none.
fn target(head: &[u8]) -> &str {
    head.split(|byte| *byte == b'\r')
        .next()
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default()
}

fn content_length(head: &[u8]) -> u64 {
    String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| query::number(value.trim(), u64::MAX))
        .unwrap_or(0)
}

/// A 404 that lists what there is.
fn unknown() -> Vec<u8> {
    let list: String = canned::TABLE.iter().map(|canned| format!("{}: {}\n", canned.path, canned.what)).collect();
    let length = list.len();
    format!(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{list}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let head = b"POST /raw/ok?bytes=1 HTTP/1.1\r\nHost: a\r\nContent-LENGTH:  12 \r\n\r\n";
        assert_eq!(head_end(head), Some(head.len()));
        assert_eq!(target(head), "/raw/ok?bytes=1");
        assert_eq!(content_length(head), 12);
        assert_eq!(target(b"\r\n\r\n"), "");
        assert_eq!(content_length(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), 0);
    }
}
