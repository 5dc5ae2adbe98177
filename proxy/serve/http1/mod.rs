//! HTTP/1.0 and HTTP/1.1 (RFC 9112): the way from bytes to an `Exchange` and back. `connection` is the loop; the rest are its parts, of which
//! `inbound`, `outbound`, `framing`, `chunked`, `chunk_frame` and `body` serve upstream connections as well.

pub(crate) mod body;
pub(crate) mod buffers;
pub(crate) mod chunk_frame;
mod chunked;
pub(crate) mod connection;
pub(crate) mod framing;
mod head;
pub(crate) mod inbound;
pub(crate) mod outbound;
mod request_body;
mod respond;
