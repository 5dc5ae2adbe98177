//! What goes wrong with one operation, as a kind that can be counted. There are few kinds: no text from a server becomes one.

use std::fmt;
use std::io;

/// Why an operation is an error of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It took longer than an operation may.
    Deadline,
    /// No TCP connection.
    Connect(io::ErrorKind),
    /// No TLS session.
    Tls(io::ErrorKind),
    /// The connection broke while it was written to or read from.
    Broken(io::ErrorKind),
    /// The reply is no HTTP, has no length, or is longer than it says.
    BadReply,
    /// The status is not the one that was to come.
    Status(u16),
    /// The server took no ticket.
    NotResumed,
    /// Something other than a full handshake in one round trip.
    NotFull,
    /// The server did not choose HTTP/2.
    NoHttp2,
    /// An error of HTTP/2.
    Http2,
    /// The server ended a WebSocket.
    SocketClosed,
    /// A frame that is no echo.
    UnexpectedFrame,
    /// An echo with other bytes than the message.
    WrongEcho,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("deadline"),
            Self::Connect(kind) => write!(f, "connect: {kind}"),
            Self::Tls(kind) => write!(f, "tls: {kind}"),
            Self::Broken(kind) => write!(f, "broken: {kind}"),
            Self::BadReply => f.write_str("bad reply"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::NotResumed => f.write_str("not resumed"),
            Self::NotFull => f.write_str("not full"),
            Self::NoHttp2 => f.write_str("no http/2"),
            Self::Http2 => f.write_str("http/2"),
            Self::SocketClosed => f.write_str("websocket closed"),
            Self::UnexpectedFrame => f.write_str("unexpected frame"),
            Self::WrongEcho => f.write_str("wrong echo"),
        }
    }
}

/// An error after the connection stood.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.kind())
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        error.get_io().map_or(Self::Http2, |error| Self::Broken(error.kind()))
    }
}
