//! A file on disk that was written over since it was loaded: it is sent as it is now, until the next build has it.
//!
//! What was loaded of it is gone, and what is there now may be half of something. So it is sent only once it has been at rest for a while, whole, and
//! with nothing by which it could be kept or put together with another version: no tag, no date, no ranges. Until then the answer is a 503. A client
//! that wants the version that it knows (`If-Match`) is not given another one, and a coded form that was changed may not be the form of its file.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::disk::{Disk, OPEN_PATIENCE};
use super::exchange::{ContentLength, ResponseHead, push_line};
use crate::assets::{Body, Stored};
use crate::http::request::{Known, RequestHead};

/// How long a file must not have changed: no program that writes it pauses for longer, as a rule.
const REST_MIN: Duration = Duration::from_secs(2);

/// The fields of a file that say which version of it this is, or that promise to have it again.
const OF_THE_VERSION: [&[u8]; 4] = [b"etag", b"last-modified", b"accept-ranges", b"cache-control"];

/// The file of a body, if it may be sent as it is now to who asked for what `head` says.
pub(crate) fn of(head: &ResponseHead<'_>, body: &Body, request: &RequestHead) -> Option<Arc<Stored>> {
    let Body::Stored { file, .. } = body else { return None };
    let is_plain = head.block.is_some_and(|block| block.get("content-encoding").is_none());
    let wants_its_version = [Known::IfMatch, Known::IfUnmodifiedSince].into_iter().any(|known| request.value(known).is_some());
    (file.is_on_disk() && is_plain && !wants_its_version).then(|| Arc::clone(file))
}

/// The answer with the file as it is now; `head` is that of the version before.
///
/// # Errors
/// It is gone, or was changed just now.
pub(crate) async fn answer(head: &ResponseHead<'_>, file: Arc<Stored>, disk: &Disk) -> io::Result<(ResponseHead<'static>, Body)> {
    let now = SystemTime::now();
    let file = Box::pin(disk.wait(OPEN_PATIENCE, move || file.as_it_is(now.checked_sub(REST_MIN).unwrap_or(now)))).await?;
    let length = file.length();
    let mut fresh = ResponseHead::new(StatusCode::OK, None, ContentLength::Known(length));
    for (name, value) in head.block.iter().flat_map(|block| block.iter()).filter(|(name, _)| !OF_THE_VERSION.contains(name)) {
        push_line(&mut fresh.lines, name, value);
    }
    fresh.push("cache-control", b"no-store");
    // It may be empty now: of nothing, nothing is sent.
    let body = if length == 0 { Body::Empty } else { Body::Stored { file, offset: 0, length } };
    Ok((fresh, body))
}
