//! A name, and the addresses that it was last found to have.
//!
//! It is looked up when it is first needed, and again when its time to live has passed: meanwhile and when that fails, the old addresses are still the best
//! there are. When none of them answers it is looked up at once, whatever its time to live, for that is what a container that moved looks like.
//! Reading what is known takes no lock.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::peer::{PeerMaker, ServerPeer};
use super::resolver::{Answer, Resolver};

/// A shorter time to live would be a question for nearly each request.
const TIME_TO_LIVE_MIN: Duration = Duration::from_secs(1);
/// A longer one would hide new containers: Docker says ten minutes of all of its own.
const TIME_TO_LIVE_MAX: Duration = Duration::from_secs(30);
/// How long addresses are used after their time to live while the name is not resolved: longer than names are usually out of order.
const STALE_MAX: Duration = Duration::from_secs(60 * 60);
/// Between two questions, when the first was answered with an error, or with addresses that do not answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A name and its port.
pub(super) struct Name {
    host: String,
    port: u16,
    maker: PeerMaker,
    resolver: Resolver,
    known: ArcSwapOption<Known>,
    /// Whose turn it is among the addresses.
    turn: AtomicUsize,
    /// Somebody refreshes what is known.
    refreshing: AtomicBool,
    /// Held while the name is looked up, so that a crowd of requests is one question; when that last came to an end, and how.
    asking: tokio::sync::Mutex<Option<(Instant, Option<String>)>>,
    /// The last lookup failed; told once.
    failing: Mutex<bool>,
}

/// Addresses.
pub(super) struct Known {
    peers: Box<[Address]>,
    fresh_until: Instant,
    stale_until: Instant,
}

/// One of them.
struct Address {
    peer: ServerPeer,
    address: SocketAddr,
    /// It did not answer, so the others come first until the name is looked up again.
    is_silent: AtomicBool,
}

impl Name {
    pub(super) fn new(host: &str, port: u16, maker: PeerMaker, resolver: Resolver) -> Arc<Self> {
        Arc::new(Self {
            host: host.to_owned(),
            port,
            maker,
            resolver,
            known: ArcSwapOption::empty(),
            turn: AtomicUsize::new(0),
            refreshing: AtomicBool::new(false),
            asking: tokio::sync::Mutex::default(),
            failing: Mutex::new(false),
        })
    }

    /// What is known, if it may still be used. When its time to live has passed it is refreshed meanwhile, by a task that ends with its one question.
    pub(super) fn known(self: &Arc<Self>) -> Option<Arc<Known>> {
        let known = self.known.load_full()?;
        let now = Instant::now();
        if now < known.fresh_until {
            return Some(known);
        }
        if !self.refreshing.swap(true, Ordering::Relaxed) {
            let refreshing = Refreshing(Arc::clone(self));
            tokio::spawn(async move { refreshing.0.ask_after(now).await });
        }
        (now < known.stale_until).then_some(known)
    }

    /// What is known, or what the name is now found to have.
    ///
    /// # Errors
    /// The cause, for the log.
    pub(super) async fn addresses(self: &Arc<Self>) -> Result<Arc<Known>, String> {
        match self.known() {
            Some(known) => Ok(known),
            None => self.ask_after(Instant::now()).await.and_then(|()| self.known().ok_or_else(|| self.nothing())),
        }
    }

    /// Other addresses than these, which do not answer; `None` when there are no others.
    pub(super) async fn others_than(self: &Arc<Self>, silent: &Known) -> Option<Arc<Known>> {
        // Who asked while we tried, asked for us too.
        let _ = self.ask_after(Instant::now()).await;
        self.known().filter(|known| !known.is_same(silent))
    }

    /// The number of the next turn.
    pub(super) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of the turn that was taken last.
    pub(super) fn last_turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed).wrapping_sub(1)
    }

    /// Looks the name up, unless that was done since this moment, or has just been done in vain.
    async fn ask_after(&self, moment: Instant) -> Result<(), String> {
        let mut asked = self.asking.lock().await;
        if let Some((at, cause)) = asked.as_ref()
            && (*at >= moment || at.elapsed() < ASK_AGAIN_AFTER)
        {
            return cause.clone().map_or(Ok(()), Err);
        }
        let answer = self.resolver.look_up(&self.host).await;
        let now = Instant::now();
        let result = match answer {
            Ok(answer) => {
                self.learn(&answer, now);
                Ok(())
            }
            Err(cause) => {
                self.keep(&cause, now);
                Err(cause)
            }
        };
        *asked = Some((now, result.clone().err()));
        result
    }

    /// Takes an answer in.
    fn learn(&self, answer: &Answer, now: Instant) {
        let fresh_until = now + answer.time_to_live.clamp(TIME_TO_LIVE_MIN, TIME_TO_LIVE_MAX);
        let address = |ip| {
            let address = SocketAddr::new(ip, self.port);
            Address { peer: self.maker.tcp(address), address, is_silent: AtomicBool::new(false) }
        };
        let peers: Box<[Address]> = answer.addresses.iter().map(|&ip| address(ip)).collect();
        let known = Arc::new(Known { peers, fresh_until, stale_until: fresh_until + STALE_MAX });
        let before = self.known.swap(Some(Arc::clone(&known)));
        if self.was_failing(false) {
            tracing::info!(name = %self.host, "the name is resolved again");
        }
        if before.is_some_and(|before| !before.is_same(&known)) {
            let addresses = answer.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            tracing::info!(name = %self.host, %addresses, "the name has other addresses");
        }
    }

    /// Keeps what is known, when there is no answer.
    fn keep(&self, cause: &str, now: Instant) {
        if let Some(known) = self.known.load_full().filter(|known| known.fresh_until <= now) {
            let peers = known.peers.iter().map(Address::anew).collect();
            let kept = Known { peers, fresh_until: now + ASK_AGAIN_AFTER, stale_until: known.stale_until };
            self.known.store(Some(Arc::new(kept)));
        }
        if !self.was_failing(true) {
            tracing::warn!(name = %self.host, cause, "the name is not resolved; its last addresses are used, if it had any");
        }
    }

    fn was_failing(&self, failing: bool) -> bool {
        std::mem::replace(&mut *self.failing.lock().unwrap_or_else(PoisonError::into_inner), failing)
    }

    fn nothing(&self) -> String {
        format!("{} is not resolved", self.host)
    }
}

/// The right to refresh; given back when the task ends, in whatever way.
struct Refreshing(Arc<Name>);

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.refreshing.store(false, Ordering::Relaxed);
    }
}

impl Known {
    /// The peer whose turn it is, and those behind it; the silent ones last.
    pub(super) fn in_turn(&self, turn: usize) -> impl Iterator<Item = Candidate<'_>> {
        let (before, behind) = self.peers.split_at_checked(turn.checked_rem(self.peers.len()).unwrap_or_default()).unwrap_or_default();
        let loud = |is_silent: bool| move |address: &&Address| address.is_silent.load(Ordering::Relaxed) == is_silent;
        let all = || behind.iter().chain(before);
        all().filter(loud(false)).chain(all().filter(loud(true))).map(Candidate)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// `true` when the addresses are the same, in whatever order.
    fn is_same(&self, other: &Self) -> bool {
        let has = |address: &Address| other.peers.iter().any(|known| known.address == address.address);
        self.peers.len() == other.peers.len() && self.peers.iter().all(has)
    }
}

impl Address {
    fn anew(&self) -> Self {
        Self { peer: self.peer.clone(), address: self.address, is_silent: AtomicBool::new(false) }
    }
}

/// An address that may be asked.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a>(&'a Address);

impl<'a> Candidate<'a> {
    pub(super) fn peer(self) -> &'a ServerPeer {
        &self.0.peer
    }

    /// Says whether it answered.
    pub(super) fn note(self, answered: Answered) {
        self.0.is_silent.store(answered == Answered::No, Ordering::Relaxed);
    }
}

/// Whether an address answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    No,
}
