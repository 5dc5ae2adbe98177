//! Forwarding a request once its body is there: a slow client costs memory or disk here, and no worker of the application (`buffer_request`).

use std::sync::Arc;
use std::time::Duration;

use super::spool::Spooled;
use super::waiting::Waiting;
use super::{Failed, forward, refuse_body, unless_gone};
use crate::config::BufferRequest;
use crate::serve::exchange::{BodyLength, Exchange, RequestBody, Responder};
use crate::serve::handler::{Handled, refuse};
use crate::serve::http1::body::{BodyError, Piece};
use crate::serve::live::Live;
use crate::serve::worker::Worker;

/// Waits for the body as the route says, then forwards the request.
pub(crate) async fn forward_buffered<B: RequestBody, R: Responder>(
    exchange: &mut Exchange<'_, B, R>,
    (index, waiting): (usize, &Waiting),
    live: &Live,
    worker: &Worker,
) -> Handled {
    let mut kept = Kept { spooled: Spooled::new(Arc::clone(&waiting.spool)), is_whole: false, trailers: Vec::new() };
    let filling = async { kept.fill(&mut exchange.body, waiting.until).await.map_err(|error| refuse_body(&error, live)) };
    let gone = || Failed::ClientGone("the client left while its body was waited for".to_owned());
    match unless_gone(&mut exchange.responder, filling, gone).await {
        Ok(()) => {}
        Err(Failed::Refused(refusal)) => return refuse(exchange, live.route(index), refusal, live, worker).await,
        Err(Failed::ClientGone(cause)) => {
            exchange.responder.abort();
            return Handled { cause: Some(cause.into()), ..Handled::default() };
        }
    }
    let Exchange { head, client, id, body, responder } = exchange;
    let body = BufferedBody { inner: body, kept, at: 0, is_past: false };
    let mut exchange = Exchange { head, client, id, body, responder };
    forward(&mut exchange, index, live, worker).await
}

/// What has come of a body.
struct Kept {
    spooled: Spooled,
    /// All of it has.
    is_whole: bool,
    trailers: Vec<u8>,
}

impl Kept {
    /// Takes in all that is to be waited for, or as much as there is room for.
    async fn fill<B: RequestBody>(&mut self, body: &mut B, until: BufferRequest) -> Result<(), BodyError> {
        let bytes_max = match until {
            BufferRequest::Whole => u64::MAX,
            BufferRequest::UpTo(size) => size.0,
        };
        while !self.is_whole && self.spooled.len() < bytes_max {
            let piece = body.next().await?;
            let pushed = self.spooled.push(piece.data).await;
            self.is_whole = piece.is_last;
            self.trailers.extend_from_slice(piece.trailers);
            if pushed.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// A body whose beginning, or all of it, is at hand, as often as it is asked for.
struct BufferedBody<'a, B> {
    inner: &'a mut B,
    kept: Kept,
    /// What was handed out of it.
    at: u64,
    /// More than that was handed out.
    is_past: bool,
}

impl<B: RequestBody> RequestBody for BufferedBody<'_, B> {
    fn length(&self) -> BodyLength {
        // Of what is all there the length is known, though the client did not say it. Trailers need chunks to stand behind.
        if self.kept.is_whole && self.kept.trailers.is_empty() { BodyLength::Known(self.kept.spooled.len()) } else { self.inner.length() }
    }

    fn is_started(&self) -> bool {
        self.is_past
    }

    fn is_done(&self) -> bool {
        if self.kept.is_whole { self.at == self.kept.spooled.len() } else { self.inner.is_done() }
    }

    fn has_buffered(&self) -> bool {
        true
    }

    fn set_idle(&mut self, idle: Duration) {
        self.inner.set_idle(idle);
    }

    fn keeps_next(&self) -> bool {
        self.kept.is_whole || self.at < self.kept.spooled.len()
    }

    fn rewind(&mut self) {
        if !self.is_past {
            self.at = 0;
        }
    }

    async fn client_gone(&mut self) {
        self.inner.client_gone().await;
    }

    async fn client_left(&mut self) {
        self.inner.client_left().await;
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        let Kept { spooled, is_whole, trailers } = &mut self.kept;
        let length = spooled.len();
        if self.at < length {
            let data = spooled.read(self.at).await.map_err(BodyError::Lost)?;
            self.at += data.len() as u64;
            let is_last = *is_whole && self.at == length;
            return Ok(Piece { data, is_last, trailers: if is_last { trailers } else { &[] } });
        }
        if *is_whole {
            return Ok(Piece { data: &[], is_last: true, trailers });
        }
        let piece = self.inner.next().await?;
        // Not before it is there: who is refused while it is waited for can be told the beginning again.
        self.is_past = true;
        Ok(piece)
    }
}
