//! The demo backend as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait::wait_for;

/// A running backend. Dropped, it is killed.
pub struct Api {
    child: Child,
}

impl Api {
    /// The binary, which stands beside the edge's.
    pub fn binary() -> PathBuf {
        let path = Path::new(env!("CARGO_BIN_EXE_transom")).with_file_name("api");
        if !path.exists() {
            let status = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "api"]).status().expect("cargo runs");
            assert!(status.success() && path.exists(), "the backend cannot be built");
        }
        path
    }

    /// Starts it on a Unix socket and waits until it accepts.
    pub fn start(socket: &Path) -> Self {
        Self::start_with(&["--listen", &format!("unix:{}", socket.display())], &[socket])
    }

    /// Starts it with these arguments and waits until all these sockets accept.
    pub fn start_with(arguments: &[&str], sockets: &[&Path]) -> Self {
        let child =
            Command::new(Self::binary()).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the backend starts");
        for socket in sockets {
            wait_for("the backend to accept", || std::os::unix::net::UnixStream::connect(socket).ok());
        }
        Self { child }
    }

    /// Kills it at once, as kill -9 does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.kill();
    }
}
