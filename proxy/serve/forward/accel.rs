//! Answers that name a file: it is sent in the place of the upstream's content, with the fields of the upstream's answer (its type, its
//! disposition, its cookies, what it says to caches and to other origins). What those fields said of the content that is not sent is left out.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::Failed;
use super::response::{NamedFile, UpstreamHead};
use crate::assets::{Vault, VaultFile};
use crate::serve::exchange::{ContentLength, Exchange, RequestBody, Responder, ResponseHead, push_line, split_lines};
use crate::serve::finish::finish;
use crate::serve::handler::{context, ends_connection, write_cause};
use crate::serve::live::{Live, LiveRoute};
use crate::serve::refusal::Refusal;
use crate::serve::worker::Worker;

/// Fields of the upstream's answer that are about its own content.
const OF_CONTENT: [&[u8]; 9] = [
    b"accept-ranges",
    b"content-digest",
    b"content-encoding",
    b"content-md5",
    b"content-range",
    b"digest",
    b"etag",
    b"last-modified",
    b"repr-digest",
];

/// Sends the file that the answer names.
pub(super) async fn answer<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    route: &LiveRoute,
    (named, vault): (Box<UpstreamHead>, &Arc<Vault>),
    live: &Live,
    worker: &Worker,
) -> Result<(), Failed> {
    let path = match &named.file {
        Some(NamedFile::Url(value)) => vault.by_url(value),
        Some(NamedFile::Path(value)) => vault.by_path(value),
        None => None,
    };
    let refused = |status, cause: String| Failed::Refused(Refusal::new(status, cause));
    let path = path.ok_or_else(|| refused(StatusCode::BAD_GATEWAY, "the upstream names a file outside `accel`".to_owned()))?;
    let vault = Arc::clone(vault);
    // The folder may be on a slow disk.
    let opened = tokio::task::spawn_blocking(move || vault.file(&path, SystemTime::now())).await;
    let file = opened.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            refused(StatusCode::NOT_FOUND, "the file that the upstream names is not there".to_owned())
        }
        _ => refused(StatusCode::BAD_GATEWAY, format!("the file that the upstream names cannot be sent: {error}")),
    })?;
    let (mut head, body) = dressed(&named, &file, exchange);
    // The answer came before a long upload had ended: the client is told not to go on behind it.
    head.close = ends_connection(exchange.body.length()) && !exchange.body.is_done();
    finish(&mut head, &route.policy, &context(live, exchange, worker));
    exchange.responder.reply(&head, body).await.map_err(|error| Failed::ClientGone(write_cause(&error)))
}

/// The head of the answer, and its content.
fn dressed<B, R>(named: &UpstreamHead, file: &VaultFile, exchange: &Exchange<'_, B, R>) -> (ResponseHead<'static>, crate::assets::Body) {
    let answer = file.answer(exchange.head);
    let length = answer.length.map_or(ContentLength::None, ContentLength::Known);
    let mut head = ResponseHead::new(answer.status, None, length);
    let mut has_type = false;
    for (name, value) in split_lines(&named.lines) {
        if OF_CONTENT.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        has_type |= name.eq_ignore_ascii_case(b"content-type");
        push_line(&mut head.lines, name, value);
    }
    if !has_type && answer.status.is_success() {
        head.push("content-type", file.media_type.as_bytes());
    }
    for (name, value) in &answer.fields {
        head.push(name, value.as_bytes());
    }
    head.present = named.present;
    (head, answer.body)
}
