//! How a connection ends (RFC 9113 §6.8): the client is asked to open no more streams, those that are open end, and it is waited for until it has heard
//! all that was said. A connection that was merely closed would be reset under what the client has not read yet.

use std::time::Duration;

use tokio::time::Instant;

use super::dispatch::{Dispatch, PING};
use crate::http::frame::{Code, Kind, WINDOW_BYTES_MAX};

/// Content that was said within this time may still be on its way to a slow client.
const RECENT: Duration = Duration::from_secs(60);

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is open.
    Open,
    /// The client was asked to open no more streams, and to say that it has heard.
    Asked,
    /// It was told the last stream that is answered.
    Told,
    /// All was said: it may close.
    Lingering,
}

/// The end of one connection.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) stage: Stage,
    /// What had been said when the last PING was.
    asked_behind: Option<u64>,
    /// Streams were answered last.
    busy_until: Option<Instant>,
}

impl Closing {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Open, asked_behind: None, busy_until: None }
    }

    /// A stream is, or was just, open.
    pub(super) fn note_busy(&mut self) {
        self.busy_until = Some(Instant::now());
    }

    /// Asks.
    pub(super) fn ask(&mut self, dispatch: &mut Dispatch) {
        self.stage = Stage::Asked;
        dispatch.session.borrow_mut().outbox.goaway(WINDOW_BYTES_MAX as u32, Code::NoError);
        self.ping(dispatch);
    }

    fn ping(&mut self, dispatch: &mut Dispatch) {
        dispatch.is_heard = false;
        let mut session = dispatch.session.borrow_mut();
        self.asked_behind = Some(session.said);
        session.outbox.frame(Kind::Ping, 0, 0, &PING);
    }

    /// Tells.
    pub(super) fn tell(&mut self, dispatch: &mut Dispatch) {
        self.stage = Stage::Told;
        dispatch.last_taken = dispatch.last_told();
        dispatch.session.borrow_mut().outbox.goaway(dispatch.last_taken, Code::NoError);
    }

    /// `true` once the client has heard all that was said. Asks it, where it was not asked behind the last of it.
    pub(super) fn is_heard(&mut self, dispatch: &mut Dispatch) -> bool {
        if self.asked_behind == Some(dispatch.session.borrow().said) {
            return dispatch.is_heard;
        }
        self.ping(dispatch);
        false
    }

    /// `true` when the client may still be taking what it was sent last.
    pub(super) fn was_busy(&self) -> bool {
        self.busy_until.is_some_and(|until| until.elapsed() < RECENT)
    }
}
