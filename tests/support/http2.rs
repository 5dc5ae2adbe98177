//! An HTTP/2 client over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use http::{HeaderMap, Request, StatusCode};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::edge::Edge;
use super::tls::TlsClient;
use super::wait::PATIENCE;

/// A connection.
pub struct Http2 {
    /// Where requests go out.
    pub send: SendRequest<Bytes>,
    /// Ends with the connection.
    pub driver: JoinHandle<Result<(), h2::Error>>,
}

/// What came back on a stream.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub fields: HeaderMap,
    /// The content.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Option<HeaderMap>,
}

impl Http2 {
    /// Connects to an edge with a development certificate.
    pub async fn connect(edge: &Edge) -> Self {
        Self::connect_to(edge.address(), &edge.site.join("certs/ca.pem")).await
    }

    async fn connect_to(address: SocketAddr, authority: &std::path::Path) -> Self {
        let mut client = TlsClient::new(authority);
        client.config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(address).await.expect("the edge accepts");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = tokio_rustls::TlsConnector::from(Arc::new(client.config)).connect(name, tcp).await.expect("a handshake");
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (send, connection) = handshake(tls).await.expect("a preface");
        Self { send, driver: tokio::spawn(connection) }
    }

    /// Sends a request with a whole body and reads its answer.
    ///
    /// # Errors
    /// When the stream or the connection is reset.
    pub async fn request(&mut self, request: Request<()>, body: &[u8], trailers: Option<HeaderMap>) -> Result<Answer, h2::Error> {
        self.request_and(request, body, trailers, || {}).await
    }

    /// The same, and tells when the head has come.
    ///
    /// # Errors
    /// See [`request`](Self::request).
    pub async fn request_and(
        &mut self,
        request: Request<()>,
        body: &[u8],
        trailers: Option<HeaderMap>,
        has_head: impl FnOnce(),
    ) -> Result<Answer, h2::Error> {
        let mut ready = self.send.clone().ready().await?;
        let ends = body.is_empty() && trailers.is_none();
        let (response, mut stream) = ready.send_request(request, ends)?;
        if !ends {
            stream.send_data(Bytes::copy_from_slice(body), trailers.is_none())?;
            if let Some(trailers) = trailers {
                stream.send_trailers(trailers)?;
            }
        }
        let (parts, mut content) = response.await?.into_parts();
        has_head();
        let mut body = Vec::new();
        while let Some(piece) = content.data().await {
            let piece = piece?;
            content.flow_control().release_capacity(piece.len())?;
            body.extend_from_slice(&piece);
        }
        let trailers = content.trailers().await?;
        Ok(Answer { status: parts.status, fields: parts.headers, body, trailers })
    }

    /// GETs a path.
    ///
    /// # Errors
    /// See [`request`](Self::request).
    pub async fn get(&mut self, path: &str) -> Result<Answer, h2::Error> {
        self.request(get(path), &[], None).await
    }
}

/// A GET for a path on `localhost`.
pub fn get(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}")).body(()).expect("a request")
}

/// Runs a test's client; it ends within [`PATIENCE`].
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time") })
}

/// Waits while the tasks of a client go on.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        while !is_so() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}
