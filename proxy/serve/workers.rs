//! The worker threads: one a core, each with a runtime of its own; started together, drained together.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::counters::{Counters, Meters};
use super::current::Current;
use super::listener::{Bound, Share, take_share};
use super::worker::Worker;
use crate::telemetry::{AccessLog, FLUSH_TICK, Recorder};

/// How often a draining worker looks whether its connections have ended.
const DRAIN_TICK: Duration = Duration::from_millis(5);

/// The running workers.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    draining: CancellationToken,
    stopped: mpsc::Receiver<Stopped>,
    meters: Meters,
}

/// What a worker says when it has ended.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// Connections that were still open when the grace ended.
    pub cut: usize,
}

impl Workers {
    /// Starts `count` workers on their shares of the bound listeners.
    ///
    /// # Errors
    /// When a thread or a runtime cannot be made.
    pub fn start(current: &Current, bound: &mut [Bound], access_log: Option<&AccessLog>, count: usize) -> io::Result<Self> {
        let draining = CancellationToken::new();
        let (sender, stopped) = mpsc::channel(count.max(1));
        let mut threads = Vec::with_capacity(count);
        let counters: Vec<Arc<Counters>> = (0..count).map(|_| Arc::default()).collect();
        for (index, counters) in counters.iter().enumerate() {
            let seat = Seat {
                current: current.clone(),
                shares: take_share(bound),
                recorder: access_log.map(AccessLog::handle),
                counters: Arc::clone(counters),
                draining: draining.clone(),
                stopped: sender.clone(),
            };
            threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || seat.work())?);
        }
        let meters = Meters::new(&counters, draining.clone());
        Ok(Self { threads, draining, stopped, meters })
    }

    /// What they count.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Takes no new connection and no new request, and waits until all that was under way has ended or the grace of the plan has passed. Returns the
    /// number of connections that were cut.
    pub async fn drain(mut self) -> usize {
        self.draining.cancel();
        let mut cut = 0;
        for _ in 0..self.threads.len() {
            match self.stopped.recv().await {
                Some(stopped) => cut += stopped.cut,
                None => break,
            }
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
        cut
    }

    /// Ready when a worker ended though nobody asked it to.
    pub async fn failed(&mut self) {
        let _ = self.stopped.recv().await;
    }
}

/// What a worker thread is started with.
struct Seat {
    current: Current,
    shares: Vec<Share>,
    recorder: Option<Recorder>,
    counters: Arc<Counters>,
    draining: CancellationToken,
    stopped: mpsc::Sender<Stopped>,
}

impl Seat {
    fn work(self) {
        let Self { current, shares, recorder, counters, draining, stopped } = self;
        // However this thread ends, who waits for it is told.
        let mut stopped = StoppedGuard { stopped, cut: 0 };
        let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "a worker cannot make its runtime");
                return;
            }
        };
        let worker = Worker::new(&current, recorder, &draining, (counters, u64::MAX));
        stopped.cut = runtime.block_on(work(Rc::clone(&worker), shares));
        // A thread of the blocking pool may hang on a dead disk or a dead resolver: it is not waited for.
        runtime.shutdown_background();
        worker.flush_log_now();
    }
}

/// Tells that a worker has ended when it is dropped.
struct StoppedGuard {
    stopped: mpsc::Sender<Stopped>,
    cut: usize,
}

impl Drop for StoppedGuard {
    fn drop(&mut self) {
        let _ = self.stopped.try_send(Stopped { cut: self.cut });
    }
}

/// Serves until the drain is over; gives the number of connections that are still open.
async fn work(worker: Rc<Worker>, shares: Vec<Share>) -> usize {
    for share in shares {
        let worker = Rc::clone(&worker);
        tokio::task::spawn_local(async move {
            if let Err(error) = share.accept_all(worker).await {
                tracing::error!(%error, "a listener cannot be served");
            }
        });
    }
    let flusher = Rc::clone(&worker);
    tokio::task::spawn_local(async move {
        let mut tick = tokio::time::interval(FLUSH_TICK);
        loop {
            let now = tick.tick().await;
            flusher.flush_log(now.into_std());
            flusher.refresh();
        }
    });
    let sweeper = Rc::clone(&worker);
    tokio::task::spawn_local(async move { sweeper.connector.sweep().await });
    worker.draining.cancelled().await;
    let deadline = Instant::now() + worker.frame().plan().grace;
    emptied(&worker, deadline).await;
    worker.open.get()
}

/// Waits until nothing is open, or the deadline has passed.
pub(super) async fn emptied(worker: &Worker, deadline: Instant) {
    while worker.open.get() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_TICK).await;
    }
}
