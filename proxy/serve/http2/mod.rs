//! HTTP/2 (RFC 9113): `connection` moves bytes and knows the time, `dispatch` says what each frame means, `session` is what the streams of a connection
//! share, `answer` makes an `Exchange` of each.
//!
//! The frames as bytes are in `crate::http::frame`, the compression of heads in `crate::http::hpack`.

mod answer;
mod body;
mod closing;
mod connection;
mod dispatch;
mod fault;
mod head;
pub(crate) mod intake;
mod outbox;
mod patience;
mod respond;
mod session;
mod stream;

pub(crate) use connection::serve;
