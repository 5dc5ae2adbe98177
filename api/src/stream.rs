//! Bodies that take their time: `/api/stream`, `/api/events`, `/api/drip`, `/api/trailers`, and
//! `/api/truncated`, which ends before it said it would.
//!
//! Each piece is flushed as it is made. An endless stream ends by itself when the server stops.
//! No task runs behind a body: a client that leaves ends it.

use std::future::Future;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderValue, TRAILER};
use hyper::{HeaderMap, Request};
use tokio::time::{Interval, MissedTickBehavior};

use crate::backend::unix_ms;
use crate::drain::Drain;
use crate::payload::pattern_slice;
use crate::query::{self, Query};
use crate::reply::{self, Body, CutOff, OCTETS, Problem, Reply};

/// The most pieces of a counted stream.
const COUNT_MAX: u64 = 1_000_000_000;
/// The most bytes that are sent before a body is cut off: they are one frame.
const TRUNCATED_BYTES_MAX: u64 = 64 * 1024;

/// How many pieces, and how far apart.
struct Pace {
    count: Option<u64>,
    interval: Option<Interval>,
    sent: u64,
    drain: Drain,
}

impl Pace {
    fn new(count: Option<u64>, interval: Duration, drain: &Drain) -> Self {
        let interval = (!interval.is_zero()).then(|| {
            let mut interval = tokio::time::interval(interval);
            // A slow reader gets the rest at the same pace, not a burst.
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self { count, interval, sent: 0, drain: drain.clone() }
    }

    /// Waits for the next piece's turn and numbers it from 0; `None` after the last.
    async fn turn(&mut self) -> Option<u64> {
        if self.count.is_some_and(|count| self.sent >= count) {
            return None;
        }
        let interval = &mut self.interval;
        let due = async {
            match interval {
                Some(interval) => drop(interval.tick().await),
                None => tokio::task::yield_now().await,
            }
        };
        let endless = self.count.is_none();
        tokio::select! {
            biased;
            () = self.drain.closing(), if endless => return None,
            () = due => {}
        }
        let number = self.sent;
        self.sent += 1;
        Some(number)
    }

    /// A body of one piece a turn.
    fn body(self, piece: impl Fn(u64) -> Bytes + Send + 'static) -> Body {
        let pieces = stream::unfold((self, piece), |(mut pace, piece)| async move {
            let number = pace.turn().await?;
            Some((Ok(Frame::data(piece(number))), (pace, piece)))
        });
        Body::flowing(StreamBody::new(pieces))
    }
}

/// `GET /api/stream?count=10&interval=100ms`: one line of JSON an interval.
///
/// # Errors
/// 400 for a count or an interval that does not parse.
pub fn lines(query: Query<'_>, drain: &Drain) -> Result<Reply, Problem> {
    let count = query.number("count", 10, COUNT_MAX)?;
    let interval = query.duration("interval", Duration::from_millis(100))?;
    let body = Pace::new(Some(count), interval, drain).body(|number| {
        let now = unix_ms(SystemTime::now());
        Bytes::from(format!("{{\"n\":{},\"t\":{now}}}\n", number + 1))
    });
    Ok(reply::ok("application/x-ndjson", body))
}

/// `GET /api/events?count=..&interval=..`: server-sent events, endless without a count. A client
/// that comes back with `Last-Event-ID` goes on with the next number.
///
/// # Errors
/// 400 for a count or an interval that does not parse.
pub fn events<B>(request: &Request<B>, drain: &Drain) -> Result<Reply, Problem> {
    let query = Query::of(request.uri());
    let count = match query.value("count") {
        None => None,
        Some(_) => Some(query.number("count", 0, COUNT_MAX)?),
    };
    let interval = query.duration("interval", Duration::from_secs(1))?;
    let last = request
        .headers()
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| query::number(text, COUNT_MAX))
        .unwrap_or(0);
    let body = Pace::new(count, interval, drain).body(move |number| {
        let id = last + number + 1;
        let now = unix_ms(SystemTime::now());
        Bytes::from(format!("id: {id}\nevent: tick\ndata: {{\"n\":{id},\"t\":{now}}}\n\n"))
    });
    let mut reply = reply::ok("text/event-stream", body);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

/// `GET /api/drip?bytes=100&interval=50ms`: one byte at a time.
///
/// # Errors
/// 400 for a number or an interval that does not parse.
pub fn drip(query: Query<'_>, drain: &Drain) -> Result<Reply, Problem> {
    let bytes = query.number("bytes", 100, COUNT_MAX)?;
    let interval = query.duration("interval", Duration::from_millis(50))?;
    let body = Pace::new(Some(bytes), interval, drain).body(|number| pattern_slice(number, 1));
    let mut reply = reply::ok(OCTETS, body);
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(reply)
}

/// `GET /api/trailers`: a chunked body and an `X-Checksum` trailer. RFC 9110, 6.5.1: over
/// HTTP/1.1 trailers go only to a client that said `TE: trailers`.
#[must_use]
pub fn trailers() -> Reply {
    const TEXT: &[u8] = b"the checksum of this text comes after it\n";
    let checksum = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(TEXT));
    let mut fields = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(checksum) {
        fields.insert("x-checksum", value);
    }
    let frames: [Result<_, CutOff>; 2] = [Ok(Frame::data(Bytes::from_static(TEXT))), Ok(Frame::trailers(fields))];
    let body = Body::flowing(StreamBody::new(stream::iter(frames)));
    let mut reply = reply::ok("text/plain; charset=utf-8", body);
    reply.headers_mut().insert(TRAILER, HeaderValue::from_static("X-Checksum"));
    reply
}

/// `GET /api/truncated?bytes=N`: promises 2 N bytes, sends N, and closes the connection (HTTP/2:
/// resets the stream).
///
/// # Errors
/// 400 for a number that does not parse or is above 64 KiB.
pub fn truncated(query: Query<'_>) -> Result<Reply, Problem> {
    let bytes = query.number("bytes", 1000, TRUNCATED_BYTES_MAX)?;
    let length = usize::try_from(bytes).unwrap_or(0);
    let frames = stream::unfold(0_u8, move |step| async move {
        match step {
            0 => Some((Ok(Frame::data(pattern_slice(0, length))), 1)),
            1 => {
                flushed().await;
                Some((Err(CutOff), 2))
            }
            _ => None,
        }
    });
    let mut reply = reply::ok(OCTETS, Body::flowing(StreamBody::new(frames)));
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes * 2));
    Ok(reply)
}

/// hyper drops what it has buffered when a body fails, but flushes whenever a body has nothing to
/// give at the moment. So the failure waits until the bytes before it have gone out.
fn flushed() -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_millis(20))
}
