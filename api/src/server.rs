//! The server: listeners in, connections out, and an orderly end.
//!
//! A stop goes in this order: the socket's name is removed, connections that are already queued
//! are still accepted, requests that are already under way are answered, idle connections are
//! closed, and what is left after the drain timeout is dropped.
//!
//! It must not know an endpoint; see [`crate::router`].

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::time::Instant;

use crate::backend::{Backend, Crash, OnCrash};
use crate::drain::Drain;
use crate::journal::Journal;
use crate::listen::Listener;
use crate::socket::Socket;
use crate::{raw, room, router};

/// How long a stop waits for the work under way.
pub const DRAIN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// After the stop has begun, bytes that a client sent before it knew are still read for this long.
const LAST_CALL: Duration = Duration::from_millis(50);

/// How long to wait after a failed accept: long enough for a descriptor to become free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves HTTP on `listener` until `shutdown` resolves and the work under way is done.
///
/// Requests to crash are answered with 501, since the process belongs to somebody else.
pub async fn serve(listener: Listener, shutdown: impl Future<Output = ()>) {
    Server::new().http(listener).run(shutdown).await;
}

/// A server that is being put together.
pub struct Server {
    http: Vec<Listener>,
    raw: Vec<Listener>,
    drain_timeout: Duration,
    on_crash: OnCrash,
    journal: Option<Journal>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A server without listeners, which refuses to crash.
    #[must_use]
    pub fn new() -> Self {
        Self { http: Vec::new(), raw: Vec::new(), drain_timeout: DRAIN_TIMEOUT_DEFAULT, on_crash: Box::new(|_| {}), journal: None }
    }

    /// Adds a listener for HTTP/1.1 and HTTP/2 with prior knowledge.
    #[must_use]
    pub fn http(mut self, listener: Listener) -> Self {
        self.http.push(listener);
        self
    }

    /// Adds a listener for canned misbehaviour.
    #[must_use]
    pub fn raw(mut self, listener: Listener) -> Self {
        self.raw.push(listener);
        self
    }

    /// How long a stop waits for the work under way; five seconds unless set.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// What `/api/exit` and `/api/abort` do.
    #[must_use]
    pub fn on_crash(mut self, on_crash: impl Fn(Crash) + Send + Sync + 'static) -> Self {
        self.on_crash = Box::new(on_crash);
        self
    }

    /// Where `/api/journal` writes; without, there is none.
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Serves until `shutdown` resolves and everything has ended.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let backend = Arc::new(Backend::new(self.drain_timeout, self.on_crash, self.journal));
        let drain = backend.drain().clone();
        drain.spawn(room::tick(Arc::clone(&backend)));
        for listener in self.http {
            let backend = Arc::clone(&backend);
            drain.spawn(accept(listener, drain.clone(), move |socket| exchange(socket, Arc::clone(&backend))));
        }
        for listener in self.raw {
            let closing = drain.clone();
            drain.spawn(accept(listener, drain.clone(), move |socket| raw::converse(socket, closing.clone())));
        }
        shutdown.await;
        drain.finish().await;
    }
}

/// Accepts until the stop begins, and then whatever is queued already.
async fn accept<F>(listener: Listener, drain: Drain, connection: impl Fn(Socket) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.closing() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(socket) => drain.spawn(connection(socket)),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    listener.retire();
    let last_call = Instant::now() + LAST_CALL;
    while let Ok(Ok(socket)) = tokio::time::timeout_at(last_call, listener.accept()).await {
        drain.spawn(connection(socket));
    }
}

/// Serves one connection to its end.
async fn exchange(socket: Socket, backend: Arc<Backend>) {
    let drain = backend.drain().clone();
    let service = service_fn(move |request| {
        let backend = Arc::clone(&backend);
        async move { Ok::<_, Infallible>(router::answer(request, &backend).await) }
    });
    let server = auto::Builder::new(drain.clone());
    let connection = server.serve_connection_with_upgrades(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let last_call = async {
        drain.closing().await;
        tokio::time::sleep(LAST_CALL).await;
    };
    // A connection that broke is the client's to notice; nothing is left to answer.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = last_call => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
