//! `POST /api/rpc/SERVICE/METHOD`: a unary call of gRPC that is answered with its own message, whatever it is called.
//!
//! Nothing of the message is looked at. Over HTTP/1.1 the trailers go only to a client that said `TE: trailers`.

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Request};

use crate::reply::{self, Body, CutOff, Problem, Reply};

/// A message, with the five bytes before it.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Answers with the message.
///
/// # Errors
/// 400 when the message breaks off, or is above 4 MiB.
pub async fn echo(request: Request<Incoming>) -> Result<Reply, Problem> {
    let body = Limited::new(request.into_body(), MESSAGE_BYTES_MAX).collect().await;
    let message: Bytes = body.map_err(|error| Problem::bad(format!("no message: {error}")))?.to_bytes();
    let mut status = HeaderMap::new();
    status.insert("grpc-status", HeaderValue::from_static("0"));
    let frames: [Result<_, CutOff>; 2] = [Ok(Frame::data(message)), Ok(Frame::trailers(status))];
    Ok(reply::ok("application/grpc", Body::flowing(StreamBody::new(stream::iter(frames)))))
}
