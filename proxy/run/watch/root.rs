//! One root: what was seen of it, what is being done about it, and what is said.
//!
//! A change is waited out (`settling`), loaded, looked at again, and only then swapped in. Whatever is wrong with it is said once, and the build
//! that is served stays.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::announce::{Warned, announce_warnings};
use super::notice::Notice;
use super::settling::{QUIET_MIN, Seen, Settling};
use crate::assets::{Assets, Changes, Fingerprint, LoadProblem, Summary, Tree};
use crate::serve::{Current, Live, Root, begin_coding};

/// How often a root is looked at though nothing was told of it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look at a large root may take one part in so many of the time at most.
const LOOK_SHARE: u32 = 100;
/// The same while changes are told of.
const TOLD_SHARE: u32 = 20;
/// Loads of a root that changes while it is read.
const LOADS_MAX: u32 = 3;
/// How long a build that lacks what its page needs is held back after its last change: no copy that is under way pauses for longer.
const HOLD_PAUSE_MAX: Duration = Duration::from_secs(10);
/// The same for all of a slow copy.
const HOLD_MAX: Duration = Duration::from_secs(120);
/// When a load is tried again that failed because something could not be read.
const RETRY_EVERY: Duration = Duration::from_secs(30);
/// How exactly file systems tell the time of a change.
const CLOCK_GRAIN: Duration = Duration::from_millis(10);
/// Missing files that are named in the log.
const NAMED_MAX: usize = 3;

/// One root.
pub(super) struct RootWatch {
    root: Root,
    /// What was seen when it was last dealt with; `None`: whatever is there is to be loaded.
    known: Option<Seen>,
    state: State,
    /// How long the last look took.
    look_cost: Duration,
    looked: Instant,
    /// When the next file of an earlier build has been kept for long enough.
    expiry: Option<Instant>,
    is_unsteady: bool,
    /// Why the last load failed, if it did.
    refused: Option<String>,
    /// What the last build was warned of.
    warned: Warned,
}

enum State {
    /// Nothing to do until then, or until asked.
    Quiet(Option<Instant>),
    /// It is being written to.
    Settling(Settling),
    /// It is loaded, and lacks what its page needs.
    Held(Box<Held>),
}

struct Held {
    build: Build,
    missing: Vec<String>,
    /// When it is served as it is, if nothing changes.
    until: Instant,
    /// When it is, even if something does.
    end: Instant,
    due: Instant,
}

/// A loaded build.
struct Build {
    assets: Assets,
    summary: Summary,
    took: Duration,
    fingerprint: Fingerprint,
}

impl RootWatch {
    /// Begins with what was loaded at that time.
    pub(super) fn new(root: Root, load_began: SystemTime, notice: &mut Notice) -> Self {
        let now = Instant::now();
        let (look_cost, is_unsteady) = (Duration::ZERO, false);
        let mut watch = Self {
            root,
            known: None,
            state: State::Quiet(None),
            look_cost,
            looked: now,
            expiry: None,
            is_unsteady,
            warned: Warned::default(),
            refused: None,
        };
        if watch.root.folder.watch {
            watch.root.folder.paths().for_each(|path| notice.arm(path));
            // What has changed since the load began may have been missed by it.
            let loaded = |tree: &Tree| tree.changed + CLOCK_GRAIN < load_began;
            watch.known = Tree::look(watch.path(), &watch.root.folder.selection).ok().filter(loaded).map(|tree| Ok(tree.fingerprint));
            watch.look_cost = now.elapsed();
            watch.state = State::Quiet(Some(if watch.known.is_some() { watch.next_look() } else { now }));
        }
        watch
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = match &self.state {
            State::Quiet(due) => *due,
            State::Settling(settling) => Some(settling.due),
            State::Held(held) => Some(held.due),
        };
        due.into_iter().chain(self.expiry).min()
    }

    /// Something may have changed.
    pub(super) fn wake(&mut self, now: Instant) {
        let soon = now.max(self.looked + self.look_cost * TOLD_SHARE);
        match &mut self.state {
            State::Quiet(Some(due)) => *due = soon.min(*due),
            State::Held(held) => held.due = soon.min(held.due),
            // Not watched; or looked at again soon in any case.
            State::Quiet(None) | State::Settling(_) => {}
        }
    }

    /// It is to be loaded, whatever it looks like.
    pub(super) fn ask(&mut self, now: Instant) {
        self.known = None;
        if let State::Quiet(due) = &mut self.state {
            *due = Some(now);
        }
        // Asked for: it is served as it is.
        if let State::Held(held) = &mut self.state {
            (held.until, held.due) = (now, now);
        }
    }

    /// Lets go of files of earlier builds that were kept for long enough. Gives what served before.
    pub(super) fn expire(&mut self, now: Instant, current: &Current) -> Option<Arc<Live>> {
        if self.expiry.is_none_or(|expiry| expiry > now) {
            return None;
        }
        self.expiry = None;
        let live = current.load();
        let (assets, kept) = live.build_of(self.root.route)?;
        let left = kept.without_expired(now);
        self.expiry = left.as_ref().unwrap_or(kept).next_expiry();
        let left = left?;
        tracing::debug!(root = %self.path().display(), kept = left.count(), "files of earlier builds have expired");
        Some(current.replace(live.with_build(self.root.route, Arc::clone(assets), left)))
    }

    /// Does what is due. Gives what served before, if something else does now.
    pub(super) fn step(&mut self, now: Instant, current: &Current, notice: &mut Notice) -> Option<Arc<Live>> {
        let seen = self.look();
        match std::mem::replace(&mut self.state, State::Quiet(None)) {
            State::Quiet(_) if self.known.as_ref() == Some(&seen) => self.rest(),
            State::Quiet(_) => self.state = State::Settling(Settling::new(seen, now)),
            State::Settling(mut settling) => {
                if settling.is_at_rest(seen, now) {
                    return self.deal(settling, current, notice);
                }
                self.state = State::Settling(settling);
            }
            State::Held(held) if seen != Ok(held.build.fingerprint) => {
                self.state = State::Settling(Settling::new(seen, now).holding(held.end));
            }
            State::Held(held) if now >= held.until => {
                let root = self.path().display();
                tracing::warn!(%root, "the new build lacks what its page needs: {}", named(&held.missing));
                return Some(self.swap(held.build, current));
            }
            State::Held(mut held) => {
                held.due = held.until.min(now + QUIET_MIN.max(self.look_cost * TOLD_SHARE));
                self.state = State::Held(held);
            }
        }
        None
    }

    /// What is there is at rest: it is loaded, and served if it is fit.
    fn deal(&mut self, settling: Settling, current: &Current, notice: &mut Notice) -> Option<Arc<Live>> {
        let fingerprint = match &settling.seen {
            Ok(fingerprint) => *fingerprint,
            Err(trouble) => {
                self.refuse(trouble);
                self.known = Some(settling.seen);
                return None;
            }
        };
        if self.root.folder.watch {
            self.root.folder.paths().for_each(|path| notice.arm(path));
        }
        let live = current.load();
        let began = Instant::now();
        let loaded = live.load_root(&self.root, SystemTime::now());
        let took = began.elapsed();
        let seen = self.look();
        if seen != Ok(fingerprint) && settling.loads + 1 < LOADS_MAX {
            self.state = State::Settling(settling.after_load(seen, Instant::now()));
            return None;
        }
        self.known = Some(Ok(fingerprint));
        if seen != Ok(fingerprint) {
            if !std::mem::replace(&mut self.is_unsteady, true) {
                self.refuse("it changes faster than it can be read");
            }
            self.rest();
            return None;
        }
        match loaded {
            Err(error) => {
                let reason = error.to_string();
                if self.refused.as_ref() == Some(&reason) {
                    self.rest();
                } else {
                    self.refuse(&reason);
                }
                // What could not be read may be readable later, without anything that looks different.
                if self.root.folder.watch && matches!(error.problem, LoadProblem::Unreadable(_)) {
                    self.known = None;
                    self.state = State::Quiet(Some(Instant::now() + RETRY_EVERY));
                }
            }
            Ok((_, summary)) if summary.first_root_files == 0 => self.refuse("it has no files"),
            Ok((assets, summary)) => {
                let build = Build { assets, summary, took, fingerprint };
                return self.hold(build, settling.hold_end, &live).map(|build| self.swap(build, current));
            }
        }
        None
    }

    /// Gives the build back, unless it lacks what its page needs and there is time to wait for that. What the served build lacks too is nothing to
    /// wait for: it may be another server's to give.
    fn hold(&mut self, build: Build, end: Option<Instant>, live: &Live) -> Option<Build> {
        let mut missing = live.missing_references(&self.root, &build.assets);
        if let Some((served, _)) = live.build_of(self.root.route) {
            if !missing.is_empty() {
                let before = live.missing_references(&self.root, served);
                missing.retain(|reference| !before.contains(reference));
            }
            if served.has_file(b"/") && !build.assets.has_file(b"/") {
                missing.push("the page itself".to_owned());
            }
        }
        if missing.is_empty() {
            return Some(build);
        }
        let (now, root) = (Instant::now(), self.path().display());
        if end.is_none() {
            let seconds = HOLD_PAUSE_MAX.as_secs();
            tracing::info!(%root, "the new build lacks what its page needs, and waits up to {seconds} s for it: {}", named(&missing));
        }
        let end = end.unwrap_or(now + HOLD_MAX);
        self.state = State::Held(Box::new(Held { build, missing, until: end.min(now + HOLD_PAUSE_MAX), end, due: now }));
        None
    }

    fn swap(&mut self, build: Build, current: &Current) -> Arc<Live> {
        let Build { assets, summary, took, fingerprint } = build;
        let now = Instant::now();
        let live = current.load();
        let (mut changes, mut kept) = (Changes::default(), crate::assets::Kept::default());
        if let Some((served, before)) = live.build_of(self.root.route) {
            changes = Changes::between(served, &assets);
            kept = before.after(served, &assets, (now, self.root.folder.keep_previous), live.room_beside(self.root.route, &assets));
        }
        self.expiry = kept.next_expiry();
        let (kept_count, kept_bytes) = (kept.count(), kept.memory_bytes());
        let assets = Arc::new(assets);
        let before = current.replace(live.with_build(self.root.route, Arc::clone(&assets), kept));
        let memory = current.load().memory_bytes();
        begin_coding(&assets, live.room_beside(self.root.route, &assets).saturating_sub(kept_bytes));
        announce_warnings(&summary.warnings, &mut self.warned);
        let Changes { added, changed, removed } = changes;
        let bytes = summary.memory_bytes + summary.disk_bytes;
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (root, files) = (self.path().display(), summary.files);
        let read = summary.read_files;
        tracing::info!(%root, files, read, bytes, memory, added, changed, removed, kept = kept_count, ms, "serving a new build");
        (self.known, self.is_unsteady, self.refused) = (Some(Ok(fingerprint)), false, None);
        self.rest();
        before
    }

    fn refuse(&mut self, reason: &str) {
        let root = self.path().display();
        tracing::warn!(%root, reason, "the new build is not served; the one in memory still is");
        self.refused = Some(reason.to_owned());
        self.rest();
    }

    fn look(&mut self) -> Seen {
        let began = Instant::now();
        let seen = Tree::look(self.path(), &self.root.folder.selection).map(|tree| tree.fingerprint).map_err(|error| error.to_string());
        self.looked = Instant::now();
        self.look_cost = self.looked - began;
        seen
    }

    /// Sleeps until the next look.
    fn rest(&mut self) {
        self.state = State::Quiet(self.root.folder.watch.then(|| self.next_look()));
    }

    fn next_look(&self) -> Instant {
        self.looked + LOOK_EVERY.max(self.look_cost * LOOK_SHARE)
    }

    fn path(&self) -> &Path {
        &self.root.folder.root.value
    }
}

fn named(missing: &[String]) -> String {
    let shown: Vec<&str> = missing.iter().take(NAMED_MAX).map(String::as_str).collect();
    match missing.len().saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
