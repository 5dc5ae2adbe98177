//! The end of the backend's life: who still works, and how long they may.
//!
//! Every task of the backend is spawned here, so that stopping can wait for all of them and leave
//! none behind. A task that is not done when the deadline has passed is dropped.
//!
//! It must not know what the tasks do; a task that wants to say goodbye listens to
//! [`Drain::closing`]. See [`crate::server`] for the order of a stop.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns the tasks of one server. Clones are handles to the same drain.
#[derive(Clone, Debug)]
pub struct Drain {
    closing: CancellationToken,
    tasks: TaskTracker,
    timeout: Duration,
}

impl Drain {
    /// A drain whose tasks have `timeout` to finish, counted from [`Drain::finish`].
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { closing: CancellationToken::new(), tasks: TaskTracker::new(), timeout }
    }

    /// Runs `task` until it is done or the drain's deadline has passed.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let drain = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = drain.overdue() => {}
            }
        });
    }

    /// Resolves when the stop has begun.
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Begins the stop and waits until every task is done or dropped.
    pub async fn finish(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn overdue(&self) {
        self.closing.cancelled().await;
        tokio::time::sleep(self.timeout).await;
    }
}

/// HTTP/2 runs each request as a task of its own; they are owned like all others.
impl<F> hyper::rt::Executor<F> for Drain
where
    F: Future + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}
