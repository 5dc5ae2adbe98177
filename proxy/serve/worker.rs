//! One worker: a thread with its own runtime, its own connections and nothing that another worker could hold a lock on.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::clock::Clock;
use super::compress::Encoders;
use super::counters::Counters;
use super::current::{Current, Snapshot, View};
use super::deadline::Deadline;
use super::disk::Disk;
use super::exchange::Sent;
use super::forward::UpstreamReport;
use super::http1::buffers::Buffers;
use super::http1::inbound::Inbound;
use super::http2::intake::Intake;
use super::nonce::Nonces;
use super::pool::Pool;
use super::request_id::Id;
use super::siphon::Siphons;
use crate::http::request::{Known, RequestHead, Version};
use crate::telemetry::{Record, Recorder, UpstreamRecord};
use crate::upstream::{Connector, Multiplexer};

/// Bytes that are read at once where no buffer is kept: idle connections and tunnels.
const SCRATCH_BYTES: usize = 32 * 1024;

/// What the tasks of one thread share.
pub(crate) struct Worker {
    view: View,
    pub(crate) connector: Connector,
    pub(crate) multiplexer: Multiplexer,
    recorder: Option<Recorder>,
    pub(crate) clock: Clock,
    pub(crate) nonces: Nonces,
    /// Cancelled when no new request is to be taken.
    pub(crate) draining: CancellationToken,
    /// What is open, and is waited for at a stop: listeners, connections, requests that are answered in tasks of their own.
    pub(crate) open: Cell<usize>,
    counters: Arc<Counters>,
    connections_max: u64,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) buffers: Pool<Box<Buffers>>,
    pub(crate) inbounds: Pool<Inbound>,
    pub(crate) intakes: Pool<Intake>,
    /// With timers that are armed already, for waits that hardly ever last.
    pub(crate) deadlines: Pool<Deadline>,
    pub(crate) vectors: Pool<Vec<u8>>,
    pub(crate) heads: Pool<RequestHead>,
    pub(crate) encoders: Encoders,
    pub(crate) disk: Disk,
    pub(crate) siphons: Siphons,
}

/// What is to be recorded of a request beside its head.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) sent: Sent,
    pub(crate) cause: Option<Cow<'static, str>>,
    pub(crate) upstream: Option<UpstreamReport>,
    /// Bytes of the request, as far as they are known.
    pub(crate) request_bytes: u64,
    /// Its name, if it got one.
    pub(crate) request_id: Option<Id>,
}

impl Worker {
    /// A worker without connections. It counts in `counters`, and has `connections_max` at a time.
    pub(crate) fn new(
        current: &Current,
        recorder: Option<Recorder>,
        draining: &CancellationToken,
        (counters, connections_max): (Arc<Counters>, u64),
    ) -> Rc<Self> {
        let (connect_timeout, header_bytes_max) = {
            let live = current.load();
            (live.plan().timeouts.connect, live.plan().limits.upstream_header.0)
        };
        let connector = Connector::new(connect_timeout);
        // Heads that are larger, but not by far, are refused by name.
        let multiplexer = Multiplexer::new(u32::try_from(header_bytes_max.saturating_mul(2)).unwrap_or(u32::MAX));
        Rc::new(Self {
            view: View::new(current),
            connector,
            multiplexer,
            recorder,
            clock: Clock::new(),
            nonces: Nonces::default(),
            // One of its own: every request asks it, and it has a lock.
            draining: draining.child_token(),
            open: Cell::new(0),
            counters,
            connections_max,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            buffers: Pool::default(),
            inbounds: Pool::default(),
            intakes: Pool::default(),
            deadlines: Pool::default(),
            vectors: Pool::default(),
            heads: Pool::default(),
            encoders: Encoders::default(),
            disk: Disk::default(),
            siphons: Siphons::default(),
        })
    }

    /// What serves now, without its files: to be held for as long as one likes.
    pub(crate) fn frame(&self) -> Snapshot {
        self.view.frame()
    }

    /// What serves now, for one request; and the same without its files, for what may outlive a build.
    pub(crate) fn serving(&self) -> (Snapshot, Snapshot) {
        self.view.pair()
    }

    /// Lets go of what serves no more, though no request comes; called by a timer.
    pub(crate) fn refresh(&self) {
        drop(self.view.frame());
    }

    /// `true` when no further connection is to be served.
    pub(crate) fn is_full(&self) -> bool {
        self.counters.connections() >= self.connections_max
    }

    /// Counts and writes the access record of one request.
    pub(crate) fn record(&self, client: &Client, head: &RequestHead, tally: &Tally, started: Instant) {
        if let Some(cause) = tally.cause.as_deref() {
            tracing::debug!(cause, target = %String::from_utf8_lossy(head.target()), "request failed");
        }
        // What ended before it was a request (a handshake, say) is a line of the log alone.
        if tally.sent.status.is_some() || !head.method_token().is_empty() {
            self.counters.count(tally.sent.status);
        }
        let Some(recorder) = &self.recorder else { return };
        let duration = started.elapsed();
        let frame = self.frame();
        let group = tally.upstream.as_ref().and_then(|report| frame.group(report.group));
        let tried = tally.upstream.iter().flat_map(|report| &report.tried);
        let tried: Vec<&str> = tried.filter_map(|&index| Some(group?.name_of(Some(index)))).collect();
        let upstream = tally.upstream.as_ref().zip(group).map(|(report, group)| UpstreamRecord {
            address: group.name_of(report.server),
            tried: &tried,
            duration: report.duration,
        });
        let version = match head.version() {
            _ if head.method_token().is_empty() => None,
            Version::Http10 => Some(http::Version::HTTP_10),
            Version::Http11 => Some(http::Version::HTTP_11),
            Version::Http2 => Some(http::Version::HTTP_2),
        };
        recorder.record(&Record {
            time: SystemTime::now(),
            client: client.address.map(|address| address.ip().to_canonical()),
            method: head.method_token(),
            target: head.target(),
            version,
            scheme: client.scheme,
            host: head.authority(),
            status: tally.sent.status.map_or(0, |status| status.as_u16()),
            body_bytes: tally.sent.body_bytes,
            request_bytes: tally.request_bytes,
            duration,
            referer: head.value(Known::Referer),
            user_agent: head.value(Known::UserAgent),
            upstream,
            request_id: tally.request_id.as_ref().map(Id::as_bytes).filter(|id| !id.is_empty()),
            cause: tally.cause.as_deref(),
        });
    }

    /// Hands lines over that have waited long enough; called by a timer.
    pub(crate) fn flush_log(&self, now: std::time::Instant) {
        if let Some(recorder) = &self.recorder {
            recorder.flush_if_due(now);
        }
    }

    /// Hands all lines over.
    pub(crate) fn flush_log_now(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.flush();
        }
    }
}

/// The access record of a request that is being answered: written when the answer is out, or else when its task is dropped because the grace of a stop
/// has passed, so that no request goes without a line.
pub(crate) struct Entry<'a> {
    worker: &'a Worker,
    client: &'a Client,
    head: &'a RequestHead,
    started: Instant,
    is_written: bool,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(worker: &'a Worker, client: &'a Client, head: &'a RequestHead, started: Instant) -> Self {
        Self { worker, client, head, started, is_written: false }
    }

    /// Writes it.
    pub(crate) fn write(mut self, tally: &Tally) {
        self.is_written = true;
        self.worker.record(self.client, self.head, tally, self.started);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            let tally = Tally { cause: Some("cut: the grace of the stop had passed".into()), ..Tally::default() };
            self.worker.record(self.client, self.head, &tally, self.started);
        }
    }
}

/// Counts something while it is open.
pub(crate) struct OpenGuard(Rc<Worker>);

impl OpenGuard {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.open.set(worker.open.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

/// Counts a connection while it is open.
pub(crate) struct ConnectionGuard(OpenGuard);

impl ConnectionGuard {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.counters.open();
        Self(OpenGuard::new(worker))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.0.counters.close();
    }
}

/// Reads and throws away what a client still sends, so that closing does not reset the connection under our last words.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(10);
/// The same while the server stops: a few round trips.
pub(crate) const LINGER_DRAINING_MAX: Duration = Duration::from_millis(500);
