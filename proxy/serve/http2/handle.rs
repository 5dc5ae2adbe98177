//! A task's hold of its stream.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use super::session::Session;
use super::stream::Stream;

/// Dropping it ends the stream.
#[derive(Debug)]
pub(super) struct Handle {
    session: Rc<RefCell<Session>>,
    pub(super) id: u32,
}

impl Handle {
    /// Opens a stream.
    pub(super) fn open(session: &Rc<RefCell<Session>>, stream: Stream) -> Self {
        let id = stream.id;
        session.borrow_mut().streams.push(stream);
        Self { session: Rc::clone(session), id }
    }

    /// What all streams share.
    pub(super) fn session(&self) -> RefMut<'_, Session> {
        self.session.borrow_mut()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.session.borrow_mut().close(self.id);
    }
}
