//! The handshake: a connected stream goes in, an encrypted one comes out.
//!
//! Deadlines are the caller's: drop the future when time is up. What is negotiated is set in `config`.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::StartHandshake;

use super::certificate::Certificate;
use super::cipher_suites::AesGcm;
use super::config::{self, Settings, TlsError};
use super::handshake_error::{HandshakeError, HandshakeFailure};
use super::hello;
use super::resolver::Resolver;
use super::stream::{TlsStream, WRITE_BYTES_MIN};

/// Accepts TLS connections. One for all cores: clones share the certificate and the keys of the session tickets.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    resolver: Arc<Resolver>,
    names: Arc<[Box<str>]>,
}

impl Acceptor {
    /// An acceptor for `settings` with new keys for session tickets.
    ///
    /// # Errors
    ///
    /// Only when the system has no randomness to give.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        tracing::debug!(aes_gcm = %AesGcm::fastest(), "whose AES-GCM encrypts TLS 1.3 on this processor");
        Self::build(settings, config::ticketer()?)
    }

    /// An acceptor for other settings that still resumes the sessions of this one: for a reload. That a session is not
    /// resumed under another name than its own is seen to by rustls (RFC 6066 §3).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn reloaded(&self, settings: Settings) -> Result<Self, TlsError> {
        Self::build(settings, Arc::clone(&self.config.ticketer))
    }

    fn build(settings: Settings, ticketer: Arc<dyn rustls::server::ProducesTickets>) -> Result<Self, TlsError> {
        let resolver = Arc::new(Resolver::new(&settings.certificate));
        let config = config::server_config(settings.http, Arc::clone(&resolver), ticketer)?;
        let names = settings.names.into_iter().map(String::into_boxed_str).collect();
        Ok(Self { config: Arc::new(config), resolver, names })
    }

    /// Serves another certificate from the next handshake on, in all clones: for a renewal. Open connections keep theirs.
    pub fn replace_certificate(&self, certificate: &Certificate) {
        self.resolver.replace(certificate);
    }

    /// Runs the handshake on `stream`.
    ///
    /// The state of a handshake is large, so it is on the heap and gone when this returns: the future itself is small enough to stand in a
    /// task that lives as long as the connection.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`]. The stream comes back, the client has been told.
    pub async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>, HandshakeFailure<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Box::pin(self.handshake(stream)).await
    }

    async fn handshake<S>(&self, mut stream: S) -> Result<TlsStream<S>, HandshakeFailure<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = match hello::read(&mut stream).await {
            Ok(accepted) => accepted,
            Err(error) => return Err(HandshakeFailure { error, stream }),
        };
        // rustls has lowered the name. A client without a name (an IP address in the URL, an old one) gets the certificate.
        let unknown = accepted.client_hello().server_name().filter(|name| !self.admits(name)).map(str::to_owned);
        if let Some(name) = unknown {
            hello::refuse_name(&mut stream).await;
            return Err(HandshakeFailure { error: HandshakeError::UnknownName(name), stream });
        }
        StartHandshake::from_parts(accepted, stream)
            .into_stream_with(Arc::clone(&self.config), |connection| connection.set_buffer_limit(Some(WRITE_BYTES_MIN)))
            .into_fallible()
            .await
            .map(TlsStream::new)
            .map_err(|(error, stream)| HandshakeFailure { error: HandshakeError::from_io(error), stream })
    }

    fn admits(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|own| **own == *name)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::version::{TLS12, TLS13};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::fixture::{Fixture, handshake};
    use super::super::stream::{Alpn, ProtocolVersion};
    use super::*;

    /// What a client that writes `bytes`, then closes, makes of the handshake, and what it is answered.
    async fn opening(bytes: &[u8]) -> (HandshakeError, Vec<u8>) {
        let acceptor = Fixture::new().acceptor(&[]);
        let (mut near, far) = duplex(64 * 1024);
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let failure = acceptor.accept(far).await.unwrap_err();
        drop(failure.stream);
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        (failure.error, answer)
    }

    fn alert_of(result: std::io::Result<impl Sized>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[tokio::test]
    async fn tls_1_3_and_1_2_are_both_spoken_and_the_client_may_trust_the_name() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&["localhost", "app.localhost"]);
        for (version, expected) in [(&TLS13, ProtocolVersion::Tls13), (&TLS12, ProtocolVersion::Tls12)] {
            for name in ["localhost", "127.0.0.1", "::1"] {
                let client = Arc::new(fixture.client(&[version], &["h2", "http/1.1"]));
                let (client, server) = handshake(&acceptor, &client, name).await;
                let (mut client, mut server) = (client.unwrap(), server.unwrap());
                assert_eq!(server.protocol_version(), expected);
                assert_eq!(server.server_name(), (name == "localhost").then_some(name));
                client.write_all(b"hello").await.unwrap();
                client.flush().await.unwrap();
                let mut hello = [0; 5];
                server.read_exact(&mut hello).await.unwrap();
                assert_eq!(&hello, b"hello");
            }
        }
    }

    #[tokio::test]
    async fn the_key_exchange_is_post_quantum_when_the_client_can() {
        let fixture = Fixture::new();
        let client = Arc::new(fixture.client(&[&TLS13], &[]));
        let (client, _server) = handshake(&fixture.acceptor(&[]), &client, "localhost").await;
        let group = client.unwrap().get_ref().1.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    }

    #[tokio::test]
    async fn alpn_prefers_h2_and_takes_what_the_client_has() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&[]);
        let cases: [(&[&str], _); 4] =
            [(&["http/1.1", "h2"], Some(Alpn::H2)), (&["http/1.1"], Some(Alpn::H1)), (&["x", "h2"], Some(Alpn::H2)), (&[], None)];
        for (offer, expected) in cases {
            let (_client, server) = handshake(&acceptor, &Arc::new(fixture.client(&[&TLS13], offer)), "localhost").await;
            assert_eq!(server.unwrap().alpn(), expected, "{offer:?}");
        }
    }

    #[tokio::test]
    async fn an_offer_of_unknown_protocols_only_gets_the_alpn_alert() {
        let fixture = Fixture::new();
        let client = Arc::new(fixture.client(&[&TLS13], &["spdy/3"]));
        let (client, server) = handshake(&fixture.acceptor(&[]), &client, "localhost").await;
        assert!(matches!(server.unwrap_err().error, HandshakeError::NoCommonProtocol));
        assert!(alert_of(client).contains("NoApplicationProtocol"));
    }

    #[tokio::test]
    async fn an_unknown_name_gets_its_alert_and_no_name_gets_the_certificate() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&["localhost"]);
        for version in [&TLS13, &TLS12] {
            let (client, server) = handshake(&acceptor, &Arc::new(fixture.client(&[version], &[])), "other.localhost").await;
            let error = server.unwrap_err().error;
            assert!(matches!(&error, HandshakeError::UnknownName(name) if name == "other.localhost"), "{error}");
            assert!(alert_of(client).contains("UnrecognisedName"));

            let mut nameless = fixture.client(&[version], &[]);
            nameless.enable_sni = false;
            let (client, server) = handshake(&acceptor, &Arc::new(nameless), "localhost").await;
            assert!(client.is_ok());
            assert_eq!(server.unwrap().server_name(), None);
        }
    }

    #[tokio::test]
    async fn names_are_admitted_in_any_case() {
        let fixture = Fixture::new();
        let client = Arc::new(fixture.client(&[&TLS13], &[]));
        let (_client, server) = handshake(&fixture.acceptor(&["localhost"]), &client, "LocalHost").await;
        assert_eq!(server.unwrap().server_name(), Some("localhost"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_trust_the_certificate_is_heard() {
        let (fixture, stranger) = (Fixture::new(), Fixture::new());
        let client = Arc::new(stranger.client(&[&TLS13], &[]));
        let (_client, server) = handshake(&fixture.acceptor(&[]), &client, "localhost").await;
        let error = server.unwrap_err().error;
        assert!(matches!(&error, HandshakeError::Alert(alert) if alert == "UnknownCA" || alert == "DecryptError"), "{error}");
        assert_eq!(error.cause(), "tls: client alert");
    }

    #[tokio::test]
    async fn more_than_256_clients_resume_their_sessions() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&[]);
        for version in [&TLS13, &TLS12] {
            let clients: Vec<_> = (0..300).map(|_| Arc::new(fixture.client(&[version], &[]))).collect();
            for resumed in [false, true] {
                for (number, client) in clients.iter().enumerate() {
                    let (client, server) = handshake(&acceptor, client, "localhost").await;
                    let (mut client, mut server) = (client.unwrap(), server.unwrap());
                    assert_eq!(server.is_resumed(), resumed, "client {number} with {version:?}");
                    // The tickets of TLS 1.3 come with the first bytes.
                    server.write_all(b"x").await.unwrap();
                    server.flush().await.unwrap();
                    client.read_u8().await.unwrap();
                }
            }
        }
    }

    #[tokio::test]
    async fn a_tls_1_3_client_gets_tickets_for_two_connections() {
        let fixture = Fixture::new();
        let acceptor = fixture.acceptor(&[]);
        let client = Arc::new(fixture.client(&[&TLS13], &[]));
        let (first, server) = handshake(&acceptor, &client, "localhost").await;
        let (mut first, mut server) = (first.unwrap(), server.unwrap());
        server.write_all(b"x").await.unwrap();
        server.flush().await.unwrap();
        first.read_u8().await.unwrap();
        let mut resumed = Vec::new();
        for _ in 0..3 {
            // Nothing is read from these, so that they bring no tickets of their own.
            let (_client, server) = handshake(&acceptor, &client, "localhost").await;
            resumed.push(server.unwrap().is_resumed());
        }
        assert_eq!(resumed, [true, true, false]);
    }

    #[tokio::test]
    async fn sessions_outlive_a_reload() {
        let fixture = Fixture::new();
        let before = fixture.acceptor(&[]);
        let client = Arc::new(fixture.client(&[&TLS12], &[]));
        handshake(&before, &client, "localhost").await.1.unwrap();
        let after = before.reloaded(fixture.settings(&["localhost"])).unwrap();
        assert!(handshake(&after, &client, "localhost").await.1.unwrap().is_resumed());
        let (_client, stranger) = handshake(&after, &client, "app.localhost").await;
        assert!(matches!(stranger.unwrap_err().error, HandshakeError::UnknownName(_)));
    }

    #[tokio::test]
    async fn a_replaced_certificate_is_served_from_the_next_handshake_on() {
        let (old, new) = (Fixture::new(), Fixture::new());
        let acceptor = old.acceptor(&[]);
        let clone = acceptor.clone();
        let client = Arc::new(new.client(&[&TLS13], &[]));
        assert!(handshake(&clone, &client, "localhost").await.0.is_err());
        acceptor.replace_certificate(&new.certificate());
        assert!(handshake(&clone, &client, "localhost").await.0.is_ok());
    }

    #[tokio::test]
    async fn plain_http_is_recognised_and_not_answered_with_an_alert() {
        for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G"] {
            let (error, answer) = opening(request.as_bytes()).await;
            assert!(matches!(error, HandshakeError::PlainHttp), "{request}: {error}");
            assert_eq!(answer, b"", "the answer is the caller's");
        }
    }

    #[tokio::test]
    async fn garbage_gets_an_alert() {
        // A record of type alert and length 2, fatal (RFC 8446 §6).
        for garbage in [&b"\0\0\0\0\0\0\0\0"[..], b"{\"json\": true}", b"\x80\x2e\x01\x00\x02\x00", b"\x16\x03\x01\x00\x04\x02\0\0\0"] {
            let (error, answer) = opening(garbage).await;
            assert!(matches!(error, HandshakeError::Protocol(_)), "{garbage:?}: {error}");
            assert_eq!((answer.first(), answer.get(3..6)), (Some(&21), Some(&[0, 2, 2][..])), "{garbage:?}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_closes_early_is_told_apart() {
        assert!(matches!(opening(b"").await.0, HandshakeError::Silent));
        assert!(matches!(opening(b"\x16\x03\x01\x02").await.0, HandshakeError::Closed));
    }
}
