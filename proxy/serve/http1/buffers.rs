//! What a connection needs while a request is under way, and gives back while it is idle.

use super::inbound::Inbound;
use crate::http::request::RequestHead;

/// Memory for one request after another.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// What has come in.
    pub(crate) inbound: Inbound,
    /// The head of the request.
    pub(crate) head: RequestHead,
    /// The head of the response.
    pub(crate) out: Vec<u8>,
}
