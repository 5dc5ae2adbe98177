//! Memory that is used again: what a request needs and an idle connection does not.

use std::cell::RefCell;

/// Things that one pool keeps; more are given back to the allocator.
const KEPT_MAX: usize = 32;

/// Things of one kind that wait for their next use. One a worker, so without locks.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    kept: RefCell<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { kept: RefCell::new(Vec::new()) }
    }
}

impl<T: Default> Pool<T> {
    /// A thing that was given back, or a new one.
    pub(crate) fn take(&self) -> T {
        self.kept.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a thing back.
    pub(crate) fn give(&self, thing: T) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(thing);
        }
    }
}
