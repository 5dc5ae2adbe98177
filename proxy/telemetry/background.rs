//! A thread that writes lines to a terminal, a pipe or a file, so that nobody who serves waits for them.
//!
//! Lines come in chunks through a queue that is bounded in bytes. When the target is slower than what comes in, chunks are
//! refused, and their lines are counted and reported when the target takes lines again. What a line says is not known here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// Some whole lines.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The lines, each with its line end.
    pub(super) text: Vec<u8>,
    /// How many there are.
    pub(super) lines: u64,
}

/// What the thread has to say of itself, on the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report<'a> {
    /// The target took lines again after so many were lost.
    Lost(u64),
    /// The target refuses lines; said once until it takes one again.
    Failing(&'a str),
}

/// The thread and the queue before it.
pub(super) struct Background {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A way into the queue; any number of them, on any thread.
#[derive(Clone)]
pub(super) struct Feed(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    queue_bytes_max: usize,
    /// Lines lost that were not reported yet.
    unreported: AtomicU64,
    /// Lines lost since the start.
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    closing: bool,
    finished: bool,
}

impl Background {
    /// Starts a thread of this name that writes to `target`; the queue holds `queue_bytes_max`.
    pub(super) fn start(
        name: &str,
        target: File,
        queue_bytes_max: usize,
        report: impl Fn(Report<'_>) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            queue_bytes_max,
            unreported: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new().name(name.to_owned()).spawn(move || of_thread.run(target, &report))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A way into the queue.
    pub(super) fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }

    /// Writes what is queued and ends the thread; waits for a slow target no longer than `patience`, and leaves the thread
    /// behind then. Gives the number of lines that were lost since the start.
    pub(super) fn close(mut self, patience: Duration) -> u64 {
        self.end(patience);
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn end(&mut self, patience: Duration) {
        let Some(thread) = self.thread.take() else { return };
        let mut queue = self.shared.lock();
        queue.closing = true;
        self.shared.changed.notify_all();
        let waited = self.shared.changed.wait_timeout_while(queue, patience, |queue| !queue.finished);
        let (mut queue, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let left = queue.chunks.drain(..).map(|chunk| chunk.lines).sum();
            drop(queue);
            self.shared.lose(left);
        } else {
            drop(queue);
            // It only fails when the thread panicked, which the panic itself has told.
            drop(thread.join());
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.end(super::CLOSE_PATIENCE);
    }
}

impl Feed {
    /// Queues a chunk, or gives it back when the queue is full or closed. Never waits for the target.
    pub(super) fn offer(&self, chunk: Chunk) -> Result<(), Chunk> {
        let mut queue = self.0.lock();
        // One chunk is always taken, however big.
        let full = queue.bytes > 0 && queue.bytes + chunk.text.len() > self.0.queue_bytes_max;
        if full || queue.closing {
            return Err(chunk);
        }
        queue.push(chunk);
        drop(queue);
        self.0.changed.notify_all();
        Ok(())
    }

    /// Queues the last chunk of someone who ends, even when the queue is full: what each one held is bounded.
    pub(super) fn offer_last(&self, chunk: Chunk) {
        let mut queue = self.0.lock();
        if queue.closing {
            drop(queue);
            return self.lose(chunk.lines);
        }
        queue.push(chunk);
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Counts lines that could not be queued.
    pub(super) fn lose(&self, lines: u64) {
        self.0.lose(lines);
    }

    /// Lines lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Queue {
    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.text.len();
        self.chunks.push_back(chunk);
    }
}

impl Shared {
    /// A panic while the lock is held leaves a whole queue, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, lines: u64) {
        self.unreported.fetch_add(lines, Ordering::Relaxed);
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    fn run(&self, target: File, report: &dyn Fn(Report<'_>)) {
        let mut target = Target { file: target, torn: false, failing: false };
        while let Some(chunk) = self.next() {
            match target.write(&chunk.text) {
                Ok(()) => {
                    let lost = self.unreported.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        report(Report::Lost(lost));
                    }
                    target.failing = false;
                }
                Err(error) => {
                    self.lose(chunk.lines);
                    if !std::mem::replace(&mut target.failing, true) {
                        report(Report::Failing(&error.to_string()));
                    }
                }
            }
        }
        self.lock().finished = true;
        self.changed.notify_all();
    }

    /// Waits for the next chunk; `None` when the queue is closed and empty.
    fn next(&self) -> Option<Chunk> {
        let queue = self.lock();
        let waited = self.changed.wait_while(queue, |queue| queue.chunks.is_empty() && !queue.closing);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        let chunk = queue.chunks.pop_front()?;
        queue.bytes -= chunk.text.len();
        Some(chunk)
    }
}

/// What is written to.
struct Target {
    file: File,
    /// The last write ended inside a line.
    torn: bool,
    /// The last write failed.
    failing: bool,
}

impl Target {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
            self.torn = false;
        }
        self.write_all(text)
    }

    fn write_all(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            match self.file.write(text) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    text = text.get(written..).unwrap_or_default();
                    self.torn = !text.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody who shares the terminal or the pipe has made it non-blocking for all of us.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut ready = [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::OUT)];
                    poll(&mut ready, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
