//! Sending a response on that is compressed on its way. Nothing is held back: what the upstream has sent is with the client before more is waited for;
//! what comes at once goes out at once, as a whole with its length where that is all.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::content::Content;
use super::relay::{Failure, client_gone, content_failure};
use super::unless_gone;
use crate::serve::compress::{EncodeError, Flow};
use crate::serve::exchange::{Responder, ResponseHead};
use crate::serve::http1::body::Piece;

/// Sends the response, head and content.
pub(super) async fn relay_compressed<C: Content, R: Responder>(
    reader: &mut C,
    responder: &mut R,
    response: &mut ResponseHead<'_>,
    mut flow: Flow<'_>,
) -> Result<(), Failure> {
    loop {
        let mut next = pin!(reader.next());
        let at_once = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        let piece = match at_once {
            Poll::Ready(piece) => piece.map_err(content_failure)?,
            Poll::Pending => {
                send(responder, response, &mut flow).await?;
                let arriving = async { next.as_mut().await.map_err(content_failure) };
                unless_gone(responder, arriving, client_gone).await?
            }
        };
        if piece.is_last {
            flow.end(piece.data).map_err(encode_failure)?;
            return send_end(responder, response, &flow, piece.trailers).await;
        }
        flow.push(piece.data).map_err(encode_failure)?;
        if flow.is_full() {
            send(responder, response, &mut flow).await?;
            // Compressing is work: other connections have a turn too.
            tokio::task::yield_now().await;
        }
    }
}

/// Sends all that has come so far.
async fn send<R: Responder>(responder: &mut R, response: &mut ResponseHead<'_>, flow: &mut Flow<'_>) -> Result<(), Failure> {
    flow.flush().map_err(encode_failure)?;
    let has_begun = responder.has_begun();
    if !has_begun {
        flow.dress(response, false);
    }
    let piece = Piece { data: flow.out(), is_last: false, trailers: &[] };
    if !has_begun {
        responder.begin(response, piece).await.map_err(Failure::Client)?;
    } else if !piece.data.is_empty() {
        responder.write(piece).await.map_err(Failure::Client)?;
    }
    flow.clear();
    Ok(())
}

/// Sends the rest, or the whole.
async fn send_end<R: Responder>(
    responder: &mut R,
    response: &mut ResponseHead<'_>,
    flow: &Flow<'_>,
    trailers: &[u8],
) -> Result<(), Failure> {
    let piece = Piece { data: flow.out(), is_last: true, trailers };
    if responder.has_begun() {
        return responder.write(piece).await.map_err(Failure::Client);
    }
    // Behind a length there is no place for trailers (RFC 9112 §7.1.2).
    flow.dress(response, trailers.is_empty());
    responder.begin(response, piece).await.map_err(Failure::Client)
}

fn encode_failure(EncodeError(cause): EncodeError) -> Failure {
    Failure::BadResponse(format!("it could not be compressed: {cause}"))
}
