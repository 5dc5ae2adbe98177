//! What serves now, and how it is replaced: whole, while requests read it.
//!
//! Whoever builds a new [`Live`] does so on a thread of its own and hands it over with [`Current::replace`]; each worker sees it with its next
//! request. A request keeps what it began with, by a [`Snapshot`]: a count of the worker's own, so that taking one costs no memory traffic between
//! cores. What may last for days (a forwarded stream) holds the frame alone: the same without files, so that no old build stays in memory for it.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::live::Live;

/// The place where what serves now is kept; its clones are the same place.
#[derive(Clone)]
pub struct Current(Arc<ArcSwap<Pair>>);

/// What serves, and the same without files.
struct Pair {
    live: Arc<Live>,
    frame: Arc<Live>,
}

impl Pair {
    fn new(live: Live) -> Self {
        Self { frame: Arc::new(live.without_files()), live: Arc::new(live) }
    }
}

impl Current {
    /// A place with this in it.
    pub fn new(live: Live) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Pair::new(live))))
    }

    /// What serves now.
    pub fn load(&self) -> Arc<Live> {
        Arc::clone(&self.0.load().live)
    }

    /// Lets this serve from now on, and returns what did so before: who drops that last frees its files, which had better not be a worker.
    ///
    /// There must be one who replaces: of two that build on the same predecessor, the second would undo what the first did.
    pub fn replace(&self, live: Live) -> Arc<Live> {
        Arc::clone(&self.0.swap(Arc::new(Pair::new(live))).live)
    }
}

/// One worker's view of a [`Current`].
pub(crate) struct View(RefCell<Seen>);

struct Seen {
    cache: Cache<Arc<ArcSwap<Pair>>, Arc<Pair>>,
    live: Snapshot,
    frame: Snapshot,
}

impl View {
    pub(crate) fn new(current: &Current) -> Self {
        let mut cache = Cache::new(Arc::clone(&current.0));
        let pair = cache.load();
        let (live, frame) = (Snapshot::of(&pair.live), Snapshot::of(&pair.frame));
        Self(RefCell::new(Seen { cache, live, frame }))
    }

    /// What serves now, and the same without files.
    pub(crate) fn pair(&self) -> (Snapshot, Snapshot) {
        let mut seen = self.0.borrow_mut();
        seen.refresh();
        (seen.live.clone(), seen.frame.clone())
    }

    /// What serves now, without files.
    pub(crate) fn frame(&self) -> Snapshot {
        let mut seen = self.0.borrow_mut();
        seen.refresh();
        seen.frame.clone()
    }
}

impl Seen {
    /// One load and one comparison, unless something was replaced.
    fn refresh(&mut self) {
        let pair = self.cache.load();
        if !Arc::ptr_eq(&pair.live, &self.live.0) {
            self.live = Snapshot::of(&pair.live);
            self.frame = Snapshot::of(&pair.frame);
        }
    }
}

/// What served when it was taken. It belongs to one worker.
#[derive(Clone)]
#[expect(clippy::redundant_allocation, reason = "the count of the Arc is shared between cores; that of the Rc is the worker's own")]
pub(crate) struct Snapshot(Rc<Arc<Live>>);

impl Snapshot {
    fn of(live: &Arc<Live>) -> Self {
        Self(Rc::new(Arc::clone(live)))
    }
}

impl Deref for Snapshot {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.0
    }
}
