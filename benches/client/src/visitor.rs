//! A visitor of the mix: one connection of HTTP/2, the page, what it loads at once, some calls of the API one after the other, and gone.
//!
//! It must not decide how many visitors there are; see [`crate::mix`].

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method, Request, Uri};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::failure::Failure;
use crate::pages::Pages;
use crate::peer::Tls;
use crate::run::{DEADLINE, Run};

/// Calls of the API in one visit.
const CALLS: usize = 20;
/// What browsers let a server send before they say more: then the windows are not what is measured.
const STREAM_WINDOW_BYTES: u32 = 6 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 15 << 20;

/// What every visitor does.
pub struct Visit {
    /// The TLS listener.
    pub to: SocketAddr,
    /// Offers HTTP/2 only.
    pub tls: Tls,
    /// The page load.
    pub pages: Pages,
    /// What is called after it.
    pub call: Uri,
}

impl Visit {
    /// One visit. It ends early with the run, or when the page or a call fails: a person would not go on either.
    pub async fn make(&self, run: &Rc<Run>) {
        let Some((sender, connection)) = run.prepare(self.open()).await else { return };
        let driver = spawn_local(connection);
        if !self.ask(run, &sender).await {
            run.rest().await;
        }
        // Nobody can ask any more: the connection says so and closes. How it does is the server's affair.
        drop(sender);
        let aborter = driver.abort_handle();
        if timeout(DEADLINE, driver).await.is_err() {
            aborter.abort();
        }
    }

    async fn open(&self) -> Result<(SendRequest<Bytes>, Connection<TlsStream<TcpStream>>), Failure> {
        let stream = self.tls.connect(self.to).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Failure::NoHttp2);
        }
        let mut builder = Builder::new();
        builder.initial_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES).enable_push(false);
        Ok(builder.handshake(stream).await?)
    }

    /// Everything that is asked in a visit. Whether it went well.
    async fn ask(&self, run: &Rc<Run>, sender: &SendRequest<Bytes>) -> bool {
        if !run.goes_on() {
            return true;
        }
        if !run.count(fetch(sender.clone(), self.pages.page.clone())).await {
            return false;
        }
        let mut assets = JoinSet::new();
        for asset in &self.pages.assets {
            let (run, fetched) = (run.clone(), fetch(sender.clone(), asset.clone()));
            assets.spawn_local(async move {
                if run.goes_on() {
                    run.count(fetched).await;
                }
            });
        }
        assets.join_all().await;
        for _ in 0..CALLS {
            if run.goes_on() && !run.count(fetch(sender.clone(), self.call.clone())).await {
                return false;
            }
        }
        true
    }
}

/// One request and its whole reply. Gives the bytes of the body as they came.
async fn fetch(sender: SendRequest<Bytes>, uri: Uri) -> Result<u64, Failure> {
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip,br"));
    let (reply, _) = sender.ready().await?.send_request(request, true)?;
    let reply = reply.await?;
    if reply.status() != 200 {
        return Err(Failure::Status(reply.status().as_u16()));
    }
    let mut body = reply.into_body();
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        bytes += data.len() as u64;
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(bytes)
}
