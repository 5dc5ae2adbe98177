//! How upstreams and their servers stand at one moment, as plain values: `upstream` fills them in, and `telemetry` tells them.

use std::time::SystemTime;

/// One upstream.
#[derive(Debug, Clone)]
pub struct UpstreamStatus {
    /// Its name.
    pub name: String,
    /// Requests that wait because no server can be reached.
    pub held: Waiting,
    /// Requests that wait because all servers have as many as they may; `None` where there is no such limit.
    pub queued: Option<Waiting>,
    /// Its servers.
    pub servers: Vec<ServerStatus>,
}

/// Requests that wait for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Now.
    pub now: u64,
    /// Since the start.
    pub begun: u64,
    /// Of those, who waited in vain.
    pub timed_out: u64,
    /// Who found all places taken, and did not wait.
    pub refused: u64,
}

/// One server of an upstream.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    /// Where it is, as it is written in a config.
    pub url: String,
    /// How it stands.
    pub state: Standing,
    /// Requests may go to it. (They do to one that fails, where there is no other.)
    pub is_usable: bool,
    /// Since when it fails or is not well.
    pub since: Option<SystemTime>,
    /// Until when it is left alone.
    pub left_alone_until: Option<SystemTime>,
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
    pub ended: Vec<(&'static str, u64)>,
    /// When a check last looked.
    pub checked_at: Option<SystemTime>,
    /// What last went wrong, and when.
    pub last_failure: Option<(SystemTime, String)>,
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
    /// Its requests fail, and it is asked all the same: there is no other.
    Failing,
    /// It failed, and gets no requests for a while.
    LeftAlone,
    /// A check says that it is not well.
    Down,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Up, Self::Warming, Self::Trying, Self::Failing, Self::LeftAlone, Self::Down];

    /// As it is written for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Warming => "warming",
            Self::Trying => "trying",
            Self::Failing => "failing",
            Self::LeftAlone => "left_alone",
            Self::Down => "down",
        }
    }

    /// `true` when it answers, as far as is known.
    pub const fn is_up(self) -> bool {
        match self {
            Self::Up | Self::Warming | Self::Trying => true,
            Self::Failing | Self::LeftAlone | Self::Down => false,
        }
    }
}
