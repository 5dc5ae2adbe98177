//! What a request goes out on, by the protocol of its server.

use super::http2::Told;
use super::relay::{Failure, Relay, Relayed};
use crate::serve::exchange::{Exchange, RequestBody, Responder};
use crate::upstream::{Connection, Slot};

/// What a request goes out on.
pub(super) enum Link {
    /// A connection of its own.
    Http1(Connection),
    /// Room on one that others share.
    Http2(Slot),
}

impl Link {
    /// A connection that is for one request alone.
    pub(super) fn own(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Http1(connection) => Some(connection),
            Self::Http2(_) => None,
        }
    }

    /// `true` when its connection has carried a request before.
    pub(super) fn is_reused(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_reused(),
            Self::Http2(slot) => slot.is_reused(),
        }
    }

    /// Relays one exchange; what is told of the body is kept where it could be told again.
    pub(super) async fn carry<B: RequestBody, R: Responder>(
        self,
        relay: &Relay<'_>,
        exchange: &mut Exchange<'_, B, R>,
        told: &mut Told,
    ) -> Result<Relayed, Failure> {
        match self {
            Self::Http1(connection) => relay.run(exchange, connection).await,
            Self::Http2(mut slot) => Box::pin(relay.run_http2(exchange, (&mut slot, told))).await,
        }
    }
}
