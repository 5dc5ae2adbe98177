//! How each process is doing, for whoever wants to know: the status command, requests that are held, tests.

use std::sync::Arc;

use tokio::sync::watch;

/// What a process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs and is not ready yet, or it is about to be started.
    Starting,
    /// It runs, and accepts connections if it has something to accept them.
    Ready,
    /// It ended or could not be started, and is started again after a pause.
    Waiting,
    /// It was asked to stop.
    Stopping,
    /// It is gone and is not started again.
    Stopped,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Its process id while it runs; also that of its process group.
    pub pid: Option<u32>,
    /// How often it was started, with and without success.
    pub starts: u64,
    /// Why it last ended or could not be started.
    pub last_end: Option<String>,
}

/// All processes at one moment, in the order of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(pub Vec<Status>);

impl Snapshot {
    /// The process of this name.
    pub fn process(&self, name: &str) -> Option<&Status> {
        self.0.iter().find(|status| status.name == name)
    }

    /// `true` when every process is ready.
    pub fn all_ready(&self) -> bool {
        self.0.iter().all(|status| status.state == State::Ready)
    }
}

/// The place where the tasks write how their processes are doing.
#[derive(Clone)]
pub(super) struct Board(Arc<watch::Sender<Snapshot>>);

impl Board {
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let status = |name| Status { name, state: State::Starting, pid: None, starts: 0, last_end: None };
        Self(Arc::new(watch::Sender::new(Snapshot(names.map(status).collect()))))
    }

    pub(super) fn read(&self) -> Snapshot {
        self.0.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }

    pub(super) fn update(&self, index: usize, change: impl FnOnce(&mut Status)) {
        self.0.send_modify(|snapshot| {
            if let Some(status) = snapshot.0.get_mut(index) {
                change(status);
            }
        });
    }
}
