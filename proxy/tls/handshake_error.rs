//! Why a handshake did not end in a connection.
//!
//! Strangers make most of these, so the caller logs them at debug, writes [`HandshakeError::cause`] to the access log, and closes.

use std::{error, fmt, io};

/// The whole answer to a client that speaks plain HTTP on a TLS port.
pub const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Length: 50\r\n\
Cache-Control: no-store\r\n\
Connection: close\r\n\
\r\n\
The plain HTTP request was sent to an HTTPS port.\n";

/// A handshake that failed, with the stream it failed on.
///
/// The client has been sent its alert, as far as it took it. For [`HandshakeError::PlainHttp`] nothing was sent: write
/// [`PLAIN_HTTP_ANSWER`]. Shut down the sending side and read for a moment before closing: bytes that were not
/// read would make the system send a reset, which can overtake the alert or the answer.
#[derive(Debug)]
pub struct HandshakeFailure<S> {
    /// What went wrong.
    pub error: HandshakeError,
    /// The stream, still open unless the client closed it.
    pub stream: S,
}

/// What went wrong. That it took too long is for the caller to say, who holds the clock.
#[derive(Debug)]
pub enum HandshakeError {
    /// The client closed without having sent a byte: a port scan, a TCP health check, a browser's spare connection. Not worth a line.
    Silent,
    /// The client closed, or the connection was reset, during the handshake.
    Closed,
    /// The client speaks plain HTTP.
    PlainHttp,
    /// The client asked for this name, which is not served.
    UnknownName(String),
    /// The client offered protocols by ALPN, none of which is served.
    NoCommonProtocol,
    /// The client refused with this alert, mostly because it does not trust the certificate.
    Alert(String),
    /// The client did not speak TLS as we understand it: garbage, an old version, no common cipher.
    Protocol(String),
    /// The stream failed.
    Io(io::Error),
}

impl HandshakeError {
    /// A few fixed words for the access log.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Silent => "tls: closed without a byte",
            Self::Closed => "tls: closed in handshake",
            Self::PlainHttp => "tls: plain http",
            Self::UnknownName(_) => "tls: unknown name",
            Self::NoCommonProtocol => "tls: no common alpn",
            Self::Alert(_) => "tls: client alert",
            Self::Protocol(_) => "tls: protocol error",
            Self::Io(_) => "tls: i/o error",
        }
    }

    pub(super) fn from_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::AlertReceived(alert) => Self::Alert(format!("{alert:?}")),
            rustls::Error::NoApplicationProtocol => Self::NoCommonProtocol,
            other => Self::Protocol(other.to_string()),
        }
    }

    /// tokio-rustls wraps an error of rustls into one of I/O.
    pub(super) fn from_io(error: io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::from_tls(tls);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("the client closed without having sent a byte"),
            Self::Closed => f.write_str("the client closed during the TLS handshake"),
            Self::PlainHttp => f.write_str("the client speaks plain HTTP on a TLS port"),
            Self::UnknownName(name) => write!(f, "the client asked for {name}, which is not in `names`"),
            Self::NoCommonProtocol => f.write_str("the client offered no HTTP version that is served (ALPN)"),
            Self::Alert(alert) => write!(f, "the client refused with the TLS alert {alert}"),
            Self::Protocol(detail) => write!(f, "TLS handshake: {detail}"),
            Self::Io(source) => write!(f, "TLS handshake: {source}"),
        }
    }
}

impl error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(source) => Some(source),
            Self::Silent
            | Self::Closed
            | Self::PlainHttp
            | Self::UnknownName(_)
            | Self::NoCommonProtocol
            | Self::Alert(_)
            | Self::Protocol(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PLAIN_HTTP_ANSWER;

    #[test]
    fn the_plain_http_answer_has_the_length_it_states() {
        let text = std::str::from_utf8(PLAIN_HTTP_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "the body has {} bytes", body.len());
    }
}
