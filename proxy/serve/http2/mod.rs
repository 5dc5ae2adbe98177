//! HTTP/2 (RFC 9113): `connection` moves bytes and knows the time, `dispatch` says what each frame means, `blocks` reads the heads in
//! them, `session` is what the streams of a connection
//! share, `answer` makes an `Exchange` of each.
//!
//! The frames as bytes are in `crate::http::frame`, the compression of heads in `crate::http::hpack`.

mod answer;
mod blocks;
mod body;
mod closing;
mod connection;
mod dispatch;
mod fault;
mod handle;
mod head;
pub(crate) mod intake;
mod outbox;
mod partial;
mod patience;
mod respond;
mod sending;
mod session;
mod stream;
mod tunnel;

pub(crate) use connection::serve;
