//! HTTP/2 (RFC 9113) over the `h2` crate: `connection` takes streams in, `body` and `respond` make an `Exchange` of each, `coalesce` spares records.

mod body;
mod coalesce;
mod connection;
mod head;
mod respond;

pub(crate) use connection::serve;
