//! A group of servers: which of them gets a request, and who waits for one. Shared by all workers.
//!
//! [`Group::pick`] is what a request asks, once for each try. What it goes by is each server's state (`state`), which health, the breaker and slow start
//! write; what it chooses among those that may be asked is the balancer's matter. A backup stands in for servers that are down, not for busy ones.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderName;
use tokio::time::Instant;

use super::balancer::Balancer;
use super::check::Check;
use super::connector::ConnectError;
use super::hold::Hold;
use super::queue::Queue;
use super::secure::Secure;
use super::server::{Server, Settings};
use super::state::{Active, Lasting};
use super::sticky::Tokens;
use super::warmth::Warmth;
use crate::config::{Balance, Breaker, Diagnostic, Retry};
use crate::plan;
use crate::units::{Protocol, Scheme};

/// The servers of one upstream.
pub struct Group {
    name: String,
    servers: Box<[Server]>,
    primaries: Balancer,
    backups: Option<Balancer>,
    balance: Balance,
    tokens: Option<Tokens>,
    wait: Duration,
    pub(super) hold: Hold,
    /// Where a server has a limit.
    pub(super) queue: Option<Queue>,
    retry: Retry,
    pub(super) breaker: Option<Breaker>,
    pub(super) check: Option<Check>,
    warmth: Warmth,
}

/// Which server of its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIndex(u16);

/// What a request has that the choice may go by.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// Nothing.
    None,
    /// Where it comes from.
    Address(AddressKey),
    /// The value of the header, or of the cookie.
    Value(&'a [u8]),
}

/// An address as far as it stays the same: an IPv6 host changes the second half of its own.
#[derive(Debug, Clone, Copy)]
pub struct AddressKey {
    bytes: [u8; 8],
    len: u8,
}

/// What a group wants to know of a request.
#[derive(Debug, Clone, Copy)]
pub enum Wants<'a> {
    /// Nothing.
    Nothing,
    /// The client's address.
    Address,
    /// The value of this header.
    Header(&'a HeaderName),
    /// The value of this cookie.
    Cookie(&'a str),
}

/// A server that was picked for a request, which is counted there until this is dropped.
pub struct Picked<'g> {
    server: &'g Server,
    index: ServerIndex,
    active: Active<'g>,
}

impl Group {
    /// Takes an upstream of the plan.
    ///
    /// # Errors
    /// When one of its servers cannot be used at all.
    pub fn new(upstream: &plan::Upstream, settings: &Settings) -> Result<Self, Diagnostic> {
        let is_limited = upstream.servers.iter().any(|server| server.max_conns.is_some());
        // Where nobody is to wait, there is no place to wait in.
        let queue = is_limited.then(|| Queue::new(if upstream.wait.is_zero() { 0 } else { upstream.queue }));
        let alone = (upstream.servers.len() == 1).then_some(upstream.name.as_str());
        let freed = || queue.as_ref().map(Queue::freed);
        let is_secure = upstream.servers.iter().any(|server| server.url.scheme == Scheme::Https);
        let secure = if is_secure { Some(Secure::load(&upstream.tls, &settings.roots)?) } else { None };
        let server = |planned| Server::new(planned, alone, (settings, secure.as_ref()), upstream.health.slow_start, freed());
        let servers: Box<[Server]> = upstream.servers.iter().map(server).collect::<Result<_, _>>()?;
        let tier = |is_backup: bool| -> Vec<(ServerIndex, &Server)> {
            let indexed = servers.iter().enumerate().map(|(index, server)| (ServerIndex::new(index), server));
            indexed.filter(|(_, server)| server.is_backup() == is_backup).collect()
        };
        let (primaries, backups) = (tier(false), tier(true));
        let tokens = match &upstream.balance {
            Balance::Cookie { secret, .. } => {
                let key = secret.as_deref().unwrap_or(&upstream.name);
                let urls: Vec<_> = servers.iter().map(Server::url).collect();
                Some(Tokens::new(key, &urls))
            }
            Balance::RoundRobin | Balance::LeastConn | Balance::Random | Balance::IpHash | Balance::Header(_) => None,
        };
        Ok(Self {
            name: upstream.name.clone(),
            primaries: Balancer::new(&upstream.balance, &primaries),
            backups: (!backups.is_empty()).then(|| Balancer::new(&upstream.balance, &backups)),
            balance: upstream.balance.clone(),
            tokens,
            wait: upstream.wait,
            hold: Hold::default(),
            queue,
            retry: upstream.retry.clone(),
            breaker: upstream.health.breaker,
            check: upstream.health.check.as_ref().map(|check| Check::new(check, upstream)),
            warmth: Warmth::default(),
            servers,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The places of its servers.
    pub fn indexes(&self) -> impl Iterator<Item = ServerIndex> + use<> {
        (0..self.servers.len()).map(ServerIndex::new)
    }

    /// Its servers; a [`ServerIndex`] is a place in this list.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The name of one of its servers, for logs; its own where that server is not known.
    pub fn name_of(&self, server: Option<ServerIndex>) -> &str {
        server.and_then(|index| self.servers.get(index.get())).map_or(&self.name, Server::name)
    }

    /// What its servers are spoken to in.
    pub fn protocol(&self) -> Protocol {
        self.servers.first().map_or(Protocol::Http1, Server::protocol)
    }

    /// How long requests are held while none can be had.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// After which failures a request is sent again.
    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// What [`pick`](Self::pick) goes by.
    pub fn wants(&self) -> Wants<'_> {
        match &self.balance {
            Balance::IpHash => Wants::Address,
            Balance::Header(name) => Wants::Header(name),
            Balance::Cookie { name, .. } => Wants::Cookie(name),
            Balance::RoundRobin | Balance::LeastConn | Balance::Random => Wants::Nothing,
        }
    }

    /// The cookie that a client is to get with the answer of this server, unless it has it: name and value.
    pub fn new_cookie(&self, key: &Key<'_>, server: ServerIndex) -> Option<(&str, &str)> {
        let (Balance::Cookie { name, .. }, Some(tokens)) = (&self.balance, &self.tokens) else { return None };
        let token = tokens.of(server)?;
        (!matches!(key, Key::Value(value) if *value == token.as_bytes())).then_some((name, token))
    }

    /// A server that may be asked and was not tried; `None` when there is none, or none with room, or others wait for room.
    pub fn pick(&self, key: &Key<'_>, tried: &[ServerIndex]) -> Option<Picked<'_>> {
        if self.queue.as_ref().is_some_and(Queue::has_waiting) {
            return None;
        }
        self.pick_first_come(key, tried)
    }

    fn pick_first_come(&self, key: &Key<'_>, tried: &[ServerIndex]) -> Option<Picked<'_>> {
        if let [server] = &*self.servers {
            return if tried.is_empty() && server.state().is_usable() { self.take(ServerIndex(0)) } else { None };
        }
        let may =
            |index: ServerIndex| !tried.contains(&index) && self.servers.get(index.get()).is_some_and(|server| server.state().is_usable());
        let is = |index: ServerIndex, backup: bool| self.servers.get(index.get()).is_some_and(|server| server.is_backup() == backup);
        if let (Some(tokens), Key::Value(value)) = (&self.tokens, key)
            && let Some(index) = tokens.find(value).filter(|&index| may(index))
            && (is(index, false) || !self.indexes().any(|other| is(other, false) && may(other)))
            && let Some(picked) = self.take(index)
        {
            return Some(picked);
        }
        let draw = self.warmth.draw();
        let is_due = |index: ServerIndex| self.servers.get(index.get()).is_some_and(|server| draw.lets(server.state()));
        if let Some(picked) = self.choose(&self.primaries, key, |index| is(index, false) && may(index) && is_due(index)) {
            return Some(picked);
        }
        if self.indexes().any(|index| is(index, false) && may(index)) {
            // One that has just come back is better than none.
            return self.choose(&self.primaries, key, |index| is(index, false) && may(index));
        }
        if let Some(backups) = &self.backups {
            if let Some(picked) = self.choose(backups, key, |index| is(index, true) && may(index)) {
                return Some(picked);
            }
            if self.indexes().any(may) {
                return None;
            }
        }
        // All others have failed this request: one that is left alone may have come back, and nothing is lost by asking it.
        let is_left = |index: ServerIndex| {
            !tried.contains(&index) && self.servers.get(index.get()).is_some_and(|server| !server.is_backup() && server.state().is_ready())
        };
        self.choose(&self.primaries, key, is_left)
    }

    /// Chooses until one has room indeed: another worker may have taken the last place meanwhile.
    fn choose(&self, balancer: &Balancer, key: &Key<'_>, may: impl Fn(ServerIndex) -> bool) -> Option<Picked<'_>> {
        let has_room = |index: ServerIndex| self.servers.get(index.get()).is_some_and(|server| server.state().has_room());
        (0..self.servers.len()).find_map(|_| {
            let index = balancer.choose(key, &self.servers, |index| may(index) && has_room(index))?;
            self.take(index)
        })
    }

    fn take(&self, index: ServerIndex) -> Option<Picked<'_>> {
        let server = self.servers.get(index.get())?;
        Some(Picked { server, index, active: server.state().enter()? })
    }

    /// `true` when there are servers that may be asked, and it is only for want of room that none is picked.
    pub(super) fn is_full(&self, tried: &[ServerIndex]) -> bool {
        let may = |(index, server): (usize, &Server)| !tried.contains(&ServerIndex::new(index)) && server.state().is_usable();
        self.queue.is_some() && self.servers.iter().enumerate().any(may)
    }

    /// Waits in the queue for a server with room.
    pub(super) async fn wait_for_room(&self, key: &Key<'_>, tried: &[ServerIndex], deadline: Instant) -> Result<Picked<'_>, ConnectError> {
        let busy = |what: &str| ConnectError::NotReady(format!("{}: all servers have max_conns requests; {what}", self.name));
        let place = self.queue.as_ref().and_then(Queue::enter);
        let Some(place) = place else { return Err(busy("too many are waiting")) };
        let picked = place.until(deadline, || self.pick_first_come(key, tried)).await;
        picked.ok_or_else(|| busy(&format!("waited {:?}", self.wait)))
    }
}

impl<'g> Picked<'g> {
    /// The server.
    pub fn server(&self) -> &'g Server {
        self.server
    }

    /// Which it is.
    pub fn index(&self) -> ServerIndex {
        self.index
    }

    /// Counts on for a tunnel, which outlives its request.
    pub fn lasting(self) -> Lasting {
        self.active.lasting()
    }
}

impl ServerIndex {
    /// The server at this place. (A group has far fewer than would not fit.)
    pub(super) fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// Its place.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl AddressKey {
    /// Of a client.
    pub fn new(address: IpAddr) -> Self {
        let mut bytes = [0; 8];
        let len = match address.to_canonical() {
            IpAddr::V4(address) => {
                bytes.iter_mut().zip(address.octets()).for_each(|(to, from)| *to = from);
                4
            }
            IpAddr::V6(address) => {
                bytes.iter_mut().zip(address.octets()).for_each(|(to, from)| *to = from);
                8
            }
        };
        Self { bytes, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}
