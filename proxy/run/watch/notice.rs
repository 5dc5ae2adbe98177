//! Being told of changes by the kernel (inotify), as soon as they happen.
//!
//! It does not see everything: not through a link above the root that is moved elsewhere, not on some network and overlay file systems, and not more
//! folders than the system allows. So it only wakes the watch, which looks for itself; nothing depends on it but how soon.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use notify::{Config, ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::Bell;

/// What is told of.
pub(super) struct Notice {
    watcher: Option<RecommendedWatcher>,
    /// For each root, where its files really were when it was armed.
    armed: HashMap<PathBuf, PathBuf>,
    is_incomplete: bool,
}

/// Which events matter.
struct Places {
    /// The roots.
    names: Vec<PathBuf>,
    /// The folders that they stand in: what else happens there is of no interest.
    parents: Vec<PathBuf>,
}

impl Places {
    fn new(roots: &[&Path]) -> Self {
        let mut names: Vec<PathBuf> = roots.iter().filter_map(|root| std::path::absolute(root).ok()).collect();
        names.sort_unstable();
        names.dedup();
        let is_inside = |parent: &Path| names.iter().any(|name| parent.starts_with(name));
        let mut parents: Vec<PathBuf> =
            names.iter().filter_map(|name| name.parent()).filter(|parent| !is_inside(parent)).map(Path::to_owned).collect();
        parents.sort_unstable();
        parents.dedup();
        Self { names, parents }
    }

    fn concern(&self, event: &Event) -> bool {
        let is_relevant = |path: &PathBuf| {
            let stands_beside = path.parent().is_some_and(|parent| self.parents.iter().any(|known| known == parent));
            !stands_beside || self.names.iter().any(|name| path.starts_with(name))
        };
        // Reading changes nothing, and we read ourselves.
        !event.kind.is_access() && (event.paths.is_empty() || event.need_rescan() || event.paths.iter().any(is_relevant))
    }
}

impl Notice {
    /// Tells of these roots coming and going, by ringing the bell for the thread that calls this. What is in them is told of once they are armed.
    pub(super) fn new(roots: &[&Path], bell: &Arc<Bell>) -> Self {
        let mut notice = Self { watcher: None, armed: HashMap::new(), is_incomplete: false };
        let places = Places::new(roots);
        if places.names.is_empty() {
            return notice;
        }
        let parents = places.parents.clone();
        let (bell, thread) = (Arc::clone(bell), std::thread::current());
        let handler = move |event: notify::Result<Event>| {
            if event.map_or(true, |event| places.concern(&event)) {
                bell.changed.store(true, Ordering::Release);
                thread.unpark();
            }
        };
        match RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false)) {
            Ok(watcher) => notice.watcher = Some(watcher),
            Err(error) => notice.tell(&error),
        }
        for parent in parents {
            notice.watch(&parent, RecursiveMode::NonRecursive);
        }
        notice
    }

    /// Tells of what is in this root from now on, where it is now.
    pub(super) fn arm(&mut self, root: &Path) {
        let Ok(real) = root.canonicalize() else { return };
        if let (Some(watcher), Some(before)) = (&mut self.watcher, self.armed.remove(root)) {
            // Even where the path is the same, another folder may stand there now. That it is gone is no error.
            let _ = watcher.unwatch(&before);
        }
        self.watch(&real, RecursiveMode::Recursive);
        self.armed.insert(root.to_owned(), real);
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(path, mode) {
            Ok(()) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => self.tell(&error),
        }
    }

    fn tell(&mut self, error: &notify::Error) {
        if !self.is_incomplete {
            self.is_incomplete = true;
            tracing::info!(%error, "the system does not tell of all changes to the roots; they are found a few seconds later");
        }
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::EventKind;
    use notify::event::{AccessKind, CreateKind};

    fn created(path: &str) -> Event {
        Event::new(EventKind::Create(CreateKind::Any)).add_path(path.into())
    }

    #[test]
    fn what_happens_beside_a_root_is_of_no_interest() {
        let places = Places::new(&[Path::new("/srv/www"), Path::new("/srv/www/admin"), Path::new("/opt/current")]);
        assert_eq!(places.parents, [Path::new("/opt"), Path::new("/srv")]);
        for path in ["/srv/www", "/srv/www/index.html", "/srv/www/admin", "/opt/current", "/opt/releases/2/index.html"] {
            assert!(places.concern(&created(path)), "{path}");
        }
        for path in ["/srv/access.log", "/opt/other", "/srv/www.new"] {
            assert!(!places.concern(&created(path)), "{path}");
        }
    }

    #[test]
    fn reading_is_no_change() {
        let places = Places::new(&[Path::new("/srv/www")]);
        assert!(!places.concern(&Event::new(EventKind::Access(AccessKind::Any)).add_path("/srv/www/index.html".into())));
    }
}
