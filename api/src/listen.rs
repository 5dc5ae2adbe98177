//! Where the backend listens: addresses as written on the command line, and bound listeners.
//!
//! A Unix listener takes its path over atomically: it binds beside it and renames, so a client
//! sees the old socket or the new one, never none. A path that somebody still answers on is an
//! error, and so is a path that holds something other than a socket. The file is removed when the
//! listener retires, unless a successor has replaced it by then.
//!
//! It must not read from a connection; see [`crate::socket`].

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket, UnixStream};

use crate::socket::Socket;

/// Connections the kernel may queue before they are accepted; the kernel clamps it to somaxconn.
const BACKLOG: u32 = 4096;

/// Where to listen: `unix:/run/api.sock` or `127.0.0.1:8081`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("`unix:` needs a path, as in unix:/run/api.sock".to_owned()),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| "expected an address such as 127.0.0.1:8081 or unix:/run/api.sock".to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound listener.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    address: Address,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Binds `address`, creating the parent directory of a Unix socket.
    ///
    /// # Errors
    /// `AddrInUse` when somebody answers there, `AlreadyExists` when the path is not a socket, and
    /// whatever the system says about the directory or the address.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Self::bind_tcp(*address),
            Address::Unix(path) => Self::bind_unix(path).await,
        }
    }

    fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok(Self { kind: Kind::Tcp(listener), address })
    }

    async fn bind_unix(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        refuse_if_taken(path).await?;
        let beside = beside(path);
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(&beside)?;
        let listener = socket.listen(BACKLOG)?;
        std::fs::rename(&beside, path)?;
        Ok(Self { kind: Kind::Unix(listener, SocketFile::of(path)?), address: Address::Unix(path.to_owned()) })
    }

    /// The address that is bound, with the port the system chose.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// What `accept(2)` says; running out of file descriptors is one that passes.
    pub async fn accept(&self) -> io::Result<Socket> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Kind::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Socket::Unix(stream))
            }
        }
    }

    /// Takes the name away, so that no new client finds the listener. Connections that are queued
    /// can still be accepted. Dropping the listener does the same.
    pub fn retire(&self) {
        match &self.kind {
            Kind::Tcp(_) => {}
            Kind::Unix(_, file) => file.remove(),
        }
    }
}

/// The socket file of one listener, known by its inode.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    fn remove(&self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if ours {
            // Somebody else may have removed it in between, which is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The name to bind under before the rename: in the same directory, and of this process.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

async fn refuse_if_taken(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "the path exists and is not a socket"));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        // A full backlog (WouldBlock) is a living listener too.
        Ok(_) | Err(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another process answers on this socket")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/api.sock");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        let listener = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_answers_is_not_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let address = Address::Unix(directory.path().join("api.sock"));
        let first = Listener::bind(&address).await.unwrap();
        let refused = Listener::bind(&address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        drop(first);
    }

    #[tokio::test]
    async fn a_regular_file_is_never_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let refused = Listener::bind(&Address::Unix(path.clone())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }

    #[tokio::test]
    async fn a_successors_socket_file_survives_the_predecessor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        let first = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
        let successor = directory.path().join("next.sock");
        let _second = std::os::unix::net::UnixListener::bind(&successor).unwrap();
        std::fs::rename(&successor, &path).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn addresses_parse_as_they_are_written() {
        assert_eq!("unix:/run/api.sock".parse(), Ok(Address::Unix(PathBuf::from("/run/api.sock"))));
        assert_eq!("127.0.0.1:0".parse(), Ok(Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))));
        assert!("unix:".parse::<Address>().is_err());
        assert!("localhost".parse::<Address>().is_err());
    }
}
