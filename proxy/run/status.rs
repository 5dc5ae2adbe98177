//! How things stand, gathered from all who know: the workers, the upstreams, the processes. What is told of it, and how, is `telemetry`'s matter.

use std::time::SystemTime;

use tokio::sync::watch;

use crate::plan::Plan;
use crate::process;
use crate::serve::{Current, Meters, Survey};
use crate::telemetry::{ProcessStatus, ServerState, ServerStatus, Status, UpstreamStatus, Waiting};
use crate::upstream::{GroupSnapshot, ServerSnapshot, Standing, WaitsSnapshot};

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
            upstreams: current.load().groups().iter().map(|group| upstream(group.snapshot(), now)).collect(),
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

fn upstream(group: GroupSnapshot, now: SystemTime) -> UpstreamStatus {
    UpstreamStatus {
        name: group.name,
        held: waiting(group.held),
        queued: group.queued.map(waiting),
        servers: group.servers.into_iter().map(|one| server(one, now)).collect(),
    }
}

fn waiting(waits: WaitsSnapshot) -> Waiting {
    let WaitsSnapshot { now, begun, timed_out, refused } = waits;
    Waiting { now: now as u64, begun, timed_out, refused }
}

fn server(server: ServerSnapshot, now: SystemTime) -> ServerStatus {
    ServerStatus {
        url: server.url,
        state: match server.standing {
            Standing::Up => ServerState::Up,
            Standing::Warming => ServerState::Warming,
            Standing::Trying => ServerState::Trying,
            Standing::Failing => ServerState::Failing,
            Standing::LeftAlone => ServerState::LeftAlone,
            Standing::Down => ServerState::Down,
        },
        is_usable: server.is_usable,
        since: server.since,
        left_alone_until: server.left_alone_for.and_then(|left| now.checked_add(left)),
        share: server.share,
        weight: server.weight,
        is_backup: server.is_backup,
        active: server.active,
        active_max: server.active_max,
        failures: server.failures,
        ended: server.ended.into_iter().map(|(outcome, count)| (outcome.name(), count)).collect(),
        checked_at: server.checked_at,
        last_failure: server.last_failure.map(|failure| (failure.at, failure.cause)),
    }
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
