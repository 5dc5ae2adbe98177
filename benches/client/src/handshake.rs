//! `load handshake`: connect, shake hands, one file, close; again and again, on as many connections at once as told.
//!
//! Each of them keeps tickets of its own, so that none takes another's: with `resumed` the first handshake of each is a full one, which is
//! not counted, and every other must be resumed.

use std::net::SocketAddr;
use std::rc::Rc;

use rustls::HandshakeKind;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use crate::arguments::{Handshake, Tickets};
use crate::exchange::{get, get_request};
use crate::failure::Failure;
use crate::peer::Tls;
use crate::run::Run;

/// One of the connections at once.
struct Lane {
    to: SocketAddr,
    tls: Tls,
    tickets: Tickets,
    request: Rc<[u8]>,
}

/// Shakes hands until the run ends.
pub async fn run(load: Handshake) -> Value {
    let tls = Tls::new(&[]);
    let request: Rc<[u8]> = get_request(&load.path).into();
    let run = Run::start(load.window);
    let mut lanes = JoinSet::new();
    for _ in 0..load.connections {
        let tls = match load.mode {
            Tickets::Full => tls.clone(),
            Tickets::Resumed => tls.with_tickets(),
        };
        let lane = Lane { to: load.to, tls, tickets: load.mode, request: request.clone() };
        lanes.spawn_local(lane.work(run.clone()));
    }
    lanes.join_all().await;
    run.report()
}

impl Lane {
    async fn work(self, run: Rc<Run>) {
        while self.tickets == Tickets::Resumed && run.goes_on() {
            if run.prepare(self.visit()).await.is_some() {
                break;
            }
        }
        while run.goes_on() {
            let visit = async {
                let (kind, bytes) = self.visit().await?;
                self.check(kind)?;
                Ok(bytes)
            };
            if !run.count(visit).await {
                run.rest().await;
            }
        }
    }

    /// One connection from its beginning to its end. Gives how its handshake went, and the bytes of the file.
    async fn visit(&self) -> Result<(Option<HandshakeKind>, u64), Failure> {
        let mut stream = self.tls.connect(self.to).await?;
        let kind = stream.get_ref().1.handshake_kind();
        let bytes = get(&mut stream, &self.request).await?;
        // The file is there: a server that has gone before it is told so is no error.
        let _ = stream.shutdown().await;
        Ok((kind, bytes))
    }

    fn check(&self, kind: Option<HandshakeKind>) -> Result<(), Failure> {
        match (self.tickets, kind) {
            (Tickets::Full, Some(HandshakeKind::Full)) | (Tickets::Resumed, Some(HandshakeKind::Resumed)) => Ok(()),
            (Tickets::Full, _) => Err(Failure::NotFull),
            (Tickets::Resumed, _) => Err(Failure::NotResumed),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::arguments::Window;
    use crate::loopback;

    async fn shake(mode: Tickets, tickets_per_handshake: usize) -> Value {
        let to = loopback::tls(tickets_per_handshake).await;
        let window = Window { seconds: 30.0, requests: Some(20) };
        run(Handshake { to, mode, connections: 3, path: "/1k.txt".to_owned(), window }).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn full_and_resumed_handshakes_are_what_they_are_called() {
        let results = LocalSet::new().run_until(async { [shake(Tickets::Full, 2).await, shake(Tickets::Resumed, 2).await] }).await;
        for result in results {
            assert_eq!(result["errors"], 0, "{result}");
            assert_eq!(result["completed"], 20);
            assert_eq!(result["bytes"], 20 * loopback::BODY_BYTES);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_handshake_that_should_be_resumed_and_is_not_is_an_error() {
        let to_run = async {
            let to = loopback::tls(0).await;
            let window = Window { seconds: 0.2, requests: Some(1) };
            run(Handshake { to, mode: Tickets::Resumed, connections: 1, path: "/".to_owned(), window }).await
        };
        let result = LocalSet::new().run_until(to_run).await;
        assert_eq!(result["completed"], 0);
        assert!(result["error_kinds"]["not resumed"].as_u64().unwrap() > 0, "{result}");
    }
}
