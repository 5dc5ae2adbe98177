//! What the endpoints share: notes, the chat room, counters, the drain and the way to crash.
//!
//! It holds state and nothing else; each endpoint's work is in the module [`crate::router`] names.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::drain::Drain;
use crate::journal::Journal;
use crate::notes::Notes;
use crate::room::Room;

/// How the process is asked to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Exit at once with this code.
    Exit(i32),
    /// Abort, as a failed assertion in native code would.
    Abort,
}

/// Carries a crash out. Returning means that it will not be carried out.
pub type OnCrash = Box<dyn Fn(Crash) + Send + Sync>;

/// The state of one server.
pub struct Backend {
    notes: Mutex<Notes>,
    room: Room,
    requests: AtomicU64,
    started: SystemTime,
    drain: Drain,
    on_crash: OnCrash,
    /// The JSON document built last and the size it was asked for: a benchmark asks for one size.
    document: Mutex<Option<(u64, Bytes)>>,
    journal: Option<Journal>,
}

impl Backend {
    /// A backend with the sample notes and nobody in the room.
    #[must_use]
    pub fn new(drain_timeout: Duration, on_crash: OnCrash, journal: Option<Journal>) -> Self {
        Self {
            notes: Mutex::new(Notes::sample()),
            room: Room::new(),
            requests: AtomicU64::new(0),
            started: SystemTime::now(),
            drain: Drain::new(drain_timeout),
            on_crash,
            document: Mutex::new(None),
            journal,
        }
    }

    /// The notes. The guard must not be held across an await.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        // Notes stay whole even if a holder panicked: each change is one insertion or removal.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document of `size` bytes, from `build` if the last one had another size.
    pub fn document(&self, size: u64, build: impl FnOnce(u64) -> Bytes) -> Bytes {
        let mut slot = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((kept, document)) if *kept == size => document.clone(),
            _ => {
                let document = build(size);
                *slot = Some((size, document.clone()));
                document
            }
        }
    }

    /// Where requests are written down, if they are.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// Everybody on a WebSocket.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The owner of the tasks.
    #[must_use]
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// Counts one request.
    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests seen so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// When this backend was made, in milliseconds since 1970.
    #[must_use]
    pub fn started_unix_ms(&self) -> u64 {
        unix_ms(self.started)
    }

    /// Dies, if the process lets it.
    pub fn crash(&self, crash: Crash) {
        (self.on_crash)(crash);
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("requests", &self.requests).field("room", &self.room).finish_non_exhaustive()
    }
}

/// Milliseconds since 1970; 0 for a clock before that.
#[must_use]
pub fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
