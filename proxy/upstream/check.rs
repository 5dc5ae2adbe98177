//! Active checks: one task for each server, for all workers, that looks whether the server is well without a request being at stake.
//!
//! What it finds it writes to the server's state; what follows from that is the matter of `group`. Until its first look a server counts as well.
//! The tasks belong to [`Checks`] and end with it.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::connector::{Connection, Connector};
use super::group::{Group, ServerIndex};
use super::http2::look;
use super::server::Server;
use super::state::Readiness;
use crate::config::{CheckRequest, HealthCheck};
use crate::http::proxy_protocol::{self, Version};
use crate::plan;
use crate::units::Protocol;

/// What is read of a response until its status is known, interim ones counted.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A server that is not well is looked at this often at least, so that requests which wait for it get in.
const UNWELL_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Looks come up to this part of the interval sooner or later than it says, so that those of many servers and proxies do not fall together.
const JITTER_PERCENT: u64 = 10;

/// How the servers of a group are looked at.
pub(super) struct Check {
    settings: HealthCheck,
    /// For each server what it is asked.
    questions: Box<[Question]>,
}

/// What a server is asked.
enum Question {
    /// Nothing: to connect is enough.
    None,
    /// A request of HTTP/1, as it is sent.
    Http1(Vec<u8>),
    /// The same in HTTP/2.
    Http2(look::Question),
}

impl Check {
    /// For these servers.
    pub(super) fn new(settings: &HealthCheck, upstream: &plan::Upstream) -> Self {
        let question = |server: &plan::UpstreamServer| {
            let Some(request) = &settings.request else { return Question::None };
            let host = request.host.clone().unwrap_or_else(|| server.url.authority());
            let path = &request.path;
            if server.url.protocol == Protocol::Http2 {
                return Question::Http2(look::Question { scheme: server.url.scheme, host, path: path.clone() });
            }
            let mut bytes = Vec::new();
            if let Some(version) = upstream.proxy_protocol {
                announce_ourselves(&mut bytes, version);
            }
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: transom-health\r\nAccept: */*\r\nConnection: close\r\n\r\n");
            bytes.extend_from_slice(head.as_bytes());
            Question::Http1(bytes)
        };
        Self { settings: settings.clone(), questions: upstream.servers.iter().map(question).collect() }
    }

    /// Looks once.
    async fn look(&self, connector: &Connector, server: &Server, question: &Question) -> Result<(), String> {
        let looking = async {
            let mut connection = connector.connect_to(server).await.map_err(|error| error.cause().to_owned())?;
            let Some(expected) = &self.settings.request else { return Ok(()) };
            let status = match question {
                Question::None => return Ok(()),
                Question::Http1(request) => ask(&mut connection, request).await.map_err(|error| error.to_string())?,
                Question::Http2(question) => Box::pin(look::ask(connection, question)).await?,
            };
            judge(status, expected)
        };
        let timed_out = |_| Err(format!("no answer within {:?}", self.settings.timeout));
        tokio::time::timeout(self.settings.timeout, looking).await.unwrap_or_else(timed_out)
    }
}

/// A connection of our own, for nobody else.
fn announce_ourselves(bytes: &mut Vec<u8>, version: Version) {
    proxy_protocol::write(bytes, version, None);
}

fn judge(status: u16, expected: &CheckRequest) -> Result<(), String> {
    if expected.expects(status) { Ok(()) } else { Err(format!("{} was answered with {status}", expected.path)) }
}

/// Asks, and gives the status of the final response.
async fn ask(connection: &mut Connection, request: &[u8]) -> io::Result<u16> {
    connection.write_all(request).await?;
    connection.flush().await?;
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(status) = final_status(&bytes)? {
            return Ok(status);
        }
        if bytes.len() >= HEAD_BYTES_MAX {
            return Err(io::Error::other("the response head is too long"));
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::other("closed without a response"));
        }
    }
}

/// The status behind all interim responses, once its line is there.
fn final_status(mut bytes: &[u8]) -> io::Result<Option<u16>> {
    loop {
        let Some(end) = memchr::memchr(b'\n', bytes) else { return Ok(None) };
        let line = bytes.get(..end).unwrap_or_default();
        let digits = line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = digits.and_then(|digits| str::from_utf8(digits).ok()).and_then(|digits| digits.parse::<u16>().ok());
        match status {
            None => return Err(io::Error::other("what came is no response of HTTP/1")),
            Some(100..200) => {}
            Some(status) => return Ok(Some(status)),
        }
        let Some(head_end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        bytes = bytes.get(head_end + 4..).unwrap_or_default();
    }
}

/// What the looks so far make of a server.
#[derive(Debug)]
struct Standing {
    readiness: Readiness,
    /// Looks in a row that said otherwise.
    contrary: u32,
    is_new: bool,
}

impl Standing {
    const fn new() -> Self {
        Self { readiness: Readiness::Ready, contrary: 0, is_new: true }
    }

    /// Takes one look in; gives what the server is from now on, if that is new.
    fn take(&mut self, found: Readiness, settings: &HealthCheck) -> Option<Readiness> {
        // Nothing is known of a server before: its first look decides alone.
        let is_first = std::mem::replace(&mut self.is_new, false);
        if found == self.readiness {
            self.contrary = 0;
            return None;
        }
        self.contrary = self.contrary.saturating_add(1);
        let needed = match found {
            Readiness::Ready => settings.rise,
            Readiness::NotReady => settings.fall,
        };
        if !is_first && self.contrary < needed {
            return None;
        }
        self.contrary = 0;
        self.readiness = found;
        Some(found)
    }
}

/// The checks of all groups.
#[derive(Debug)]
pub struct Checks {
    tasks: JoinSet<()>,
}

impl Checks {
    /// Starts them on the runtime that this is called on, which must be a local one. A `connect_timeout` of zero is none.
    pub fn start(groups: &Arc<[Group]>, connect_timeout: Duration) -> Self {
        let mut tasks = JoinSet::new();
        if groups.iter().any(|group| group.check.is_some()) {
            let connector = Rc::new(Connector::new(connect_timeout));
            for (index, group) in groups.iter().enumerate().filter(|(_, group)| group.check.is_some()) {
                for server in 0..group.servers().len() {
                    tasks.spawn_local(watch(Arc::clone(groups), index, ServerIndex::new(server), Rc::clone(&connector)));
                }
            }
        }
        Self { tasks }
    }

    /// Ends them.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Looks at one server, again and again.
async fn watch(groups: Arc<[Group]>, group: usize, index: ServerIndex, connector: Rc<Connector>) {
    let Some(group) = groups.get(group) else { return };
    let (Some(check), Some(server)) = (&group.check, group.servers().get(index.get())) else { return };
    let question = check.questions.get(index.get()).unwrap_or(&Question::None);
    let chance = RandomState::new();
    let mut standing = Standing::new();
    let mut had_failed = false;
    for look in 0_u64.. {
        let found = check.look(&connector, server, question).await;
        if found.is_ok() && (had_failed || server.state().is_unreachable()) {
            group.note_return(index);
        }
        had_failed = found.is_err();
        let readiness = if found.is_ok() { Readiness::Ready } else { Readiness::NotReady };
        server.ledger().note_look(found.as_ref().err().map(String::as_str));
        if let Some(readiness) = standing.take(readiness, &check.settings) {
            server.ledger().note_readiness(readiness);
            server.state().set_ready(readiness);
            tell(group, server, found.err());
        }
        let interval = match standing.readiness {
            Readiness::Ready => check.settings.interval,
            Readiness::NotReady => check.settings.interval.min(UNWELL_INTERVAL_MAX),
        };
        tokio::time::sleep(jittered(interval, chance.hash_one(look))).await;
    }
}

fn tell(group: &Group, server: &Server, cause: Option<String>) {
    let (upstream, server) = (group.name(), server.url());
    match cause {
        Some(cause) => tracing::warn!(upstream, server, cause, "the server is not well, and gets no requests"),
        None => tracing::info!(upstream, server, "the server is well again"),
    }
}

fn jittered(interval: Duration, chance: u64) -> Duration {
    let percent = 100 - JITTER_PERCENT + chance % (2 * JITTER_PERCENT + 1);
    interval * u32::try_from(percent).unwrap_or(100) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rise: u32, fall: u32) -> HealthCheck {
        HealthCheck { request: None, interval: Duration::from_secs(1), timeout: Duration::from_secs(1), rise, fall }
    }

    #[test]
    fn the_first_look_decides_alone_and_later_ones_in_a_row() {
        let settings = settings(2, 3);
        let mut standing = Standing::new();
        assert_eq!(standing.take(Readiness::NotReady, &settings), Some(Readiness::NotReady));
        assert_eq!(standing.take(Readiness::Ready, &settings), None);
        assert_eq!(standing.take(Readiness::NotReady, &settings), None);
        assert_eq!(standing.take(Readiness::Ready, &settings), None);
        assert_eq!(standing.take(Readiness::Ready, &settings), Some(Readiness::Ready));
        for _ in 0..2 {
            assert_eq!(standing.take(Readiness::NotReady, &settings), None);
        }
        assert_eq!(standing.take(Readiness::Ready, &settings), None, "what came between begins anew");
        let looks = [Readiness::NotReady; 4].map(|found| standing.take(found, &settings));
        assert_eq!(looks, [None, None, Some(Readiness::NotReady), None]);
    }

    #[test]
    fn a_status_is_found_behind_interim_responses_and_in_pieces() {
        let whole = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.0 204 No Content\r\n";
        for end in 0..whole.len() {
            assert_eq!(final_status(&whole[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(final_status(whole).unwrap(), Some(204));
        for foreign in ["SSH-2.0-OpenSSH\r\n", "HTTP/2 200\r\n", "HTTP/1.1 2x0\r\n", "\n"] {
            assert!(final_status(foreign.as_bytes()).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn looks_do_not_fall_together() {
        let interval = Duration::from_secs(10);
        let times: Vec<_> = (0..100).map(|chance| jittered(interval, chance)).collect();
        assert!(times.iter().all(|time| (9..=11).contains(&time.as_secs())));
        assert!(times.iter().min() < times.iter().max());
    }
}
