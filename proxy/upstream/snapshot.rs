//! A group and its servers at one moment, for whoever tells of them. Read from what is there anyway, when it is asked for; nothing is kept for it.

use std::time::SystemTime;

use super::group::Group;
use super::ledger::Outcome;
use super::server::Server;
use crate::config::defaults;
use crate::standing::{ServerStatus, Standing, UpstreamStatus};

impl Group {
    /// The group as it is `now`.
    pub fn snapshot(&self, now: SystemTime) -> UpstreamStatus {
        // As many as open the breaker where there are others; a single failure says little.
        let failing = self.breaker.map_or(defaults::BREAKER.failures, |breaker| breaker.failures);
        UpstreamStatus {
            name: self.name().to_owned(),
            held: self.hold.held().snapshot(),
            queued: self.queue.as_ref().map(|queue| queue.waiting().snapshot()),
            servers: self.servers().iter().map(|server| status(server, failing, now)).collect(),
        }
    }
}

fn status(server: &Server, failing: u32, now: SystemTime) -> ServerStatus {
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
    ServerStatus {
        url: server.url().to_owned(),
        state: standing,
        is_usable: state.is_usable(),
        since: match standing {
            Standing::Up | Standing::Warming => None,
            Standing::Trying | Standing::Failing | Standing::LeftAlone => notes.failing_since,
            Standing::Down => notes.down_since,
        },
        left_alone_until: state.left_alone_for().and_then(|left| now.checked_add(left)),
        share: share.unwrap_or(super::state::SHARE_WHOLE),
        weight: server.weight(),
        is_backup: server.is_backup(),
        active: state.active(),
        active_max: state.active_max(),
        failures,
        ended: Outcome::ALL.map(|outcome| (outcome.name(), server.ledger().ended(outcome))).to_vec(),
        checked_at: notes.checked_at,
        last_failure: notes.last_failure.map(|failure| (failure.at, failure.cause)),
    }
}
