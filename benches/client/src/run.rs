//! One run: when it ends, how long an operation may take, and what each came to.
//!
//! It must not know what an operation does. What is under way at the end is waited for and counted, since the server worked for it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::arguments::Window;
use crate::failure::Failure;
use crate::tally::Tally;

/// The longest an operation may take. A server that needs longer does not answer.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The pause after an error, so that a server which refuses does not make the load a storm of connects.
const REST: Duration = Duration::from_millis(5);

/// A run under way; shared by its tasks, all on one thread.
pub struct Run {
    start: Instant,
    end: Instant,
    requests_max: u64,
    under_way: Cell<u64>,
    tally: RefCell<Tally>,
}

impl Run {
    /// The time starts now.
    pub fn start(window: Window) -> Rc<Self> {
        Self::start_with(window, Tally::new())
    }

    /// The time starts now, and what was counted before it belongs to the result.
    pub fn start_with(window: Window, tally: Tally) -> Rc<Self> {
        let start = Instant::now();
        Rc::new(Self {
            start,
            end: start + Duration::from_secs_f64(window.seconds),
            requests_max: window.requests.unwrap_or(u64::MAX),
            under_way: Cell::new(0),
            tally: RefCell::new(tally),
        })
    }

    /// Whether another operation may start: there is time, and those under way would not be enough.
    pub fn goes_on(&self) -> bool {
        let expected = self.tally.borrow().completed().saturating_add(self.under_way.get());
        expected < self.requests_max && Instant::now() < self.end
    }

    /// Waits for an operation, which gives the bytes it received, and counts it. Whether it did what it should.
    pub async fn count(&self, operation: impl Future<Output = Result<u64, Failure>>) -> bool {
        self.under_way.set(self.under_way.get() + 1);
        let start = Instant::now();
        let outcome = within_deadline(operation).await;
        let latency = start.elapsed();
        self.under_way.set(self.under_way.get() - 1);
        match outcome {
            Ok(bytes) => self.tally.borrow_mut().complete(bytes, latency),
            Err(failure) => self.tally.borrow_mut().fail(failure),
        }
        outcome.is_ok()
    }

    /// Waits for something that only makes operations possible: counted if it fails, and then there is a pause.
    pub async fn prepare<T>(&self, step: impl Future<Output = Result<T, Failure>>) -> Option<T> {
        match within_deadline(step).await {
            Ok(value) => Some(value),
            Err(failure) => {
                self.tally.borrow_mut().fail(failure);
                self.rest().await;
                None
            }
        }
    }

    /// The pause after an error.
    pub async fn rest(&self) {
        sleep(REST).await;
    }

    /// The result, at the end.
    pub fn report(&self) -> Value {
        self.tally.borrow().report(self.start.elapsed())
    }
}

/// Gives up what takes longer than an operation may.
pub async fn within_deadline<T>(step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(DEADLINE, step).await.unwrap_or(Err(Failure::Deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_run_ends_when_enough_are_completed_and_errors_do_not_count() {
        let run = Run::start(Window { seconds: 60.0, requests: Some(2) });
        assert!(run.count(async { Ok(5) }).await);
        assert!(!run.count(async { Err(Failure::Http2) }).await);
        assert!(run.goes_on());
        assert!(run.count(async { Ok(5) }).await);
        assert!(!run.goes_on());
        assert_eq!(run.report()["bytes"], 10);
        assert_eq!(run.report()["errors"], 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_under_way_is_not_started_twice() {
        let run = Run::start(Window { seconds: 60.0, requests: Some(1) });
        let seen = run.count(async { if run.goes_on() { Err(Failure::Http2) } else { Ok(0) } }).await;
        assert!(seen, "another operation would have been started");
    }

    #[test]
    fn a_run_ends_with_its_time() {
        assert!(!Run::start(Window { seconds: 0.0, requests: None }).goes_on());
    }
}
