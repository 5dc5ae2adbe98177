//! A server of other people, on a Unix socket, in a process group of its own: its workers end with it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::wait::wait_for;

/// A running server. Dropped, it is killed with all it started.
pub struct Peer {
    child: Child,
}

impl Peer {
    /// Starts it and waits until all these sockets accept.
    pub fn start(command: &mut Command, sockets: &[&Path]) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut peer = Self { child: command.spawn().expect("the peer starts") };
        for socket in sockets {
            wait_for("the peer to accept", || {
                let ended = peer.child.try_wait().expect("the peer's status");
                assert!(ended.is_none(), "{command:?} ended at start: {ended:?}");
                std::os::unix::net::UnixStream::connect(socket).ok()
            });
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
