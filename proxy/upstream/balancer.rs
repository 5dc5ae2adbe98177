//! Which server of one tier gets a request. Tiers are the servers proper, and the backups; which of them is asked is `group`'s matter.
//!
//! Rings are Pingora's ketama. The rest of pingora-load-balancing is not used: its selections hand out addresses, so that Unix sockets have none on its
//! ring; its round robin sends the turns of a heavy server in one go; and it has neither the fewest requests nor a cookie, for which it would have to
//! know what is under way.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::group::{Key, ServerIndex};
use super::ring::Ring;
use super::rotation::Rotation;
use super::server::Server;
use crate::config::Balance;

/// The choice within one tier.
pub(super) struct Balancer {
    rotation: Rotation,
    rule: Rule,
}

enum Rule {
    /// Turns; also under a cookie, for clients that have none yet.
    Turns,
    LeastConn,
    Random(Randomness),
    Ring(Ring),
}

impl Balancer {
    /// For these servers of a group.
    pub(super) fn new(balance: &Balance, servers: &[(ServerIndex, &Server)]) -> Self {
        let weights: Vec<_> = servers.iter().map(|&(index, server)| (index, server.weight())).collect();
        let rule = match balance {
            Balance::RoundRobin | Balance::Cookie { .. } => Rule::Turns,
            Balance::LeastConn => Rule::LeastConn,
            Balance::Random => Rule::Random(Randomness::new()),
            Balance::IpHash | Balance::Header(_) => {
                let on_ring: Vec<_> = servers.iter().map(|&(index, server)| (index, server.url(), server.weight())).collect();
                Rule::Ring(Ring::new(&on_ring))
            }
        };
        Self { rotation: Rotation::new(&weights), rule }
    }

    /// A server that fits.
    pub(super) fn choose(&self, key: &Key<'_>, servers: &[Server], fits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        match &self.rule {
            Rule::Turns => self.rotation.next(fits),
            Rule::LeastConn => self.least_busy(servers, fits),
            Rule::Random(randomness) => {
                let first = self.rotation.from(randomness.next(), &fits)?;
                let second = self.rotation.from(randomness.next(), |index| index != first && fits(index));
                Some(second.map_or(first, |second| less_busy(servers, first, second)))
            }
            // Who says nothing of itself gets whoever is next, not all the same.
            Rule::Ring(ring) => match key {
                Key::None => self.rotation.next(fits),
                Key::Address(address) => ring.find(address.as_bytes(), fits),
                Key::Value(value) => ring.find(value, fits),
            },
        }
    }

    /// Among equals they take turns.
    fn least_busy(&self, servers: &[Server], fits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let first = self.rotation.step() % servers.len().max(1);
        let from_first = (first..servers.len()).chain(0..first).map(ServerIndex::new);
        from_first.filter(|&index| fits(index)).reduce(|best, other| less_busy(servers, best, other))
    }
}

/// The one with fewer requests for its weight; of equals the first.
fn less_busy(servers: &[Server], first: ServerIndex, second: ServerIndex) -> ServerIndex {
    let (Some(a), Some(b)) = (servers.get(first.get()), servers.get(second.get())) else { return first };
    // As fractions, without dividing; one more each, so that of two idle servers the heavier is the less busy.
    let load = |of: &Server, beside: &Server| (u64::from(of.state().active()) + 1) * u64::from(beside.weight());
    if load(b, a) < load(a, b) { second } else { first }
}

/// Numbers that spread, for all workers: SplitMix64 on one atomic. Not for secrets.
struct Randomness(AtomicU64);

impl Randomness {
    fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }

    fn next(&self) -> usize {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap_or_default()
    }
}
