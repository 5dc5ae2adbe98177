//! Everybody who is connected to `/ws`: who they are, and the news they all get.
//!
//! News goes through one bounded channel. A receiver that is too slow skips what it missed; it
//! never holds up the others. The conversation itself is in [`crate::websocket`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::backend::{Backend, unix_ms};

/// How often everybody is told how things are.
const TICK: Duration = Duration::from_millis(500);
/// News a slow receiver may lag behind before it skips.
const NEWS_MAX: usize = 64;

/// The people on WebSockets.
#[derive(Debug)]
pub struct Room {
    news: broadcast::Sender<Utf8Bytes>,
    sockets: AtomicU64,
    ids: AtomicU64,
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new() -> Self {
        Self { news: broadcast::Sender::new(NEWS_MAX), sockets: AtomicU64::new(0), ids: AtomicU64::new(0) }
    }

    /// Takes a seat, which is given up when it is dropped.
    pub fn join(&self) -> Seat<'_> {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        Seat { room: self, id: self.ids.fetch_add(1, Ordering::Relaxed) + 1, news: self.news.subscribe() }
    }

    /// Tells everybody; an empty room is told nothing.
    pub fn tell(&self, text: String) {
        let _ = self.news.send(Utf8Bytes::from(text));
    }

    /// How many are here.
    #[must_use]
    pub fn sockets(&self) -> u64 {
        self.sockets.load(Ordering::Relaxed)
    }
}

/// One place in the room.
#[derive(Debug)]
pub struct Seat<'room> {
    room: &'room Room,
    id: u64,
    news: broadcast::Receiver<Utf8Bytes>,
}

impl Seat<'_> {
    /// The number of this socket, from 1, never used twice.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The next news. Cancelling the wait loses nothing.
    pub async fn news(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.news.recv().await {
                Ok(text) => return Some(text),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.room.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells the room how things are, until the server stops.
pub async fn tick(backend: Arc<Backend>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = backend.drain().closing() => return,
            _ = interval.tick() => {}
        }
        let sockets = backend.room().sockets();
        if sockets > 0 {
            let state = serde_json::json!({
                "type": "tick",
                "t": unix_ms(SystemTime::now()),
                "requests": backend.requests(),
                "sockets": sockets,
                "load": load(),
            });
            backend.room().tell(state.to_string());
        }
    }
}

/// How busy the machine was in the last minute, from 0 to 1; 0 where Linux does not tell.
fn load() -> f64 {
    let Ok(text) = std::fs::read_to_string("/proc/loadavg") else {
        return 0.0;
    };
    let runnable: f64 = text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    #[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 cores")]
    let busy = runnable / cores as f64;
    busy.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_receiver_skips_and_hears_the_latest() {
        let room = Room::new();
        let mut seat = room.join();
        for number in 0..NEWS_MAX * 3 {
            room.tell(number.to_string());
        }
        let first: usize = seat.news().await.unwrap().parse().unwrap();
        assert!(first > 0, "the oldest news must be gone");
        let mut last = first;
        while last < NEWS_MAX * 3 - 1 {
            last = seat.news().await.unwrap().parse().unwrap();
        }
    }

    #[test]
    fn a_seat_is_given_up_when_it_is_dropped() {
        let room = Room::new();
        let first = room.join();
        let second = room.join();
        assert_eq!((first.id(), second.id(), room.sockets()), (1, 2, 2));
        drop(first);
        assert_eq!(room.sockets(), 1);
        assert_eq!(room.join().id(), 3);
    }
}
