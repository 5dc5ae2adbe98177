//! Whether a request that failed at one server is sent again: how often, for what, and in what time. Where to is the group's matter.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::relay::Failure;
use crate::config::{Retry, RetryMethods, RetryOn};
use crate::http::request::Method;
use crate::upstream::{Connection, Group, Outcome, Server, ServerIndex, Tried};

/// Tries of one request at a server that goes down again and again: what makes it go down may be this request.
const TRIES_MAX: u32 = 10;
/// How often a request is sent at least while no server begins with it.
const TRIES_NOT_TAKEN_MAX: u32 = 3;

/// The kernel closes the connections of a process that was killed before the socket that it listened on: who connects again at once may still be taken, and
/// is reset within this time.
const GOING_MAX: Duration = Duration::from_millis(50);
/// Long against the time between two writes of a server, and too short for anybody to notice where content takes its time.
const CONTENT_WAIT: Duration = Duration::from_millis(20);

/// The tries of one request.
pub(super) struct Tries<'a> {
    retry: &'a Retry,
    /// How long requests are held while there is no server.
    wait: Duration,
    made: u32,
    max: u32,
    /// When the first began.
    began: Option<Instant>,
    /// What a server did that there is no further try for unless it is gone.
    doubted: Option<(Failure, &'a Server)>,
}

impl<'a> Tries<'a> {
    /// Those of a request with this method to a group.
    pub(super) fn new(group: &'a Group, method: Method) -> Self {
        Self::by(group.retry(), group.wait(), method)
    }

    fn by(retry: &'a Retry, wait: Duration, method: Method) -> Self {
        Self { retry, wait, made: 0, max: tries_max(retry, method), began: None, doubted: None }
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
        self.made < self.max && self.is_within()
    }

    fn is_within(&self) -> bool {
        self.retry.within.is_none_or(|within| self.elapsed() < within)
    }

    fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// `true` when the request may be sent once more to a server that went down: for as long as requests are held while there is none. Who wrote `tries`
    /// down gets no more than that.
    fn outlasts(&self) -> bool {
        self.max > 1 && self.retry.tries.is_none() && self.made < TRIES_MAX && self.elapsed() < self.wait && self.is_within()
    }

    /// How long the head of a response waits for the first of its content, so that there may be one more try where none comes. Requests that outlast their
    /// servers wait; for others a head is a response.
    pub(super) fn content_wait(&self) -> Duration {
        let may_follow = self.retry.on.reset && !self.wait.is_zero() && self.max > 1 && (self.has_next() || self.outlasts());
        if may_follow { CONTENT_WAIT } else { Duration::ZERO }
    }

    /// The statuses whose responses are not to be passed on, because there may be one more try.
    pub(super) fn discards(&self) -> Option<&'a RetryOn> {
        Some(&self.retry.on).filter(|on| !on.statuses.is_empty() && self.has_next())
    }

    /// Goes on to one more try, if there is one after this; else gives the failure back. That nothing of the request is lost, the caller knows.
    pub(super) fn follow(&mut self, failure: Failure, server: &'a Server) -> Result<(), Failure> {
        match self.judge(&failure) {
            Follow::No => return Err(failure),
            Follow::Again => {}
            Follow::IfGone => self.doubted = Some((failure, server)),
        }
        Ok(())
    }

    /// What the last server did, if there was a further try only if it was gone, and it was not: this new connection to it lasts.
    pub(super) async fn take_doubted(&mut self, tried: &mut Tried, connection: Option<&mut Connection>) -> Option<(Failure, &'a Server)> {
        let was_gone = tried.take_had_none();
        let doubted = self.doubted.take().filter(|_| !was_gone)?;
        let Some(connection) = connection else { return Some(doubted) };
        let mut byte = [0];
        match tokio::time::timeout(GOING_MAX, connection.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => None,
            Ok(Ok(_)) | Err(_) => Some(doubted),
        }
    }

    fn judge(&self, failure: &Failure) -> Follow {
        let is_covered = match failure {
            Failure::NoResponse(_) | Failure::BrokenOff(_) => self.retry.on.reset,
            Failure::TimedOut(_) => self.retry.on.timeout,
            // The response is gone: that there is one more try was known before.
            Failure::Unwanted(_) => return Follow::Again,
            // Whatever it asks for: nobody has begun with it (RFC 9113 §8.7).
            Failure::NotTaken(_) if self.made < self.max.max(TRIES_NOT_TAKEN_MAX) && self.is_within() => return Follow::Again,
            Failure::NotTaken(_) | Failure::Unsayable(_) | Failure::BadResponse(_) | Failure::RequestBody(_) | Failure::Client(_) => false,
        };
        match failure {
            _ if is_covered && self.has_next() => Follow::Again,
            Failure::NoResponse(_) if is_covered && self.outlasts() => Follow::IfGone,
            _ => Follow::No,
        }
    }
}

/// Whether there is one more try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// There is none.
    No,
    /// There is.
    Again,
    /// There is when the server turns out to be gone: it was killed, and did not choose to close without an answer. So whoever meets one crash after
    /// the other is held each time, and an application that closes on purpose is not asked again and again.
    IfGone,
}

/// How often a request may be sent while no response is passed on. A kept connection that was closed as we took it and a
/// server that went down with the request in its queue can meet one request in this order, so one that only asks is sent three times at most
/// (held while the server comes back), one that may be repeated but changes something (PUT, DELETE) twice, and any other once. Where servers are waited
/// for, [`Follow::IfGone`] adds to that.
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

/// What a failure says of the server. That a kept connection had just been closed says nothing of it, and the client's failures do not either.
pub(super) fn note(group: &Group, server: ServerIndex, failure: &Failure, was_reused: bool) {
    let failed = |cause: &str| {
        group.note_failure(server, cause);
        group.count(server, Outcome::Failed);
    };
    match failure {
        Failure::NoResponse(_) if was_reused => {}
        Failure::NoResponse(cause) | Failure::BrokenOff(cause) | Failure::BadResponse(cause) => failed(cause),
        Failure::TimedOut(cause) => failed(cause),
        Failure::Unwanted(status) => {
            group.note_failure(server, &format!("the response was {status}"));
            group.count(server, Outcome::of(*status));
        }
        // It may be about to stop, which it is to do in peace.
        Failure::NotTaken(_) => group.count(server, Outcome::Refused),
        Failure::Unsayable(_) | Failure::RequestBody(_) | Failure::Client(_) => group.count(server, Outcome::Abandoned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(retry: &Retry, method: Method) -> usize {
        let mut tries = Tries::by(retry, Duration::ZERO, method);
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
    fn beyond_its_tries_a_request_follows_a_server_that_is_gone_while_there_is_time() {
        let gone = Failure::NoResponse("closed".to_owned());
        let after = |tries: &mut Tries<'_>, count: u32| {
            for _ in 0..count {
                tries.begin(Duration::ZERO);
            }
            tries.judge(&gone)
        };
        let hour = Duration::from_secs(3600);
        let usual = Retry::default();
        for (method, count, follow) in [
            (Method::Get, 2, Follow::Again),
            (Method::Get, 3, Follow::IfGone),
            (Method::Put, 2, Follow::IfGone),
            (Method::Put, TRIES_MAX, Follow::No),
            (Method::Post, 1, Follow::No),
        ] {
            assert_eq!(after(&mut Tries::by(&usual, hour, method), count), follow, "{method:?} {count}");
        }
        assert_eq!(after(&mut Tries::by(&usual, Duration::ZERO, Method::Get), 3), Follow::No, "nothing is held");
        let written = Retry { tries: Some(2), ..Retry::default() };
        assert_eq!(after(&mut Tries::by(&written, hour, Method::Get), 2), Follow::No, "two are two");
        let mut tries = Tries::by(&usual, hour, Method::Get);
        after(&mut tries, 3);
        assert_eq!(tries.judge(&Failure::TimedOut("slow")), Follow::No);
    }

    #[test]
    fn all_tries_share_the_time_that_is_given() {
        let retry = Retry { tries: Some(9), within: Some(Duration::from_millis(20)), ..Retry::default() };
        let mut tries = Tries::by(&retry, Duration::ZERO, Method::Get);
        assert!(tries.begin(Duration::from_secs(60)) <= Duration::from_millis(20));
        while tries.has_next() {
            std::thread::yield_now();
        }
        assert_eq!(tries.begin(Duration::ZERO), Duration::from_millis(1), "never without a limit");
    }
}
