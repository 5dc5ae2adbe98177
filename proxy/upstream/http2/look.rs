//! One look at a server of HTTP/2 by an active check (`check`): a connection of its own, one request, and the status of what is answered.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client;
use http::{Request, Uri, header};

use crate::units::Scheme;
use crate::upstream::connector::Connection;

/// What is read of a response head.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// What a server is asked.
pub(in crate::upstream) struct Question {
    pub(in crate::upstream) scheme: Scheme,
    pub(in crate::upstream) host: String,
    pub(in crate::upstream) path: String,
}

/// Asks, and gives the status of the final response.
///
/// # Errors
/// The cause, for the log.
pub(in crate::upstream) async fn ask(connection: Connection, question: &Question) -> Result<u16, String> {
    connection.check_http2()?;
    let request = question.request().map_err(|error| error.to_string())?;
    let failed = |error: h2::Error| format!("no response of HTTP/2: {error}");
    let mut builder = client::Builder::new();
    builder.enable_push(false).max_header_list_size(HEADER_BYTES_MAX);
    let (mut send, connection) = builder.handshake::<_, Bytes>(connection).await.map_err(failed)?;
    let (response, _stream) = send.send_request(request, true).map_err(failed)?;
    let (mut connection, mut response) = (pin!(connection), pin!(response));
    poll_fn(|cx| {
        // Only the connection moves bytes; its own end shows in the response.
        let ended = connection.as_mut().poll(cx);
        match response.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(result.map(|response| response.status().as_u16()).map_err(failed)),
            Poll::Pending if ended.is_ready() => Poll::Ready(Err("closed without a response".to_owned())),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

impl Question {
    fn request(&self) -> Result<Request<()>, http::Error> {
        let uri = Uri::builder().scheme(self.scheme.name()).authority(self.host.as_str()).path_and_query(self.path.as_str()).build()?;
        Request::get(uri).header(header::USER_AGENT, "transom-health").header(header::ACCEPT, "*/*").body(())
    }
}
