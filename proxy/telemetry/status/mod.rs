//! What Transom tells of itself to who asks: the facts of one moment ([`Status`]), and the three forms in which they are told: `metrics` for Prometheus,
//! `json` for programs, `page` for people.
//!
//! Whoever serves fills the facts in (those of upstreams are of `standing`); nothing here knows where they come from, or decides anything by them. All that
//! is shown of the network (the words of failures) is escaped for its form, and labels come from the config alone, so that their number is bounded.

mod exposition;
mod json;
mod metrics;
mod page;

use std::time::SystemTime;

use crate::standing::UpstreamStatus;

/// The media type of [`Status::metrics`].
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The style sheet of [`Status::page`].
pub const STYLE: &str = include_str!("page.css");

/// The facts of one moment.
#[derive(Debug, Clone)]
pub struct Status {
    /// The version that runs.
    pub version: &'static str,
    /// The moment.
    pub now: SystemTime,
    /// When it was started.
    pub started: SystemTime,
    /// It takes no new work.
    pub is_stopping: bool,
    /// What clients do.
    pub traffic: Traffic,
    /// The upstreams, in the order of the config.
    pub upstreams: Vec<UpstreamStatus>,
    /// The child processes, in the order of the config.
    pub processes: Vec<ProcessStatus>,
}

/// What clients do.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Connections that are open.
    pub connections: u64,
    /// Connections since the start.
    pub accepted: u64,
    /// Requests since the start, by the class of the status that was sent.
    pub requests: Vec<(&'static str, u64)>,
}

/// One child process.
#[derive(Debug, Clone)]
pub struct ProcessStatus {
    /// Its name.
    pub name: String,
    /// What it is doing, in a word.
    pub state: &'static str,
    /// It runs and is ready.
    pub is_ready: bool,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u64,
    /// Why it last ended.
    pub last_end: Option<String>,
}

impl Status {
    /// Why it is not ready for requests; `None` when it is.
    pub fn not_ready(&self) -> Option<String> {
        if self.is_stopping {
            return Some("stopping".to_owned());
        }
        let is_out = |upstream: &&UpstreamStatus| !upstream.servers.iter().any(|server| server.is_usable);
        let out: Vec<&str> = self.upstreams.iter().filter(is_out).map(|upstream| upstream.name.as_str()).collect();
        (!out.is_empty()).then(|| format!("no server can be asked of: {}", out.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::standing::{ServerStatus, Standing, Waiting};

    /// Some time after the start, with a server in each state.
    pub(super) fn status() -> Status {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        let server = |(index, state): (usize, Standing)| ServerStatus {
            url: format!("http://10.0.0.{index}:3000"),
            state,
            is_usable: state.is_up(),
            since: (!state.is_up()).then(|| at(3000)),
            left_alone_until: (state == Standing::LeftAlone).then(|| at(3610)),
            share: if state == Standing::Warming { 250 } else { 1000 },
            weight: 1,
            is_backup: index == 5,
            active: 2,
            active_max: Some(8),
            failures: u32::from(!state.is_up()) * 5,
            ended: vec![("2xx", 40), ("failed", 5)],
            checked_at: Some(at(3599)),
            last_failure: (!state.is_up()).then(|| (at(3590), "<b>\"refused\"</b>\n".to_owned())),
        };
        Status {
            version: "1.2.3",
            now: at(3600),
            started: at(0),
            is_stopping: false,
            traffic: Traffic { connections: 3, accepted: 10, requests: vec![("2xx", 7), ("5xx", 1)] },
            upstreams: vec![UpstreamStatus {
                name: "api".to_owned(),
                held: Waiting { now: 1, begun: 4, timed_out: 2, refused: 0 },
                queued: Some(Waiting::default()),
                servers: Standing::ALL.into_iter().enumerate().map(server).collect(),
            }],
            processes: vec![ProcessStatus {
                name: "api".to_owned(),
                state: "waiting",
                is_ready: false,
                pid: None,
                starts: 3,
                last_end: Some("exit status: 1".to_owned()),
            }],
        }
    }

    #[test]
    fn it_is_ready_while_each_upstream_has_a_server_that_may_be_asked() {
        let mut status = status();
        assert_eq!(status.not_ready(), None);
        status.upstreams[0].servers.iter_mut().for_each(|server| server.is_usable = false);
        assert_eq!(status.not_ready().as_deref(), Some("no server can be asked of: api"));
        status.upstreams.clear();
        assert_eq!(status.not_ready(), None);
        status.is_stopping = true;
        assert_eq!(status.not_ready().as_deref(), Some("stopping"));
    }
}
