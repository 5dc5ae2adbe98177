//! The time that a frame has which comes in parts, whatever other streams of its connection do: without a limit each connection could hold a buffer for ever
//! for the price of one byte.
//!
//! A frame is small and a client has all of it when it begins; so it has as long as a head (`timeouts.header`). DATA has as long as a body may pause
//! (`timeouts.body_idle`): on a slow link 16 KiB take a while.

use std::task::Context;

use crate::config::Timeouts;
use crate::http::frame::{Head, Kind};
use crate::serve::deadline::Deadline;

/// The deadline of one connection.
#[derive(Debug, Default)]
pub(super) struct Partial {
    deadline: Deadline,
    what: Option<What>,
}

/// What is there in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A frame of content.
    Content,
    /// Any other, or one that is not known yet.
    Other,
}

impl Partial {
    /// A frame is whole: the next begins anew.
    pub(super) fn clear(&mut self) {
        self.what = None;
    }

    /// `true` when the frame that is there in part has had its time.
    pub(super) fn is_late(&mut self, cx: &mut Context<'_>, in_part: Option<&[u8]>, timeouts: &Timeouts) -> bool {
        let what = in_part.filter(|bytes| !bytes.is_empty()).map(|bytes| match Head::read(bytes) {
            Some(Head { kind: Kind::Data, .. }) => What::Content,
            Some(_) | None => What::Other,
        });
        let Some(what) = what else {
            self.clear();
            return false;
        };
        if self.what != Some(what) {
            self.what = Some(what);
            self.deadline.set(match what {
                What::Content => timeouts.body_idle,
                What::Other => timeouts.header,
            });
        }
        self.deadline.poll_passed(cx).is_ready()
    }
}
