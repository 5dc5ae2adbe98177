//! Reaping of orphans: processes that our children started and left, which the kernel gives to process 1 or to the nearest
//! ancestor that asked for them. Nobody else will ever wait for them.
//!
//! Children of our own are tokio's to wait for and are never touched here. This holds as long as every child of this program
//! is started by one [`super::Supervisor`].

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The children of our own that were started and not waited for yet.
#[derive(Clone, Default)]
pub(super) struct Children(Arc<Inner>);

#[derive(Default)]
struct Inner {
    pids: Mutex<HashSet<Pid>>,
    one_is_gone: Notify,
}

impl Children {
    /// To be called after the start of a child, before anything is awaited.
    pub(super) fn add(&self, pid: Pid) {
        self.0.pids.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }

    /// To be called after a child was waited for, before anything is awaited.
    pub(super) fn remove(&self, pid: Pid) {
        self.0.pids.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
        self.0.one_is_gone.notify_one();
    }

    fn has(&self, pid: Pid) -> bool {
        self.0.pids.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid)
    }
}

/// Asks the kernel for orphans; process 1 gets them anyway.
pub(super) fn adopt_orphans() {
    if let Err(error) = prctl::set_child_subreaper(true) {
        tracing::warn!(%error, "orphans of processes cannot be adopted, and stay with process 1");
    }
}

/// Reaps orphans until `stop`.
pub(super) async fn reap_orphans(children: Children, stop: CancellationToken) {
    let mut child_signal = match signal(SignalKind::child()) {
        Ok(child_signal) => child_signal,
        Err(error) => return tracing::warn!(%error, "orphans of processes are not reaped"),
    };
    loop {
        sweep(&children);
        tokio::select! {
            _ = child_signal.recv() => {}
            // One of our own may have hidden orphans behind it.
            () = children.0.one_is_gone.notified() => {}
            () = stop.cancelled() => return sweep(&children),
        }
    }
}

/// Reaps orphans up to the first child of our own, which is looked at and left.
fn sweep(children: &Children) {
    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    loop {
        let pid = match waitid(Id::All, ended | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => pid,
            Err(Errno::EINTR) => continue,
            // Nothing has ended, or there is nothing to wait for.
            Ok(_) | Err(_) => return,
        };
        if children.has(pid) {
            return;
        }
        match waitid(Id::Pid(pid), ended) {
            Ok(_) => tracing::debug!(%pid, "an orphan was reaped"),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Child, Command};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    /// A child that has ended and was not waited for.
    async fn ended(code: i32) -> (Child, Pid) {
        let child = Command::new("/bin/sh").args(["-c", &format!("exit {code}")]).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let is_zombie = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ");
        until(is_zombie).await;
        (child, pid)
    }

    async fn until(condition: impl Fn() -> bool) {
        let come = async {
            while !condition() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(10), come).await.expect("it never came");
    }

    #[test]
    fn orphans_are_reaped_as_soon_as_our_own_child_before_them_is_waited_for() {
        // In a program of its own: here, other tests have children.
        let program = std::env::current_exe().unwrap();
        let inner = "process::reap::tests::inner";
        let output = Command::new(program).args(["--exact", inner, "--ignored", "--nocapture"]).output().unwrap();
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }

    #[tokio::test]
    #[ignore = "started by the test above"]
    async fn inner() {
        let (children, stop) = (Children::default(), CancellationToken::new());
        let (mut own, own_pid) = ended(7).await;
        children.add(own_pid);
        // Another child that nobody claims stands for an orphan; it is behind ours in the kernel's list.
        let (mut orphan, orphan_pid) = ended(8).await;
        let reaper = tokio::spawn(reap_orphans(children.clone(), stop.clone()));
        tokio::task::yield_now().await;
        sweep(&children);
        assert_eq!(own.wait().unwrap().code(), Some(7), "our own child was taken from us");
        let place = PathBuf::from(format!("/proc/{orphan_pid}"));
        assert!(place.exists(), "the orphan was not behind our own child: this test tests nothing");

        children.remove(own_pid);
        until(|| !place.exists()).await;
        assert!(orphan.wait().is_err());
        stop.cancel();
        reaper.await.unwrap();
    }
}
