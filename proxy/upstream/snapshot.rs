//! A group and its servers at one moment, for whoever tells of them. Read from what is there anyway, when it is asked for; nothing is kept for it.

use std::time::{Duration, SystemTime};

use super::group::Group;
use super::ledger::{Failure, Outcome};
use super::server::Server;
use super::waits::WaitsSnapshot;
use crate::config::defaults;

/// A group at one moment.
#[derive(Debug, Clone)]
pub struct GroupSnapshot {
    /// Its name.
    pub name: String,
    /// Requests that wait because no server can be reached.
    pub held: WaitsSnapshot,
    /// Requests that wait because all servers have as many as they may; `None` where no server has a limit.
    pub queued: Option<WaitsSnapshot>,
    /// Its servers.
    pub servers: Vec<ServerSnapshot>,
}

/// A server at one moment.
#[derive(Debug, Clone)]
pub struct ServerSnapshot {
    /// Where it is, as it is written in a config.
    pub url: String,
    /// How it stands.
    pub standing: Standing,
    /// Requests may go to it. (They do to one that fails, where there is no other.)
    pub is_usable: bool,
    /// Since when it fails or is not well.
    pub since: Option<SystemTime>,
    /// For how long it is still left alone.
    pub left_alone_for: Option<Duration>,
    /// Its part of its share of requests, in thousandths.
    pub share: u32,
    /// Its weight beside the others.
    pub weight: u16,
    /// It stands in for the others.
    pub is_backup: bool,
    /// Requests under way.
    pub active: u32,
    /// As many as it may have.
    pub active_max: Option<u32>,
    /// Failures in a row.
    pub failures: u32,
    /// Requests since the start, by how they ended.
    pub ended: [(Outcome, u64); Outcome::ALL.len()],
    /// When a check last looked.
    pub checked_at: Option<SystemTime>,
    /// What last went wrong.
    pub last_failure: Option<Failure>,
}

/// How a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known against it.
    Up,
    /// It is back, and its share still grows.
    Warming,
    /// It was left alone; one request finds out whether it still fails.
    Trying,
    /// Its requests fail, and it is asked all the same.
    Failing,
    /// It is left alone for a while.
    LeftAlone,
    /// A check says that it is not well.
    Down,
}

impl Group {
    /// The group as it is now.
    pub fn snapshot(&self) -> GroupSnapshot {
        // As many as open the breaker where there are others; a single failure says little.
        let failing = self.breaker.map_or(defaults::BREAKER.failures, |breaker| breaker.failures);
        GroupSnapshot {
            name: self.name().to_owned(),
            held: self.hold.held().snapshot(),
            queued: self.queue.as_ref().map(|queue| queue.waiting().snapshot()),
            servers: self.servers().iter().map(|server| ServerSnapshot::new(server, failing)).collect(),
        }
    }
}

impl ServerSnapshot {
    fn new(server: &Server, failing: u32) -> Self {
        let (state, notes) = (server.state(), server.ledger().notes());
        let (failures, share) = (state.failures(), state.share());
        let standing = if !state.is_ready() {
            Standing::Down
        } else if state.is_open() {
            Standing::LeftAlone
        } else if state.is_half_open() {
            Standing::Trying
        } else if failures >= failing {
            Standing::Failing
        } else if share.is_some() {
            Standing::Warming
        } else {
            Standing::Up
        };
        Self {
            url: server.url().to_owned(),
            standing,
            is_usable: state.is_usable(),
            since: match standing {
                Standing::Up | Standing::Warming => None,
                Standing::Trying | Standing::Failing | Standing::LeftAlone => notes.failing_since,
                Standing::Down => notes.down_since,
            },
            left_alone_for: state.left_alone_for(),
            share: share.unwrap_or(super::state::SHARE_WHOLE),
            weight: server.weight(),
            is_backup: server.is_backup(),
            active: state.active(),
            active_max: state.active_max(),
            failures,
            ended: Outcome::ALL.map(|outcome| (outcome, server.ledger().ended(outcome))),
            checked_at: notes.checked_at,
            last_failure: notes.last_failure,
        }
    }
}
