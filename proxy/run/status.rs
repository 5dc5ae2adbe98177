//! How things stand, gathered from all who know: the workers, the upstreams, the processes. What is told of it, and how, is `telemetry`'s matter.

use std::time::SystemTime;

use tokio::sync::watch;

use crate::plan::Plan;
use crate::process;
use crate::serve::{Current, Meters, Survey};
use crate::telemetry::{ProcessStatus, Status};

/// Finds out how what `current` serves stands, whenever it is asked.
pub(super) fn survey(current: &Current, meters: &Meters, processes: watch::Receiver<process::Snapshot>) -> Survey {
    let (current, meters, started) = (current.clone(), meters.clone(), SystemTime::now());
    Box::new(move || {
        let now = SystemTime::now();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            now,
            started,
            is_stopping: meters.is_draining(),
            traffic: meters.traffic(),
            upstreams: current.load().groups().iter().map(|group| group.snapshot(now)).collect(),
            processes: processes.borrow().0.iter().map(process).collect(),
        }
    })
}

/// What the operator should know of a plan of `[metrics]` that other machines can reach.
pub(super) fn exposed(plan: &Plan) -> Option<String> {
    let addresses: Vec<String> = plan.exposed().map(|listener| listener.address.to_string()).collect();
    (!addresses.is_empty()).then(|| {
        let addresses = addresses.join(", ");
        format!("[metrics] listens on {addresses}: whoever can connect there sees the addresses and failures of your servers; let only your monitoring do so, or write \"127.0.0.1:9090\"")
    })
}

fn process(status: &process::Status) -> ProcessStatus {
    ProcessStatus {
        name: status.name.clone(),
        state: match status.state {
            process::State::Starting => "starting",
            process::State::Ready => "ready",
            process::State::Waiting => "waiting",
            process::State::Stopping => "stopping",
            process::State::Stopped => "stopped",
        },
        is_ready: status.state == process::State::Ready,
        pid: status.pid,
        starts: status.starts,
        last_end: status.last_end.clone(),
    }
}
