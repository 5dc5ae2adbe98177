//! Waits for a disk: in threads of their own, and never more of them at a time than the worker can spare.
//!
//! A disk that does not answer (a file server that is gone) keeps each thread that has asked it for ever. The threads of a worker are needed for other
//! things too, such as finding the address of an upstream. So there are so many places; who waits longer than is sensible for one is refused, and the
//! place of a read that hangs is taken until the disk answers, whether its client is still there or not.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Reads of files that a worker waits for at once; the pool of a runtime has 512 threads.
pub(crate) const WAITS_MAX: usize = 64;
/// How long a request waits for a place before it is answered 503: a disk that works has given one long before.
pub(crate) const OPEN_PATIENCE: Duration = Duration::from_secs(2);
/// How long a response that has begun waits for a place before it is cut off: its client would have to begin again.
pub(crate) const READ_PATIENCE: Duration = Duration::from_secs(30);
/// How often it is said that no place is left.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The places of one worker. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    places: Arc<Semaphore>,
    told: Rc<Cell<Option<Instant>>>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(WAITS_MAX)), told: Rc::default() }
    }
}

impl Disk {
    /// Does `work` in a thread that may wait, once there is a place for it.
    ///
    /// # Errors
    /// Those of `work`; [`io::ErrorKind::TimedOut`] when there was no place for as long as `patience`.
    pub(crate) async fn wait<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => match tokio::time::timeout(patience, Arc::clone(&self.places).acquire_owned()).await {
                Ok(place) => place.map_err(io::Error::other)?,
                Err(_) => return Err(self.exhausted()),
            },
        };
        let work = move || {
            // Given back when the work ends, which may be long after everybody has stopped waiting for it.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    /// `true` when all places are taken: the disk is slow, or does not answer.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// The error for that; told in the log too.
    pub(crate) fn exhausted(&self) -> io::Error {
        let now = Instant::now();
        if self.told.get().is_none_or(|told| now.duration_since(told) >= TOLD_EVERY) {
            self.told.set(Some(now));
            tracing::error!(waits = WAITS_MAX, "the disk does not answer: no further file is waited for until it does");
        }
        io::Error::new(io::ErrorKind::TimedOut, format!("the disk does not answer: {WAITS_MAX} reads wait for it already"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A disk that does not answer until the senders are dropped.
    fn hang(disk: &Disk, count: usize) -> Vec<mpsc::Sender<()>> {
        let hang = |_| {
            let (sender, receiver) = mpsc::channel::<()>();
            let disk = disk.clone();
            tokio::task::spawn_local(async move {
                disk.wait(READ_PATIENCE, move || {
                    let _ = receiver.recv();
                    Ok(())
                })
                .await
            });
            sender
        };
        (0..count).map(hang).collect()
    }

    async fn until(what: impl Fn() -> bool) {
        while !what() {
            tokio::task::yield_now().await;
        }
    }

    fn on_a_worker(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn a_disk_that_hangs_takes_its_places_and_no_thread_more() {
        on_a_worker(async {
            let disk = Disk::default();
            let hung = hang(&disk, WAITS_MAX);
            until(|| disk.is_exhausted()).await;
            let refused = disk.wait(Duration::from_millis(20), || Ok(())).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
            // Other work of the worker has threads still: names of upstreams are resolved by them.
            assert!(tokio::task::spawn_blocking(|| true).await.unwrap());
            drop(hung);
            assert!(disk.wait(READ_PATIENCE, || Ok(7)).await.is_ok_and(|seven| seven == 7), "once the disk answers all goes on");
        });
    }

    #[test]
    fn who_waits_for_a_busy_disk_gets_the_next_place() {
        on_a_worker(async {
            let disk = Disk::default();
            let mut hung = hang(&disk, WAITS_MAX);
            until(|| disk.is_exhausted()).await;
            let patient = tokio::task::spawn_local({
                let disk = disk.clone();
                async move { disk.wait(READ_PATIENCE, || Ok("read")).await }
            });
            tokio::task::yield_now().await;
            hung.pop();
            assert_eq!(patient.await.unwrap().unwrap(), "read");
            drop(hung);
        });
    }

    #[test]
    fn a_place_is_not_free_because_its_client_has_gone() {
        on_a_worker(async {
            let disk = Disk::default();
            let (sender, receiver) = mpsc::channel::<()>();
            let wait = disk.wait(READ_PATIENCE, move || {
                let _ = receiver.recv();
                Ok(())
            });
            assert!(tokio::time::timeout(Duration::from_millis(20), wait).await.is_err());
            assert_eq!(disk.places.available_permits(), WAITS_MAX - 1);
            drop(sender);
            until(|| disk.places.available_permits() == WAITS_MAX).await;
        });
    }
}
