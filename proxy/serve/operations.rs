//! The listener of `[metrics]`: how things stand, for Prometheus, for people, and for whoever asks whether this is alive and ready.
//!
//! It is served like a site, by the same code with the same limits and deadlines, but on the thread that started the workers: what is asked here costs
//! those who serve nothing. It is stopped last, so that a stop can be watched.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::counters::Counters;
use super::current::Current;
use super::exchange::{ContentLength, ResponseHead};
use super::handler::Decision;
use super::listener::{Bound, take_share};
use super::live::{Live, LiveRoute};
use super::refusal::Refusal;
use super::worker::{LINGER_DRAINING_MAX, Worker};
use super::workers::emptied;
use crate::assets::Body;
use crate::config::Diagnostics;
use crate::http::host;
use crate::http::request::{Method, RequestHead};
use crate::plan::Plan;
use crate::telemetry::{METRICS_TYPE, STYLE, Status};

/// Connections at a time; who comes beyond them is turned away.
const CONNECTIONS_MAX: u64 = 64;
/// Methods that are answered.
const METHODS: &str = "GET, HEAD";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const NOT_THIS_MACHINE: &[u8] =
    b"From this machine, ask for localhost or an address: under another name, a page of somebody else might be asking.\n";

/// Finds out how things stand.
pub type Survey = Box<dyn Fn() -> Status + Send + Sync>;

/// What answers.
pub(crate) struct Operations {
    survey: Survey,
}

impl Operations {
    /// Decides about a request whose path is this.
    pub(crate) fn decide<'a>(&self, route: &'a LiveRoute, path: &[u8], (client, head): (&Client, &RequestHead)) -> Decision<'a> {
        if client.address.is_some_and(|address| address.ip().to_canonical().is_loopback()) && !names_this_machine(head.authority()) {
            return reply(route, StatusCode::MISDIRECTED_REQUEST, TEXT, Bytes::from_static(NOT_THIS_MACHINE));
        }
        if !matches!(head.method(), Method::Get | Method::Head) {
            return Decision::Refuse(route, Refusal::method_not_allowed(METHODS));
        }
        let survey = &self.survey;
        let (status, content_type, content) = match path {
            // Whoever asks these asks often, and wants to know no more.
            b"/livez" => (StatusCode::OK, TEXT, Bytes::from_static(b"ok\n")),
            b"/status.css" => (StatusCode::OK, "text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())),
            b"/readyz" => match survey().not_ready() {
                None => (StatusCode::OK, TEXT, Bytes::from_static(b"ok\n")),
                Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n").into()),
            },
            b"/metrics" => (StatusCode::OK, METRICS_TYPE, survey().metrics().into()),
            b"/status" => (StatusCode::OK, "application/json", survey().json().into()),
            b"/" => (StatusCode::OK, HTML, survey().page().into()),
            _ => return Decision::Refuse(route, Refusal::new(StatusCode::NOT_FOUND, "not a page of [metrics]")),
        };
        reply(route, status, content_type, content)
    }
}

fn reply<'a>(route: &'a LiveRoute, status: StatusCode, content_type: &str, content: Bytes) -> Decision<'a> {
    let mut response = ResponseHead::new(status, Some(&route.block), ContentLength::Known(content.len() as u64));
    response.push("content-type", content_type.as_bytes());
    Decision::Reply(route, response, Body::Memory(content))
}

/// A page of another site can make a browser on this machine ask here, under a name that it lets point here; the name is then that of the other site.
/// Who says nothing is no browser.
fn names_this_machine(authority: Option<&[u8]>) -> bool {
    let Some(authority) = authority.filter(|authority| !authority.is_empty()) else { return true };
    let Some(host) = host::parse(authority) else { return false };
    let name = host.name.strip_suffix(b".").unwrap_or(host.name);
    let bare = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    name.eq_ignore_ascii_case(b"localhost") || str::from_utf8(bare).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// The running listener.
pub struct OperationsServer {
    worker: Rc<Worker>,
    draining: CancellationToken,
}

impl OperationsServer {
    /// Begins to answer on the runtime that this is called on, which must be a local one.
    ///
    /// # Errors
    /// None that a plan without files and upstreams can have.
    pub fn start(plan: Plan, bound: &mut [Bound], survey: Survey) -> Result<Self, Diagnostics> {
        let (live, _) = Live::build(plan, None, SystemTime::now())?;
        let current = Current::new(live.answering(Operations { survey }));
        let draining = CancellationToken::new();
        let worker = Worker::new(&current, None, &draining, (Arc::<Counters>::default(), CONNECTIONS_MAX));
        for share in take_share(bound) {
            let worker = Rc::clone(&worker);
            tokio::task::spawn_local(async move {
                if let Err(error) = share.accept_all(worker).await {
                    tracing::error!(%error, "the listener of [metrics] cannot be served");
                }
            });
        }
        Ok(Self { worker, draining })
    }

    /// Ends it, soon.
    pub async fn stop(self) {
        self.draining.cancel();
        emptied(&self.worker, Instant::now() + LINGER_DRAINING_MAX).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asked_for_this_machine_is_answered() {
        for host in ["localhost", "LOCALHOST:9090", "localhost.:9090", "127.0.0.1:9090", "[::1]:9090", "10.0.0.7", ""] {
            assert!(names_this_machine(Some(host.as_bytes())), "{host}");
        }
        assert!(names_this_machine(None));
        for host in ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test:9090", "metrics", "a@localhost", "[::1", "1.2.3"] {
            assert!(!names_this_machine(Some(host.as_bytes())), "{host}");
        }
    }
}
