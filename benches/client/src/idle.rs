//! `load idle`: connections that were used once and then wait. Who holds them reads the server's memory meanwhile.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use crate::arguments::{Idle, Kind};
use crate::exchange::{get, get_request, upgrade};
use crate::failure::Failure;
use crate::peer::{Tls, connect};
use crate::run::within_deadline;
use crate::tally::Tally;

/// Connections that open at once: few enough for any backlog.
const OPENING_MAX: u64 = 64;

/// A connection that is only kept.
#[expect(dead_code, reason = "what is held is never used again, only closed")]
enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections; dropping them closes them.
pub struct Held {
    open: RefCell<Vec<Connection>>,
    failed: RefCell<Tally>,
}

struct Opening {
    to: SocketAddr,
    kind: Kind,
    path: String,
    tls: Tls,
    left: Cell<u64>,
    held: Held,
}

/// Opens them all.
pub async fn open(load: Idle) -> Held {
    let path = load.path.unwrap_or_else(|| default_path(load.kind).to_owned());
    let held = Held { open: RefCell::default(), failed: RefCell::new(Tally::new()) };
    let opening = Rc::new(Opening { to: load.to, kind: load.kind, path, tls: Tls::new(&[]), left: Cell::new(load.count), held });
    let mut lanes = JoinSet::new();
    for _ in 0..OPENING_MAX.min(load.count) {
        lanes.spawn_local(work(opening.clone()));
    }
    lanes.join_all().await;
    Held { open: RefCell::new(opening.held.open.take()), failed: RefCell::new(opening.held.failed.replace(Tally::new())) }
}

async fn work(opening: Rc<Opening>) {
    while let Some(left) = opening.left.get().checked_sub(1) {
        opening.left.set(left);
        match within_deadline(opening.one()).await {
            Ok(connection) => opening.held.open.borrow_mut().push(connection),
            Err(failure) => opening.held.failed.borrow_mut().fail(failure),
        }
    }
}

fn default_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain | Kind::Tls => "/1k.txt",
        Kind::Websocket => "/ws/echo",
    }
}

impl Opening {
    async fn one(&self) -> Result<Connection, Failure> {
        match self.kind {
            Kind::Plain => {
                let mut stream = connect(self.to).await?;
                get(&mut stream, &get_request(&self.path)).await?;
                Ok(Connection::Plain(stream))
            }
            Kind::Tls => {
                let mut stream = self.tls.connect(self.to).await?;
                get(&mut stream, &get_request(&self.path)).await?;
                Ok(Connection::Tls(Box::new(stream)))
            }
            Kind::Websocket => {
                let mut stream = connect(self.to).await?;
                upgrade(&mut stream, &self.path).await?;
                Ok(Connection::Plain(stream))
            }
        }
    }
}

impl Held {
    /// How many are open, and how many are not and why.
    pub fn report(&self) -> Value {
        let failed = self.failed.borrow();
        json!({"open": self.open.borrow().len(), "errors": failed.errors(), "error_kinds": failed.error_kinds()})
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::loopback;

    #[tokio::test(flavor = "current_thread")]
    async fn connections_of_every_kind_are_held() {
        LocalSet::new()
            .run_until(async {
                for (kind, to) in [
                    (Kind::Plain, loopback::plain().await),
                    (Kind::Tls, loopback::tls(2).await),
                    (Kind::Websocket, loopback::plain().await),
                ] {
                    let held = open(Idle { to, kind, count: 70, path: None }).await;
                    assert_eq!(held.report(), json!({"open": 70, "errors": 0, "error_kinds": {}}));
                }
            })
            .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_connection_that_does_not_open_is_an_error() {
        let to = loopback::nobody().await;
        let held = LocalSet::new().run_until(open(Idle { to, kind: Kind::Plain, count: 3, path: None })).await;
        assert_eq!(held.report(), json!({"open": 0, "errors": 3, "error_kinds": {"connect: connection refused": 3}}));
    }
}
