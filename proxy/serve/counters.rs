//! What a worker counts for the metrics. Each worker writes its own and no other's, so that counting is one plain addition; they are summed up when
//! somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Traffic;

/// The classes of statuses, and what stands for none. An upstream may send 600 to 999: clients are to take them as 5xx (RFC 9110 section 15), so they
/// count as such.
const CLASSES: [&str; 6] = ["unanswered", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// One worker's. Alone on its lines of the caches (two, for they are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    connections: AtomicU64,
    accepted: AtomicU64,
    requests: [AtomicU64; CLASSES.len()],
}

impl Counters {
    /// A connection was accepted.
    pub(crate) fn open(&self) {
        add(&self.accepted, 1);
        add(&self.connections, 1);
    }

    /// A connection is over.
    pub(crate) fn close(&self) {
        add(&self.connections, u64::MAX);
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// A request was answered with this, if anything was sent.
    pub(crate) fn count(&self, status: Option<StatusCode>) {
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100).min(CLASSES.len() - 1));
        if let Some(requests) = self.requests.get(class) {
            add(requests, 1);
        }
    }
}

/// Nobody else writes it.
fn add(counter: &AtomicU64, number: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
}

/// The counters of all workers.
#[derive(Debug, Clone)]
pub struct Meters {
    counters: Arc<[Arc<Counters>]>,
    draining: CancellationToken,
}

impl Meters {
    pub(super) fn new(counters: &[Arc<Counters>], draining: CancellationToken) -> Self {
        Self { counters: counters.into(), draining }
    }

    /// What clients do, and did since the start.
    pub fn traffic(&self) -> Traffic {
        let mut traffic = Traffic { requests: CLASSES.map(|class| (class, 0)).to_vec(), ..Traffic::default() };
        for one in &*self.counters {
            traffic.connections += one.connections.load(Ordering::Relaxed);
            traffic.accepted += one.accepted.load(Ordering::Relaxed);
            for ((_, sum), counter) in traffic.requests.iter_mut().zip(&one.requests) {
                *sum += counter.load(Ordering::Relaxed);
            }
        }
        traffic
    }

    /// `true` once no new work is taken.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_worker_counted_is_summed_up() {
        let counters = [Arc::<Counters>::default(), Arc::default()];
        let meters = Meters::new(&counters, CancellationToken::new());
        counters.iter().for_each(|one| one.open());
        counters[0].close();
        counters[0].count(Some(StatusCode::OK));
        counters[1].count(Some(StatusCode::NO_CONTENT));
        counters[1].count(Some(StatusCode::BAD_GATEWAY));
        counters[1].count(None);
        counters[0].count(StatusCode::from_u16(600).ok());
        counters[1].count(StatusCode::from_u16(999).ok());
        let traffic = meters.traffic();
        assert_eq!((traffic.connections, traffic.accepted), (1, 2));
        assert_eq!(traffic.requests, [("unanswered", 1), ("1xx", 0), ("2xx", 2), ("3xx", 0), ("4xx", 0), ("5xx", 3)]);
    }
}
