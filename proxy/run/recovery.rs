//! Servers that are processes of ours: when such a process is ready again, its server is not left alone any longer, whatever requests met there before.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::plan::{PlannedProcess, Upstream};
use crate::process::{Snapshot, State};
use crate::serve::Live;
use crate::upstream::{Group, ServerIndex};

/// A process, and the servers that it is.
struct Link {
    process: usize,
    /// The group, and the place in it.
    servers: Vec<(usize, ServerIndex)>,
    /// The start that it was last ready after.
    ready_after: u64,
}

/// Follows the processes on the runtime that this is called on, which must be a local one; ends when there is nobody left who tells of them.
pub(super) fn start(board: watch::Receiver<Snapshot>, processes: &[PlannedProcess], live: &Live) -> JoinHandle<()> {
    let groups = Arc::clone(live.groups());
    let links = links(processes, &groups, &live.plan().upstreams);
    tokio::task::spawn_local(follow(board, links, groups))
}

fn links(processes: &[PlannedProcess], groups: &[Group], upstreams: &[Upstream]) -> Vec<Link> {
    let link = |(process, planned): (usize, &PlannedProcess)| {
        let address = planned.ready.as_ref()?;
        let of_group = |(at, (group, upstream)): (usize, (&Group, &Upstream))| -> Vec<(usize, ServerIndex)> {
            let servers = group.indexes().zip(&upstream.servers).filter(|(_, server)| server.url.address == *address);
            servers.map(|(server, _)| (at, server)).collect()
        };
        let servers: Vec<_> = groups.iter().zip(upstreams).enumerate().flat_map(of_group).collect();
        (!servers.is_empty()).then_some(Link { process, servers, ready_after: 0 })
    };
    processes.iter().enumerate().filter_map(link).collect()
}

async fn follow(mut board: watch::Receiver<Snapshot>, mut links: Vec<Link>, groups: Arc<[Group]>) {
    while !links.is_empty() {
        note_returns(&board.borrow_and_update(), &mut links, &groups);
        if board.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the groups of processes that are ready after a start that was not seen yet.
fn note_returns(snapshot: &Snapshot, links: &mut [Link], groups: &[Group]) {
    for link in links {
        let Some(status) = snapshot.0.get(link.process).filter(|status| status.state == State::Ready) else { continue };
        if std::mem::replace(&mut link.ready_after, status.starts) != status.starts {
            for &(group, server) in &link.servers {
                groups.get(group).into_iter().for_each(|group| group.note_return(server));
            }
        }
    }
}
