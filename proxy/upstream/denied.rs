//! A Unix socket that we may not connect to: what the log says of it, and for how long it is waited for.
//!
//! Mostly that is a mistake which no waiting mends: the API runs as another user, or its socket has a mode that leaves us out. But servers bind a socket
//! first and open its mode then (uvicorn, gunicorn), so that for a moment of each start everybody is denied: for [`DENIED_WAIT_MAX`] such a server is
//! waited for like one that is not there yet. Then it is a 502, whose cause says what to do.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{getegid, geteuid};

/// Longer than any server takes from `bind` to `chmod`, and short against the ten seconds after which nobody knows what was waited for.
pub(super) const DENIED_WAIT_MAX: Duration = Duration::from_secs(1);

/// The mode of a file without its kind.
const MODE_BITS: u32 = 0o7777;

/// Why we may not, and what to do about it.
pub(super) fn cause(path: &Path) -> String {
    let (user, group, shown) = (geteuid().as_raw(), getegid().as_raw(), path.display());
    match std::fs::metadata(path) {
        Ok(socket) => format!(
            "permission denied on the socket {shown}: it is of user {} and group {} with mode {:04o}, and Transom runs as user {user} and group {group}, \
             who must be allowed to write to it: run both as one user, or give the socket another group or mode (chgrp, chmod g+w)",
            socket.uid(),
            socket.gid(),
            socket.mode() & MODE_BITS,
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => format!(
            "permission denied on the way to the socket {shown}: Transom runs as user {user} and group {group}, and a folder above the socket does not let \
             them in: chmod o+x on that folder, or give it another group"
        ),
        // It has just gone, or something else than its mode forbids it (SELinux, AppArmor).
        Err(error) => format!("permission denied on the socket {shown} for user {user} and group {group} ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_names_the_socket_its_mode_and_both_users() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        let text = cause(&path);
        let user = geteuid().as_raw();
        assert!(text.contains(&path.display().to_string()) && text.contains(&format!("user {user} and group")), "{text}");
        assert!(text.contains("with mode 07") && text.contains("chmod"), "{text}");
        assert!(cause(&folder.path().join("gone")).contains("No such file"));
    }
}
