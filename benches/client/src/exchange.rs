//! One request of HTTP/1 and its reply, over any stream: GET with a length, and the upgrade to WebSocket.
//!
//! It must not connect or count. Chunked bodies are not read: the files of the benchmarks have a length, and one without is a bad reply.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::failure::Failure;

/// More than any head of the benchmarks.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 64;
/// The key of RFC 6455, section 1.3, and what a server makes of it: the answer need not be computed.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The head of a reply, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    head_bytes: usize,
    body_bytes: Option<u64>,
    accepts_key: bool,
}

/// The bytes of a GET that keeps the connection.
pub fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// Sends a request and reads its reply to the end: a 200 with a length. Gives the bytes of the body.
///
/// # Errors
/// Another status, no length, more than the length, or a connection that breaks.
pub async fn get<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> Result<u64, Failure> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut buffer = Vec::with_capacity(HEAD_BYTES_MAX);
    let head = read_head(stream, &mut buffer).await?;
    if head.status != 200 {
        return Err(Failure::Status(head.status));
    }
    let body_bytes = head.body_bytes.ok_or(Failure::BadReply)?;
    let mut received = buffer.len().saturating_sub(head.head_bytes) as u64;
    while received < body_bytes {
        buffer.clear();
        received += read_some(stream, &mut buffer).await? as u64;
    }
    if received > body_bytes { Err(Failure::BadReply) } else { Ok(body_bytes) }
}

/// Makes a WebSocket of a connection.
///
/// # Errors
/// The server does not switch, or answers another key, or the connection breaks.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, path: &str) -> Result<(), Failure> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut buffer = Vec::with_capacity(1024);
    let head = read_head(stream, &mut buffer).await?;
    match head.status {
        // An echo has nothing to say before it is spoken to.
        101 if head.accepts_key && buffer.len() == head.head_bytes => Ok(()),
        101 => Err(Failure::BadReply),
        status => Err(Failure::Status(status)),
    }
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<Head, Failure> {
    loop {
        read_some(stream, buffer).await?;
        if let Some(head) = parse_head(buffer)? {
            return Ok(head);
        }
        if buffer.len() >= HEAD_BYTES_MAX {
            return Err(Failure::BadReply);
        }
    }
}

async fn read_some<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<usize, Failure> {
    match stream.read_buf(buffer).await? {
        0 => Err(Failure::Broken(std::io::ErrorKind::UnexpectedEof)),
        bytes => Ok(bytes),
    }
}

/// `None` while the head is not whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut reply = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head_bytes) = reply.parse(bytes).map_err(|_| Failure::BadReply)? else { return Ok(None) };
    let value = |name: &str| reply.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value);
    let length = value("content-length").map(|value| std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()));
    Ok(Some(Head {
        status: reply.code.ok_or(Failure::BadReply)?,
        head_bytes,
        body_bytes: length.map(|length| length.ok_or(Failure::BadReply)).transpose()?,
        accepts_key: value("sec-websocket-accept") == Some(ACCEPT),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_its_body_begins() {
        let head = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap().unwrap();
        assert_eq!(head, Head { status: 200, head_bytes: 38, body_bytes: Some(5), accepts_key: false });
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nContent-Le"), Ok(None));
    }

    #[test]
    fn what_is_no_http_is_a_bad_reply() {
        for bytes in [b"SSH-2.0-x\r\n\r\n".as_slice(), b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n"] {
            assert_eq!(parse_head(bytes), Err(Failure::BadReply));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_body_is_read_to_its_end_and_no_further() {
        let reply = |length: u64| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello");
        for (length, outcome) in [(5, Ok(5)), (4, Err(Failure::BadReply)), (6, Err(Failure::Broken(std::io::ErrorKind::UnexpectedEof)))] {
            let (mut near, mut far) = tokio::io::duplex(4096);
            far.write_all(reply(length).as_bytes()).await.unwrap();
            far.shutdown().await.unwrap();
            assert_eq!(get(&mut near, b"").await, outcome, "{length}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_error_page_is_no_success() {
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        assert_eq!(get(&mut near, b"").await, Err(Failure::Status(502)));
    }
}
