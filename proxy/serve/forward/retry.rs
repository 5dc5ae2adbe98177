//! Whether a request that failed at one server is sent again: how often, for what, and in what time. Where to is the group's matter.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::relay::Failure;
use crate::config::{Retry, RetryMethods, RetryOn};
use crate::http::request::Method;
use crate::upstream::{Group, ServerIndex, Tried};

/// How often a request is sent at least while no server begins with it.
const TRIES_NOT_TAKEN_MAX: u32 = 3;

/// The tries of one request.
pub(super) struct Tries<'a> {
    retry: &'a Retry,
    made: u32,
    max: u32,
    /// When the first began.
    began: Option<Instant>,
}

impl<'a> Tries<'a> {
    pub(super) fn new(retry: &'a Retry, method: Method) -> Self {
        Self { retry, made: 0, max: tries_max(retry, method), began: None }
    }

    /// One more begins; gives the time that its response head may take.
    pub(super) fn begin(&mut self, response_timeout: Duration) -> Duration {
        self.made += 1;
        let began = *self.began.get_or_insert_with(Instant::now);
        let Some(within) = self.retry.within else { return response_timeout };
        // Not zero, which would be no limit.
        let left = within.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
        if response_timeout.is_zero() { left } else { response_timeout.min(left) }
    }

    /// `true` when there may be one more.
    fn has_next(&self) -> bool {
        self.made < self.max && self.has_time()
    }

    fn has_time(&self) -> bool {
        self.retry.within.is_none_or(|within| self.began.is_none_or(|began| began.elapsed() < within))
    }

    /// The statuses whose responses are not to be passed on, because there may be one more try.
    pub(super) fn discards(&self) -> Option<&'a RetryOn> {
        Some(&self.retry.on).filter(|on| !on.statuses.is_empty() && self.has_next())
    }

    /// `true` when the request is to be sent again after this. That nothing of it is lost, the caller knows.
    pub(super) fn follow(&self, failure: &Failure) -> bool {
        match failure {
            // Whatever it asks for: nobody has begun with it (RFC 9113 §8.7).
            Failure::NotTaken(_) => self.made < self.max.max(TRIES_NOT_TAKEN_MAX) && self.has_time(),
            Failure::NoResponse(_) => self.retry.on.reset && self.has_next(),
            Failure::TimedOut(_) => self.retry.on.timeout && self.has_next(),
            // The response is gone: that there is one more try was known before.
            Failure::Unwanted(_) => true,
            Failure::Unsayable(_) | Failure::BadResponse(_) | Failure::RequestBody(_) | Failure::Client(_) => false,
        }
    }
}

/// How often a request may be sent while no response is passed on. A kept connection that was closed as we took it and a
/// server that went down with the request in its queue can meet one request in this order, so one that only asks is sent three times at most
/// (held while the server comes back), one that may be repeated but changes something (PUT, DELETE) twice, and any other once.
fn tries_max(retry: &Retry, method: Method) -> u32 {
    let is_safe = matches!(method, Method::Get | Method::Head);
    let may = match retry.methods {
        RetryMethods::Idempotent => method.is_idempotent(),
        RetryMethods::Safe => is_safe,
    };
    match retry.tries {
        _ if !may => 1,
        Some(tries) => tries,
        None if is_safe => 3,
        None => 2,
    }
}

/// The next try goes to another server; when all have been tried, to any.
pub(super) fn pass_by(tried: &mut Tried, server: ServerIndex, group: &Group) {
    tried.push(server);
    if tried.as_slice().len() >= group.servers().len() {
        tried.clear();
    }
}

/// What a response says of the server.
pub(super) fn note_response(group: &Group, server: ServerIndex, status: Option<StatusCode>) {
    if status.is_some_and(|status| group.retry().on.has_status(status)) {
        group.note_failure(server, "the response has a status of retry.on");
    } else {
        group.note_success(server);
    }
}

/// What a failure says of the server. That a kept connection had just been closed says nothing of it, and the client's failures do not either.
pub(super) fn note(group: &Group, server: ServerIndex, failure: &Failure, was_reused: bool) {
    match failure {
        Failure::NoResponse(_) if was_reused => {}
        Failure::NoResponse(cause) | Failure::BadResponse(cause) => group.note_failure(server, cause),
        Failure::TimedOut(cause) => group.note_failure(server, cause),
        Failure::Unwanted(status) => group.note_failure(server, &format!("the response was {status}")),
        // It may be about to stop, which it is to do in peace.
        Failure::NotTaken(_) | Failure::Unsayable(_) | Failure::RequestBody(_) | Failure::Client(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(retry: &Retry, method: Method) -> usize {
        let mut tries = Tries::new(retry, method);
        let mut count = 0;
        while tries.has_next() && count < 20 {
            tries.begin(Duration::ZERO);
            count += 1;
        }
        count
    }

    #[test]
    fn what_may_not_be_repeated_is_sent_once() {
        let usual = Retry::default();
        assert_eq!([Method::Get, Method::Put, Method::Post].map(|method| tries(&usual, method)), [3, 2, 1]);
        let five = Retry { tries: Some(5), ..Retry::default() };
        assert_eq!([Method::Get, Method::Put, Method::Post].map(|method| tries(&five, method)), [5, 5, 1]);
        let safe = Retry { tries: Some(5), methods: RetryMethods::Safe, ..Retry::default() };
        assert_eq!([Method::Get, Method::Put, Method::Post].map(|method| tries(&safe, method)), [5, 1, 1]);
    }

    #[test]
    fn all_tries_share_the_time_that_is_given() {
        let retry = Retry { tries: Some(9), within: Some(Duration::from_millis(20)), ..Retry::default() };
        let mut tries = Tries::new(&retry, Method::Get);
        assert!(tries.begin(Duration::from_secs(60)) <= Duration::from_millis(20));
        while tries.has_next() {
            std::thread::yield_now();
        }
        assert_eq!(tries.begin(Duration::ZERO), Duration::from_millis(1), "never without a limit");
    }
}
