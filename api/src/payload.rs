//! Bodies of a chosen size, and the sink for uploads: `/api/small`, `/api/bytes/N`,
//! `/api/json/N`, `/api/upload`, and the health answer.
//!
//! Memory stays constant whatever the size is, except for JSON documents, which are bounded.
//! Paced bodies are in [`crate::stream`].

#![allow(clippy::indexing_slicing, reason = "the index runs over the array itself")]

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::{Request, StatusCode};
use xxhash_rust::xxh3::Xxh3;

use crate::backend::Backend;
use crate::query::{self, Query};
use crate::reply::{self, Body, CutOff, JSON, OCTETS, Problem, Reply};

/// The largest `/api/bytes/N`: 1 TiB.
const BYTES_MAX: u64 = 1 << 40;
/// The largest `/api/json/N`: 64 MiB, since it is held in memory.
const JSON_BYTES_MAX: u64 = 64 << 20;
/// The largest chunk of a body, in bytes.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// Bytes repeat after a prime number, so that a body shifted by a power of two shows.
const PERIOD: usize = 251;
/// Any chunk of the pattern is a slice of this block: byte `i` of a body is `i % 251`.
static PATTERN: [u8; CHUNK_BYTES_MAX + PERIOD] = pattern();

const fn pattern() -> [u8; CHUNK_BYTES_MAX + PERIOD] {
    let mut block = [0; CHUNK_BYTES_MAX + PERIOD];
    let mut index = 0;
    while index < block.len() {
        block[index] = (index % PERIOD) as u8;
        index += 1;
    }
    block
}

/// The body of `/api/small`, which the type keeps at 200 bytes.
static SMALL: &[u8; 200] = b"{\"id\":42,\"name\":\"a small answer\",\"tags\":[\"bench\",\"proxy\",\"keep-alive\"],\"active\":true,\"score\":0.875,\"text\":\"Two hundred bytes of JSON, which is about what one row of a list takes on its journey home.\"}";

/// Whether a body says its length beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
}

/// `GET /api/health`.
#[must_use]
pub fn health() -> Reply {
    reply::ok(JSON, Body::whole(Bytes::from_static(b"{\"status\":\"ok\"}")))
}

/// `GET /api/small`.
#[must_use]
pub fn small() -> Reply {
    reply::ok(JSON, Body::whole(Bytes::from_static(SMALL)))
}

/// `GET /api/bytes/N?chunked=1&chunk=SIZE`.
///
/// # Errors
/// 400 for a size that is no number or too large.
pub fn bytes(size: &str, query: Query<'_>) -> Result<Reply, Problem> {
    let left = query::number(size, BYTES_MAX).ok_or_else(|| Problem::bad("the size must be a number of bytes up to 1 TiB"))?;
    let chunk = query.number("chunk", CHUNK_BYTES_MAX as u64, CHUNK_BYTES_MAX as u64)?;
    let framing = match query.number("chunked", 0, 1)? {
        0 => Framing::Length,
        _ => Framing::Chunked,
    };
    let pattern = Pattern { sent: 0, left, chunk: usize::try_from(chunk).map_or(CHUNK_BYTES_MAX, |chunk| chunk.max(1)), framing };
    Ok(reply::ok(OCTETS, Body::flowing(pattern)))
}

/// `GET /api/json/N`: a list of items, at least N bytes long and less than one item longer.
///
/// # Errors
/// 400 for a size that is no number or too large.
pub fn document(size: &str, backend: &Backend) -> Result<Reply, Problem> {
    let size = query::number(size, JSON_BYTES_MAX).ok_or_else(|| Problem::bad("the size must be a number of bytes up to 64 MiB"))?;
    Ok(reply::ok(JSON, Body::whole(backend.document(size, items))))
}

fn items(size: u64) -> Bytes {
    let size = usize::try_from(size).unwrap_or(0);
    let mut text = String::with_capacity(size + 256);
    text.push_str("{\"items\":[");
    let mut id = 0_u64;
    while text.len() + 2 < size || id == 0 {
        if id > 0 {
            text.push(',');
        }
        id += 1;
        // A digest in each item keeps the document from being compressed to nothing.
        let digest = xxhash_rust::xxh3::xxh3_64(&id.to_le_bytes());
        let done = digest.is_multiple_of(2);
        text.push_str(&format!("{{\"id\":{id},\"name\":\"item {id}\",\"digest\":\"{digest:016x}\",\"done\":{done}}}"));
    }
    text.push_str("]}");
    Bytes::from(text)
}

/// `POST /api/upload`: counts and digests a body without keeping it.
///
/// # Errors
/// 400 when the body breaks off.
pub async fn upload(request: Request<Incoming>) -> Result<Reply, Problem> {
    let mut body = request.into_body();
    let mut digest = Xxh3::new();
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad(format!("the body broke off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            bytes += data.len() as u64;
            digest.update(data);
        }
    }
    let xxh3 = format!("{:016x}", digest.digest());
    Ok(reply::json(StatusCode::OK, &serde_json::json!({ "bytes": bytes, "xxh3": xxh3 })))
}

/// `GET /api/slow?delay=2s`.
///
/// # Errors
/// 400 for a delay that is no duration.
pub async fn slow(delay: Result<Duration, Problem>) -> Result<Reply, Problem> {
    let delay = delay?;
    tokio::time::sleep(delay).await;
    let waited = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    Ok(reply::json(StatusCode::OK, &serde_json::json!({ "waited_ms": waited })))
}

/// A body of the pattern.
struct Pattern {
    sent: u64,
    left: u64,
    chunk: usize,
    framing: Framing,
}

impl hyper::body::Body for Pattern {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left).map_or(self.chunk, |left| left.min(self.chunk));
        let data = pattern_slice(self.sent, length);
        self.sent += data.len() as u64;
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.framing == Framing::Length
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length => SizeHint::with_exact(self.left),
            Framing::Chunked => SizeHint::default(),
        }
    }
}

/// `length` bytes of the pattern from `offset` on; at most `CHUNK_BYTES_MAX`.
#[must_use]
pub fn pattern_slice(offset: u64, length: usize) -> Bytes {
    let start = usize::try_from(offset % PERIOD as u64).unwrap_or(0);
    let end = start + length.min(CHUNK_BYTES_MAX);
    Bytes::from_static(PATTERN.get(start..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_i_of_the_pattern_is_i_modulo_251_wherever_a_chunk_begins() {
        for offset in [0, 1, 250, 251, 65_536, 1 << 39] {
            let slice = pattern_slice(offset, CHUNK_BYTES_MAX);
            assert_eq!(slice.len(), CHUNK_BYTES_MAX);
            for (index, byte) in slice.iter().enumerate() {
                assert_eq!(u64::from(*byte), (offset + index as u64) % 251);
            }
        }
    }

    #[test]
    fn a_document_is_json_of_about_the_size_asked_for() {
        for size in [0, 100, 1_000, 100_000] {
            let text = items(size);
            serde_json::from_slice::<serde_json::Value>(&text).unwrap();
            assert!(text.len() as u64 >= size);
            assert!(text.len() as u64 <= size + 100, "{} for {size}", text.len());
        }
    }

    #[test]
    fn the_small_answer_is_json() {
        serde_json::from_slice::<serde_json::Value>(SMALL).unwrap();
    }
}
