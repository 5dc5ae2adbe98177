//! A connection for a request: which server of a group, and what is done while none can be had.
//!
//! Nobody answers: requests are held, and one at a time looks whether that has changed (`hold`). All have as many requests as they may: requests queue
//! until one has ended (`queue`). Both for `wait` at most, and both end in a 503 that says when to come again.

use std::time::Duration;

use tokio::time::Instant;

use super::connector::{ConnectError, Connection, Connector};
use super::denied::DENIED_WAIT_MAX;
use super::group::{Group, Key, Picked};
use super::hold::{Place, Probe};
use super::ledger::Outcome;
use super::server::Server;
use super::tried::Tried;

/// Servers that may use up the time for connecting, one after the other, before a request is given up: those behind them would find nobody who waits.
const TIMED_OUT_MAX: usize = 2;

impl ConnectError {
    /// The words for the log.
    pub fn cause(&self) -> &str {
        match self {
            Self::Unreachable(cause) | Self::Denied(cause) | Self::NotReady(cause) | Self::Untrusted(cause) | Self::TimedOut(cause) => {
                cause
            }
        }
    }
}

/// What is said when the time is up: who is denied need not come again soon.
fn in_vain(error: ConnectError, group: &Group) -> ConnectError {
    match error {
        ConnectError::Denied(_) => error,
        ConnectError::Unreachable(_) | ConnectError::TimedOut(_) | ConnectError::NotReady(_) | ConnectError::Untrusted(_) => {
            ConnectError::NotReady(format!("{}; waited {:?}", error.cause(), group.wait()))
        }
    }
}

/// Why a group was gone through in vain.
pub(super) enum Vain {
    /// The last cause.
    Failed(ConnectError),
    /// There are servers to be asked, but they have as many requests as they may.
    Full,
    /// The time was up before all were asked.
    Late,
}

impl Connector {
    /// A new connection to a server of a group. `first` is the one that was picked already; those in `tried` are not asked, and those that are asked in
    /// vain are added to them.
    ///
    /// # Errors
    /// [`ConnectError`], when there is none to be had in time.
    pub async fn acquire<'g>(
        &self,
        group: &'g Group,
        key: &Key<'_>,
        first: Option<Picked<'g>>,
        tried: &mut Tried,
    ) -> Result<(Picked<'g>, Connection), ConnectError> {
        self.obtain((group, key), first, tried).await
    }
}

impl Source for Connector {
    type Link = Connection;

    async fn attempt(&self, server: &Server) -> Result<Connection, ConnectError> {
        self.connect_to(server).await
    }

    fn timeout(&self) -> Duration {
        self.connect_timeout()
    }
}

/// Where links to servers come from.
pub(super) trait Source {
    /// What a request goes out on.
    type Link;

    /// A link to this server.
    async fn attempt(&self, server: &Server) -> Result<Self::Link, ConnectError>;

    /// How long each step of an attempt may take (finding room, connecting, the first answer); zero is for ever.
    fn timeout(&self) -> Duration;

    /// A link to a server of a group; see [`Connector::acquire`].
    async fn obtain<'g>(
        &self,
        (group, key): (&'g Group, &Key<'_>),
        first: Option<Picked<'g>>,
        tried: &mut Tried,
    ) -> Result<(Picked<'g>, Self::Link), ConnectError> {
        let deadline = Instant::now() + group.wait();
        let mut denied_until = None;
        let mut picked = first;
        let mut holding: Option<(Place<'_>, Probe<'_>)> = None;
        loop {
            let (error, until) = match self.pass_within(deadline, (group, key), picked, tried).await {
                Ok(found) => return Ok(found),
                Err(Vain::Full) => {
                    // Others may look for a server meanwhile.
                    holding = None;
                    // Whoever has room first: of those who wait for one server only, each could take the word that was meant for another.
                    tried.clear();
                    picked = Some(group.wait_for_room(key, tried.as_slice(), deadline).await?);
                    continue;
                }
                Err(Vain::Late) => {
                    if let Some((place, _)) = &holding {
                        place.note_timed_out();
                    }
                    let cause = format!("{}: its servers were asked for {:?} in vain", group.name(), group.wait());
                    return Err(ConnectError::NotReady(cause));
                }
                Err(Vain::Failed(error)) if group.wait().is_zero() => return Err(error),
                // An address without a host answers nothing: in a moment the name may have another.
                Err(Vain::Failed(error @ (ConnectError::Unreachable(_) | ConnectError::TimedOut(_)))) => (error, deadline),
                Err(Vain::Failed(error @ ConnectError::Denied(_))) => {
                    (error, deadline.min(*denied_until.get_or_insert_with(|| Instant::now() + DENIED_WAIT_MAX)))
                }
                Err(Vain::Failed(error @ (ConnectError::NotReady(_) | ConnectError::Untrusted(_)))) => return Err(error),
            };
            tried.note_none();
            match &mut holding {
                None => {
                    let Some(place) = group.hold.enter() else {
                        return Err(ConnectError::NotReady(format!("{}; too many requests are waiting for it", error.cause())));
                    };
                    let Some(probe) = place.probe(until).await else { return Err(in_vain(error, group)) };
                    holding = Some((place, probe));
                }
                Some((_, probe)) => {
                    if !probe.pause(until).await {
                        return Err(in_vain(error, group));
                    }
                }
            }
            tried.clear();
            picked = group.pick(key, tried.as_slice());
        }
    }

    /// Goes through the group once, for no longer than `wait` and one connect behind it: names that nobody resolves would take more than that each.
    async fn pass_within<'g>(
        &self,
        deadline: Instant,
        (group, key): (&'g Group, &Key<'_>),
        picked: Option<Picked<'g>>,
        tried: &mut Tried,
    ) -> Result<(Picked<'g>, Self::Link), Vain> {
        let pass = self.pass(group, key, picked, tried);
        if group.wait().is_zero() || self.timeout().is_zero() {
            return pass.await;
        }
        tokio::time::timeout_at(deadline + self.timeout(), pass).await.unwrap_or(Err(Vain::Late))
    }

    /// Asks one server after the other, each once.
    async fn pass<'g>(
        &self,
        group: &'g Group,
        key: &Key<'_>,
        mut picked: Option<Picked<'g>>,
        tried: &mut Tried,
    ) -> Result<(Picked<'g>, Self::Link), Vain> {
        let mut last = None;
        let mut timed_out = 0;
        while let Some(found) = picked {
            let error = match self.attempt(found.server()).await {
                Ok(link) => return Ok((found, link)),
                Err(error) => error,
            };
            group.note_unreachable(found.index(), error.cause());
            group.count(found.index(), Outcome::Failed);
            tried.push(found.index());
            timed_out += usize::from(matches!(error, ConnectError::TimedOut(_)));
            last = Some(error);
            drop(found);
            if timed_out >= TIMED_OUT_MAX || !group.retry().on.connect {
                break;
            }
            picked = group.pick(key, tried.as_slice());
        }
        match last {
            Some(error) => Err(Vain::Failed(error)),
            None if group.is_full(tried.as_slice()) => Err(Vain::Full),
            None => Err(Vain::Failed(ConnectError::Unreachable(format!("{}: no server is ready", group.name())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::time::SystemTime;

    use super::super::group_tests::group;
    use super::*;
    use crate::config::Balance;

    /// Nobody is there at first, and then somebody who says nothing.
    #[derive(Default)]
    struct Falling {
        asked: Cell<bool>,
    }

    impl Source for Falling {
        type Link = ();

        async fn attempt(&self, _: &Server) -> Result<(), ConnectError> {
            if self.asked.replace(true) { pending().await } else { Err(ConnectError::Unreachable("refused".to_owned())) }
        }

        fn timeout(&self) -> Duration {
            Duration::from_secs(5)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_held_and_asks_in_vain_when_the_time_is_up_has_waited_in_vain() {
        let group = group(1, Balance::RoundRobin);
        let begun = Instant::now();
        let ended = Falling::default().obtain((&group, &Key::None), group.pick(&Key::None, &[]), &mut Tried::default()).await;
        assert!(matches!(ended, Err(ConnectError::NotReady(_))));
        assert_eq!(begun.elapsed(), group.wait() + Duration::from_secs(5));
        let held = group.snapshot(SystemTime::now()).held;
        assert_eq!((held.now, held.begun, held.timed_out), (0, 1, 1));
    }
}
