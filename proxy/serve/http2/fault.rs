//! Why a connection cannot go on.

use crate::http::frame::Code;
use crate::http::hpack::HpackError;

/// An error of the connection (RFC 9113 §5.4.1): it is told with GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    /// For the log.
    pub(super) cause: &'static str,
}

impl Fault {
    pub(super) const fn new(code: Code, cause: &'static str) -> Self {
        Self { code, cause }
    }

    pub(super) const fn protocol(cause: &'static str) -> Self {
        Self::new(Code::Protocol, cause)
    }

    pub(super) const fn size(cause: &'static str) -> Self {
        Self::new(Code::FrameSize, cause)
    }
}

impl From<HpackError> for Fault {
    fn from(error: HpackError) -> Self {
        Self::new(Code::Compression, error.cause())
    }
}
