//! The roots while they are served: a new build is noticed, loaded beside the old one, and swapped in whole.
//!
//! One thread of its own does all of it, so that no request waits for a load; between looks it sleeps. The kernel tells of most changes at once
//! (`notice`); a slow look now and then finds the others. `root` decides, for one root, when what is there is at rest and fit to be served.

mod notice;
mod root;
mod settling;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use self::notice::Notice;
use self::root::RootWatch;
use crate::serve::{Current, Live};

/// How often it is looked whether the last request on an old build has ended.
const RETIRED_LOOK: Duration = Duration::from_secs(2);
/// Old builds that are waited for at once; an older one is freed by whoever has it last.
const RETIRED_MAX: usize = 16;
/// How long a stop waits for a load that is under way: on a dead disk it may never end.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// The running watch.
pub(super) struct Watch {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

/// What the watch is woken for.
#[derive(Debug, Default)]
struct Bell {
    /// Something below a root may have changed.
    changed: AtomicBool,
    /// The roots are to be loaded again, whatever they look like.
    asked: AtomicBool,
    /// It is to end.
    closing: AtomicBool,
}

impl Watch {
    /// Starts to watch what `current` serves, whose load began at that time.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub(super) fn start(current: Current, load_began: SystemTime) -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let (sender, ended) = sync_channel(1);
        let rung = Arc::clone(&bell);
        let thread = std::thread::Builder::new().name("watch".into()).spawn(move || {
            watch(&current, &rung, load_began);
            drop(sender);
        })?;
        Ok(Self { bell, thread, ended })
    }

    /// Loads all roots again now.
    pub(super) fn look_now(&self) {
        self.bell.asked.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    /// Ends it.
    pub(super) fn close(self) {
        self.bell.closing.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.ended.recv_timeout(CLOSE_PATIENCE) == Err(RecvTimeoutError::Disconnected) && self.thread.join().is_err() {
            tracing::error!("the watch panicked");
        }
    }
}

fn watch(current: &Current, bell: &Arc<Bell>, load_began: SystemTime) {
    let roots = current.load().roots();
    let watched: Vec<&Path> = roots.iter().filter(|root| root.folder.watch).flat_map(|root| root.folder.paths()).collect();
    let mut notice = Notice::new(&watched, bell);
    let mut roots: Vec<RootWatch> = roots.into_iter().map(|root| RootWatch::new(root, load_began, &mut notice)).collect();
    let mut retired: Vec<Arc<Live>> = Vec::new();
    while !bell.closing.load(Ordering::Acquire) {
        let now = Instant::now();
        let (asked, changed) = (bell.asked.swap(false, Ordering::AcqRel), bell.changed.swap(false, Ordering::AcqRel));
        for root in &mut roots {
            if asked {
                root.ask(now);
            } else if changed {
                root.wake(now);
            }
            retired.extend(root.expire(now, current));
            if root.due().is_some_and(|due| due <= now) {
                retired.extend(root.step(now, current, &mut notice));
            }
        }
        // Freed here, where no request waits for it.
        retired.retain(|live| Arc::strong_count(live) > 1);
        retired.drain(..retired.len().saturating_sub(RETIRED_MAX));
        let now = Instant::now();
        let look = (!retired.is_empty()).then(|| now + RETIRED_LOOK);
        match roots.iter().filter_map(RootWatch::due).chain(look).min() {
            Some(due) => std::thread::park_timeout(due.saturating_duration_since(now)),
            None => std::thread::park(),
        }
    }
}
