//! When a process is ready: its address accepts a connection.
//!
//! A socket file that a dead process left behind refuses connections, so it does not count.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use crate::units::ServerAddress;

/// The first pause between two attempts: an API that boots fast is found fast.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause: one that boots for a minute is not hammered, and found soon after.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long one attempt may take; an address that drops packets would hold it for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Ends when the address accepts a connection, which is closed at once.
pub(super) async fn accepts(address: &ServerAddress) {
    let mut pause = PAUSE_MIN;
    while !matches!(timeout(CONNECT_TIMEOUT, connect(address)).await, Ok(Ok(()))) {
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn connect(address: &ServerAddress) -> io::Result<()> {
    match address {
        ServerAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
        ServerAddress::Tcp { host, port } => TcpStream::connect((host.as_str(), *port)).await.map(drop),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    /// A socket file whose listener is gone.
    pub(in crate::process) async fn leave_socket(path: &Path) {
        drop(UnixListener::bind(path).unwrap());
        // A child that another test is starting holds a copy of the listener up to its exec.
        let refused = async {
            while std::os::unix::net::UnixStream::connect(path).is_ok() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), refused).await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_file_that_was_left_behind_is_not_ready_and_a_new_listener_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        leave_socket(&path).await;
        let address = ServerAddress::Unix(path.clone());
        assert!(path.exists());
        assert!(timeout(PAUSE_MIN * 3, accepts(&address)).await.is_err());

        std::fs::remove_file(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        timeout(Duration::from_secs(20), accepts(&address)).await.unwrap();
    }

    #[tokio::test]
    async fn a_tcp_listener_is_ready() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
        timeout(Duration::from_secs(20), accepts(&address)).await.unwrap();
    }
}
