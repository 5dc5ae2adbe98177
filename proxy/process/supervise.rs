//! The life of each process: started, watched, started again, stopped.
//!
//! Restart policies, dependencies between processes and the container's exit code are to come here. Starting and ending is
//! `spawn.rs`, the pauses are `backoff.rs`, readiness is `ready.rs`.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, BackoffPolicy, Ending};
use super::board::{Board, Snapshot, State, Status};
use super::output::{self, LineSink, Readers};
use super::ready;
use super::reap::{self, Children};
use super::spawn::{self, End, Running};
use super::spec::Spec;

/// How long the last lines of a process that ended are waited for, before its end is told.
const DRAIN_PATIENCE: Duration = Duration::from_millis(200);
/// A process that is not ready after this long is told of, once: its address may be another than ours.
const READY_EXPECTED: Duration = Duration::from_secs(30);

/// How processes are supervised.
#[derive(Clone)]
pub struct Options {
    /// How long a process may take to end after SIGTERM; then its group is killed.
    pub stop_timeout: Duration,
    /// The pauses between restarts.
    pub backoff: BackoffPolicy,
    /// Who reaps what processes leave behind.
    pub orphans: Orphans,
    /// Where their output goes.
    pub output: LineSink,
    /// Of the chance in the pauses.
    pub seed: u64,
}

/// Who reaps what processes leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// We do, process 1 or not. Only for a program whose children are all of one supervisor.
    Reap,
    /// The next ancestor that does.
    Leave,
}

impl Default for Options {
    /// Five seconds to stop, as docker gives ten to the whole container; output to the event log; orphans are reaped.
    fn default() -> Self {
        Self {
            stop_timeout: Duration::from_secs(5),
            backoff: BackoffPolicy::default(),
            orphans: Orphans::Reap,
            output: output::to_event_log(),
            seed: RandomState::new().hash_one(0),
        }
    }
}

/// Keeps processes running until it is stopped. Dropped without [`Supervisor::stop`], it asks them to stop and does not wait.
pub struct Supervisor {
    keepers: Vec<(CancellationToken, JoinHandle<()>)>,
    reaper: Option<(CancellationToken, JoinHandle<()>)>,
    board: Board,
}

impl Supervisor {
    /// Starts all processes, in this order, on the runtime that this is called on, which must be a current-thread one with time,
    /// I/O and signals. What cannot be started is logged and tried again.
    pub fn start(specs: Vec<Spec>, options: Options) -> Self {
        let board = Board::new(specs.iter().map(|spec| spec.name.clone()));
        let children = Children::default();
        let reaper = (options.orphans == Orphans::Reap && !specs.is_empty()).then(|| {
            reap::adopt_orphans();
            let stop = CancellationToken::new();
            (stop.clone(), tokio::spawn(reap::reap_orphans(children.clone(), stop)))
        });
        let options = Arc::new(options);
        let keep = |(index, spec): (usize, Spec)| {
            let stop = CancellationToken::new();
            let seed = options.seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let keeper = Keeper {
                spec,
                index,
                backoff: Backoff::new(options.backoff, seed),
                options: Arc::clone(&options),
                board: board.clone(),
                children: children.clone(),
                stop: stop.clone(),
            };
            (stop, tokio::spawn(keeper.keep()))
        };
        let keepers = specs.into_iter().enumerate().map(keep).collect();
        Self { keepers, reaper, board }
    }

    /// How all processes are doing now.
    pub fn status(&self) -> Vec<Status> {
        self.board.read().0
    }

    /// How all processes are doing, to be waited on.
    pub fn readiness(&self) -> watch::Receiver<Snapshot> {
        self.board.watch()
    }

    /// Asks all processes to stop, the last one first, kills those that have not after the stop timeout, and waits until all are gone.
    pub async fn stop(mut self) {
        self.ask();
        for (_, keeper) in self.keepers.drain(..) {
            if let Err(error) = keeper.await {
                tracing::error!(%error, "the task of a process failed");
            }
        }
        if let Some((stop, reaper)) = self.reaper.take() {
            stop.cancel();
            // It fails only when it panicked, which the panic itself has told.
            drop(reaper.await);
        }
    }

    fn ask(&self) {
        self.keepers.iter().rev().for_each(|(stop, _)| stop.cancel());
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.ask();
        if let Some((stop, _)) = &self.reaper {
            stop.cancel();
        }
    }
}

/// What keeps one process running.
struct Keeper {
    spec: Spec,
    index: usize,
    backoff: Backoff,
    options: Arc<Options>,
    board: Board,
    children: Children,
    stop: CancellationToken,
}

/// One life of the process.
struct Life {
    running: Running,
    readers: Readers,
    started: Instant,
    ready: Option<Instant>,
}

impl Keeper {
    async fn keep(mut self) {
        while !self.stop.is_cancelled() {
            let pause = match self.start() {
                Ok(life) => self.live(life).await,
                Err(error) => Some(self.failed(&error)),
            };
            let Some(pause) = pause else { break };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.cancelled() => {}
            }
        }
        self.board.update(self.index, |status| status.state = State::Stopped);
    }

    fn start(&self) -> Result<Life, spawn::StartError> {
        self.board.update(self.index, |status| status.starts += 1);
        let mut running = spawn::spawn(&self.spec)?;
        let pid = running.pid();
        self.children.add(pid);
        let (stdout, stderr) = running.streams();
        let readers = Readers::start(&self.spec.name, stdout, stderr, &self.options.output);
        tracing::info!(process = %self.spec.name, %pid, "process started");
        self.board.update(self.index, |status| {
            status.state = State::Starting;
            status.pid = u32::try_from(pid.as_raw()).ok();
        });
        Ok(Life { running, readers, started: Instant::now(), ready: None })
    }

    fn failed(&mut self, error: &spawn::StartError) -> Duration {
        let pause = self.backoff.pause(Duration::ZERO, Ending::Crashed);
        tracing::error!(process = %self.spec.name, "{error}; it is tried again in {:?}", rounded(pause));
        self.board.update(self.index, |status| {
            status.state = State::Waiting;
            status.last_end = Some(error.to_string());
        });
        pause
    }

    /// Sees one life to its end. Gives the pause before the next one; `None` when it was stopped.
    async fn live(&mut self, mut life: Life) -> Option<Duration> {
        let Some(exit) = self.watch(&mut life).await else {
            self.stop(life).await;
            return None;
        };
        self.children.remove(life.running.pid());
        let ended = Instant::now();
        let ending = self.ending(&life, &exit);
        let pause = self.backoff.pause(life.ready.map_or(Duration::ZERO, |ready| ended - ready), ending);
        // What it wrote last is the reason; it is to stand before its end.
        life.readers.drain(DRAIN_PATIENCE).await;
        let end = spawn::shown(&exit);
        let (lived, again) = (rounded(ended - life.started), rounded(pause));
        match pause.is_zero() {
            true => tracing::info!(process = %self.spec.name, "process {end} after {lived:?}; it is started again at once"),
            false => tracing::warn!(process = %self.spec.name, "process {end} after {lived:?}; it is started again in {again:?}"),
        }
        self.board.update(self.index, |status| {
            status.state = State::Waiting;
            status.pid = None;
            status.last_end = Some(end);
        });
        // What it started may hold its socket or its port.
        if life.running.end(self.options.stop_timeout).await.0 == End::Killed {
            tracing::warn!(process = %self.spec.name, "what the process had left running did not stop and was killed");
        }
        life.readers.drain(DRAIN_PATIENCE).await;
        Some(pause)
    }

    /// A process that has nothing to accept connections may have been of no use at all.
    fn ending(&self, life: &Life, exit: &io::Result<ExitStatus>) -> Ending {
        let was_ready = self.spec.ready.is_some() && life.ready.is_some();
        if was_ready && exit.as_ref().is_ok_and(ExitStatus::success) { Ending::Willing } else { Ending::Crashed }
    }

    /// Watches the process until it ends, or until it is to be stopped: `None`.
    async fn watch(&self, life: &mut Life) -> Option<io::Result<ExitStatus>> {
        let probe = async {
            if let Some(address) = &self.spec.ready {
                ready::accepts(address).await;
            }
        };
        let mut probe = std::pin::pin!(probe);
        let mut late = std::pin::pin!(sleep(READY_EXPECTED));
        let mut is_late = false;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                exit = life.running.wait() => return Some(exit),
                () = &mut probe, if life.ready.is_none() => self.became_ready(life),
                () = &mut late, if life.ready.is_none() && !is_late => {
                    is_late = true;
                    let address = self.spec.ready.as_ref().map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(process = %self.spec.name, address, "process runs but is not ready yet");
                }
            }
        }
    }

    fn became_ready(&self, life: &mut Life) {
        let now = Instant::now();
        life.ready = Some(now);
        if let Some(address) = &self.spec.ready {
            let (address, took) = (address.to_string(), rounded(now - life.started));
            tracing::info!(process = %self.spec.name, address, "process is ready after {took:?}");
        }
        self.board.update(self.index, |status| status.state = State::Ready);
    }

    async fn stop(&self, mut life: Life) {
        self.board.update(self.index, |status| status.state = State::Stopping);
        let asked = Instant::now();
        let (end, status) = life.running.end(self.options.stop_timeout).await;
        self.children.remove(life.running.pid());
        life.readers.drain(DRAIN_PATIENCE).await;
        let shown = status.as_ref().map_or("did not end".to_owned(), spawn::shown);
        let took = rounded(asked.elapsed());
        match end {
            End::Willing => tracing::info!(process = %self.spec.name, "process stopped in {took:?}: it {shown}"),
            End::Killed => tracing::warn!(process = %self.spec.name, "process did not stop and was killed after {took:?}: it {shown}"),
        }
        self.board.update(self.index, |status| {
            status.pid = None;
            status.last_end = Some(shown);
        });
    }
}

/// To whole milliseconds, for a log line.
fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
