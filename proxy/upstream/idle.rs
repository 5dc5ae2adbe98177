//! The idle connections of one worker: kept in the order in which they were given back, the last first used again.
//!
//! None has a task or a timer. Whether one still lives is seen when it is taken: the kernel told the runtime of an end or of stray bytes as of everything
//! else, so that looking makes no system call. What nobody takes is let go by one sweep for all ([`Idle::sweep`]), which sleeps while there is nothing to
//! be swept.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

/// Idle connections that one worker keeps, over all servers; the oldest make room for new ones. As many as a crowd of a thousand requests leaves behind
/// from one moment to the next: making a connection costs more than a request on it.
const IDLE_MAX: usize = 1024;
/// An idle connection is kept for less than the 5 s after which Node closes its end, so that the two do not race.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// Between two looks at what has become too old, or was closed by its server.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Connections that wait for their next request.
pub(super) struct Idle<S> {
    /// The oldest first.
    kept: RefCell<VecDeque<Kept<S>>>,
    /// The sweep, while it sleeps because there is nothing.
    sleeper: Cell<Option<Waker>>,
}

struct Kept<S> {
    /// Connections under the same key are as good as each other.
    key: u64,
    since: Instant,
    stream: S,
}

impl<S> Default for Idle<S> {
    fn default() -> Self {
        Self { kept: RefCell::default(), sleeper: Cell::default() }
    }
}

impl<S: AsyncRead + Unpin> Idle<S> {
    /// Keeps a connection on which nothing is under way.
    pub(super) fn put(&self, key: u64, stream: S) {
        let mut kept = self.kept.borrow_mut();
        // Closed once the list is free again: closing is a system call of its own, and not ours to order.
        let oldest = if kept.len() >= IDLE_MAX { kept.pop_front() } else { None };
        kept.push_back(Kept { key, since: Instant::now(), stream });
        drop(kept);
        drop(oldest);
        if let Some(sleeper) = self.sleeper.take() {
            sleeper.wake();
        }
    }

    /// The connection under this key that was used last and still lives; those behind it that do not are closed.
    pub(super) fn take(&self, key: u64) -> Option<S> {
        loop {
            let found = {
                let mut kept = self.kept.borrow_mut();
                let index = kept.iter().rposition(|one| one.key == key)?;
                kept.remove(index)?
            };
            let mut stream = found.stream;
            if found.since.elapsed() < IDLE_FOR && is_quiet(&mut stream) {
                return Some(stream);
            }
        }
    }

    /// Closes what has become too old, and what was closed by its server, for as long as it is polled.
    pub(super) async fn sweep(&self) {
        loop {
            poll_fn(|cx| {
                if !self.kept.borrow().is_empty() {
                    return Poll::Ready(());
                }
                self.sleeper.set(Some(cx.waker().clone()));
                Poll::Pending
            })
            .await;
            tokio::time::sleep(SWEEP_EVERY).await;
            for one in self.take_outdated() {
                drop(one);
                // What a crowd left behind gets old at one moment, and to close a thousand takes as long as a hundred requests.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes out what nobody should use any more; the others keep their order.
    fn take_outdated(&self) -> Vec<Kept<S>> {
        let now = Instant::now();
        let mut kept = self.kept.borrow_mut();
        let mut outdated = Vec::new();
        for _ in 0..kept.len() {
            let Some(mut one) = kept.pop_front() else { break };
            if now.duration_since(one.since) < IDLE_FOR && is_quiet(&mut one.stream) {
                kept.push_back(one);
            } else {
                outdated.push(one);
            }
        }
        outdated
    }
}

/// `true` while the server has neither closed nor said anything: whatever it says now belongs to no request.
fn is_quiet<S: AsyncRead + Unpin>(stream: &mut S) -> bool {
    let mut byte = [0; 1];
    let looking = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut byte)));
    // A task that has done much is told that nothing is there, so that others have their turn: here that would be taken for silence.
    let looking = pin!(tokio::task::unconstrained(looking));
    looking.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("sockets")
    }

    /// Until the runtime has been told what the other end did.
    async fn seen(stream: &UnixStream) {
        stream.readable().await.expect("readable");
    }

    fn kept(idle: &Idle<UnixStream>) -> usize {
        idle.kept.borrow().len()
    }

    #[tokio::test]
    async fn the_connection_that_was_used_last_is_taken_first_and_only_for_its_own_server() {
        let idle = Idle::default();
        let ((a, _a), (b, _b), (c, _c)) = (pair(), pair(), pair());
        let ids = [&a, &b, &c].map(AsRawFd::as_raw_fd);
        [(1, a), (1, b), (2, c)].into_iter().for_each(|(key, stream)| idle.put(key, stream));
        let taken = |key| idle.take(key).map(|stream| stream.as_raw_fd());
        assert_eq!([taken(1), taken(1), taken(1), taken(2)], [Some(ids[1]), Some(ids[0]), None, Some(ids[2])]);
    }

    #[tokio::test]
    async fn a_connection_that_its_server_closed_is_not_used_again() {
        let idle = Idle::default();
        let ((alive, mut server), (closed, gone)) = (pair(), pair());
        drop(gone);
        seen(&closed).await;
        idle.put(1, alive);
        idle.put(1, closed);
        let mut taken = idle.take(1).expect("the one that lives");
        assert_eq!(kept(&idle), 0, "the other is closed");
        taken.write_all(b"x").await.expect("written");
        assert_eq!(server.read_u8().await.expect("read"), b'x');
    }

    #[tokio::test]
    async fn stray_bytes_on_an_idle_connection_never_meet_a_request() {
        let idle = Idle::default();
        let (ours, mut server) = pair();
        server.write_all(b"HTTP/1.1 200 OK\r\n").await.expect("written");
        seen(&ours).await;
        idle.put(1, ours);
        assert!(idle.take(1).is_none());
    }

    #[tokio::test]
    async fn stray_bytes_are_seen_by_a_task_that_has_used_up_its_turn() {
        let idle = Idle::default();
        let ((ours, mut server), (mut busy, mut feeder)) = (pair(), pair());
        server.write_all(b"stray").await.expect("written");
        seen(&ours).await;
        feeder.write_all(&[0; 4096]).await.expect("written");
        seen(&busy).await;
        idle.put(1, ours);
        // Reads until the runtime says that it is enough.
        let mut byte = [0; 1];
        poll_fn(|cx| {
            while Pin::new(&mut busy).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_ready() {}
            assert!(idle.take(1).is_none());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_kept_as_long_as_node_keeps_it() {
        let idle = Idle::default();
        let (ours, _server) = pair();
        idle.put(1, ours);
        tokio::time::advance(Duration::from_millis(3900)).await;
        let ours = idle.take(1).expect("young enough");
        idle.put(1, ours);
        tokio::time::advance(Duration::from_millis(4100)).await;
        assert!(idle.take(1).is_none());
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let idle = Idle::default();
        let (first, mut server) = pair();
        idle.put(1, first);
        let mut servers = Vec::new();
        for _ in 0..IDLE_MAX {
            let (ours, server) = pair();
            idle.put(2, ours);
            servers.push(server);
        }
        assert_eq!(kept(&idle), IDLE_MAX);
        assert!(idle.take(1).is_none());
        assert_eq!(server.read(&mut [0; 1]).await.expect("read"), 0, "it is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_closed_before_its_server_would_and_what_was_closed_at_once() {
        let idle = Idle::default();
        let ((ours, mut server), (closed, gone)) = (pair(), pair());
        drop(gone);
        seen(&closed).await;
        let watching = async {
            // The sweep sleeps until there is something.
            tokio::time::sleep(Duration::from_secs(60)).await;
            let start = Instant::now();
            idle.put(1, ours);
            idle.put(1, closed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(kept(&idle), 1, "the closed one is gone");
            assert_eq!(server.read(&mut [0; 1]).await.expect("read"), 0);
            start.elapsed()
        };
        let lasted = tokio::select! {
            () = idle.sweep() => unreachable!("it never ends"),
            lasted = watching => lasted,
        };
        assert!(lasted >= IDLE_FOR && lasted < Duration::from_secs(5), "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn others_have_their_turn_while_many_are_closed() {
        const MANY: usize = 100;
        let idle = Idle::default();
        let (near, far): (Vec<_>, Vec<_>) = (0..MANY).map(|_| pair()).unzip();
        near.into_iter().for_each(|stream| idle.put(1, stream));
        let is_open = |server: &UnixStream| server.try_read(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        let turns = async {
            tokio::time::advance(IDLE_FOR + SWEEP_EVERY).await;
            let mut seen = Vec::new();
            while seen.last() != Some(&0) {
                seen.push(far.iter().filter(|server| is_open(server)).count());
                tokio::task::yield_now().await;
            }
            seen
        };
        let seen = tokio::select! {
            // The sweep first: it has to sleep before the clock is moved.
            biased;
            () = idle.sweep() => unreachable!("it never ends"),
            seen = turns => seen,
        };
        assert!(seen.iter().filter(|&&open| 0 < open && open < MANY).count() > MANY / 2, "{seen:?}");
    }
}
