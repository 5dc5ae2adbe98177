//! The `Date` of responses: formatted once a second and not once a request (RFC 9110 §6.6.1).

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::http::date;

/// The wall clock of one worker.
#[derive(Debug)]
pub(crate) struct Clock {
    second: Cell<u64>,
    text: Cell<[u8; 29]>,
}

impl Clock {
    /// A clock that has not been asked yet.
    pub(crate) fn new() -> Self {
        Self { second: Cell::new(0), text: Cell::new(date::format(0)) }
    }

    /// The current date as it stands in a header.
    pub(crate) fn http_date(&self) -> [u8; 29] {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second.get() {
            self.second.set(second);
            self.text.set(date::format(second));
        }
        self.text.get()
    }
}
