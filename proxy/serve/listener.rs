//! Listening sockets: bound once before anything is served, one for each worker where the kernel can share the load out.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::client::Client;
use super::connection;
use super::inherited;
use super::worker::{OpenGuard, Worker};
use crate::config::{Diagnostic, Diagnostics};
use crate::plan::Listener;
use crate::units::{ListenAddress, Scheme};

/// Connections that the kernel queues for us.
const BACKLOG: i32 = 4096;
/// The kernel counts seconds, and up to this many.
const KEEPALIVE_MIN: Duration = Duration::from_secs(1);
const KEEPALIVE_MAX: Duration = Duration::from_secs(32_767);
/// Pause after an accept that failed for want of descriptors or memory; in a loop it would burn the CPU that could free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The sockets of one listener, one a worker.
pub struct Bound {
    sockets: Vec<Kind>,
    scheme: Scheme,
    /// As it is shown at start: `https://[::]:8443`.
    pub shown: String,
    /// The TCP port.
    pub port: Option<u16>,
    path: Option<SocketFile>,
}

enum Kind {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener),
}

impl Bound {
    /// What it speaks.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// The file of a Unix socket, which is removed at the end unless another instance has put its own in its place.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> Option<Self> {
        Some(Self { path: path.to_owned(), identity: Self::identity(path)? })
    }

    fn identity(path: &Path) -> Option<(u64, u64)> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(file) = &self.path
            && SocketFile::identity(&file.path) == Some(file.identity)
        {
            let _ = std::fs::remove_file(&file.path);
        }
    }
}

/// Binds all listeners for this many workers.
///
/// # Errors
/// Every address that cannot be bound, with the likely reason.
pub fn bind(listeners: &[Listener], workers: usize, keepalive: Duration) -> Result<Vec<Bound>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut bound = Vec::with_capacity(listeners.len());
    for listener in listeners {
        match bind_one(listener, workers, keepalive) {
            Ok(one) => bound.push(one),
            Err(error) => diagnostics.push(explain(listener, &error)),
        }
    }
    if diagnostics.is_empty() { Ok(bound) } else { Err(diagnostics) }
}

fn bind_one(listener: &Listener, workers: usize, keepalive: Duration) -> io::Result<Bound> {
    let scheme = listener.scheme.name();
    match &listener.address {
        ListenAddress::Tcp { ip, port } => {
            let first = bind_tcp(*ip, *port, Sharing::First, keepalive)?;
            let address = first.local_addr()?;
            let mut sockets = vec![Kind::Tcp(first)];
            for _ in 1..workers {
                sockets.push(Kind::Tcp(bind_tcp(*ip, address.port(), Sharing::Further, keepalive)?));
            }
            Ok(Bound { sockets, scheme: listener.scheme, shown: format!("{scheme}://{address}"), port: Some(address.port()), path: None })
        }
        ListenAddress::Unix(path) => {
            let socket = bind_unix(path)?;
            let sockets = share(workers, || socket.try_clone().map(Kind::Unix))?;
            let shown = format!("{scheme}://unix:{}", path.display());
            Ok(Bound { sockets, scheme: listener.scheme, shown, port: None, path: SocketFile::new(path) })
        }
        ListenAddress::Fd(number) => bind_inherited(*number, listener.scheme, scheme, workers),
    }
}

fn bind_inherited(number: i32, scheme: Scheme, name: &str, workers: usize) -> io::Result<Bound> {
    let socket = Socket::from(inherited::listening_socket(number)?);
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let (sockets, port) = match address.as_socket() {
        Some(address) => {
            let listener = std::net::TcpListener::from(socket);
            (share(workers, || listener.try_clone().map(Kind::Tcp))?, Some(address.port()))
        }
        None => {
            let listener = StdUnixListener::from(std::os::fd::OwnedFd::from(socket));
            (share(workers, || listener.try_clone().map(Kind::Unix))?, None)
        }
    };
    Ok(Bound { sockets, scheme, shown: format!("{name}://fd:{number}"), port, path: None })
}

fn share(workers: usize, clone: impl Fn() -> io::Result<Kind>) -> io::Result<Vec<Kind>> {
    (0..workers).map(|_| clone()).collect()
}

/// How a socket shares its port with those of the other workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// It must have the port alone, and lets others in afterwards: `SO_REUSEPORT` before `bind` would share the port with any other process of
    /// this user too, and starting twice by mistake would go unnoticed.
    First,
    /// It joins the first.
    Further,
}

fn bind_tcp(ip: Option<IpAddr>, port: u16, sharing: Sharing, keepalive: Duration) -> io::Result<std::net::TcpListener> {
    let attempt = |ip: IpAddr| -> io::Result<std::net::TcpListener> {
        let socket = Socket::new(Domain::for_address(SocketAddr::new(ip, port)), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if sharing == Sharing::Further {
            socket.set_reuse_port(true)?;
        }
        if ip.is_ipv6() {
            // `:443` is both families on one socket; an address that was written is that address alone.
            socket.set_only_v6(ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
        }
        // Accepted connections inherit these, which saves three system calls on each.
        socket.set_tcp_nodelay(true)?;
        if !keepalive.is_zero() {
            let keepalive = keepalive.clamp(KEEPALIVE_MIN, KEEPALIVE_MAX);
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(keepalive).with_interval(keepalive))?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::new(ip, port).into())?;
        if sharing == Sharing::First {
            socket.set_reuse_port(true)?;
        }
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    match ip {
        Some(ip) => attempt(ip),
        // A kernel without IPv6 has the other family still.
        None => attempt(IpAddr::V6(Ipv6Addr::UNSPECIFIED)).or_else(|error| match error.raw_os_error() {
            Some(code)
                if code == rustix::io::Errno::AFNOSUPPORT.raw_os_error() || code == rustix::io::Errno::ADDRNOTAVAIL.raw_os_error() =>
            {
                attempt(IpAddr::from([0, 0, 0, 0]))
            }
            _ => Err(error),
        }),
    }
}

/// Binds a Unix socket; a socket file that nobody answers on any more is replaced.
fn bind_unix(path: &Path) -> io::Result<StdUnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    let listener = StdUnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn explain(listener: &Listener, error: &io::Error) -> Diagnostic {
    let what = match &listener.address {
        ListenAddress::Tcp { ip, port } => ip.map_or_else(|| format!("port {port}"), |ip| SocketAddr::new(ip, *port).to_string()),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
        ListenAddress::Fd(number) => format!("fd:{number}"),
    };
    let diagnostic = Diagnostic::new(listener.span, format!("cannot listen on {what}: {error}"));
    match (error.kind(), &listener.address) {
        (io::ErrorKind::AddrInUse, ListenAddress::Tcp { port, .. }) => diagnostic
            .help(format!("another program listens there; `ss -ltnp 'sport = :{port}'` shows which: stop it, or use another port")),
        (io::ErrorKind::AddrInUse, _) => {
            diagnostic.help("another program listens there, or the path is a file: stop it, or use another path")
        }
        (io::ErrorKind::PermissionDenied, ListenAddress::Tcp { port, .. }) if *port < 1024 => diagnostic.help(
            "ports below 1024 need a right: use a port from 1024 on and let the container map it, or grant CAP_NET_BIND_SERVICE \
             (or set net.ipv4.ip_unprivileged_port_start=0)",
        ),
        (io::ErrorKind::AddrNotAvailable, _) => diagnostic.help("this machine has no such address; \":PORT\" listens on all of them"),
        (_, ListenAddress::Fd(_)) => diagnostic.help("`fd:N` is for a listening socket that the parent process passes on as descriptor N"),
        _ => diagnostic,
    }
}

/// The share of one worker in all listeners.
pub(crate) fn take_share(bound: &mut [Bound]) -> Vec<Share> {
    bound.iter_mut().filter_map(|bound| Some(Share { kind: bound.sockets.pop()?, scheme: bound.scheme })).collect()
}

/// One listening socket of one worker.
pub(crate) struct Share {
    kind: Kind,
    scheme: Scheme,
}

impl Share {
    /// Accepts until the worker drains.
    pub(crate) async fn accept_all(self, worker: Rc<Worker>) -> io::Result<()> {
        let names_local = worker.frame().plan().upstreams.iter().any(|upstream| upstream.proxy_protocol.is_some());
        let client = |stream: &TcpStream, address| {
            let local = if names_local { stream.local_addr().ok().map(Box::new) } else { None };
            Client { local, ..Client::new(Some(address), self.scheme) }
        };
        let nameless = || Client::new(None, self.scheme);
        let _guard = OpenGuard::new(&worker);
        match self.kind {
            Kind::Tcp(socket) => {
                let socket = TcpListener::from_std(socket)?;
                while let Some(accepted) = until_draining(&worker, socket.accept()).await {
                    match accepted {
                        Ok((stream, address)) => {
                            let client = client(&stream, address);
                            connection::spawn(stream, client, &worker);
                        }
                        Err(error) => pause_after(&error).await,
                    }
                }
                // Whoever the kernel has let in already is served too, instead of reset.
                while let Some((stream, address)) = poll_fn(|cx| queued(socket.poll_accept(cx))).await {
                    let client = client(&stream, address);
                    connection::spawn(stream, client, &worker);
                }
            }
            Kind::Unix(socket) => {
                let socket = UnixListener::from_std(socket)?;
                while let Some(accepted) = until_draining(&worker, socket.accept()).await {
                    match accepted {
                        Ok((stream, _)) => connection::spawn(stream, nameless(), &worker),
                        Err(error) => pause_after(&error).await,
                    }
                }
                while let Some((stream, _)) = poll_fn(|cx| queued(socket.poll_accept(cx))).await {
                    connection::spawn(stream, nameless(), &worker);
                }
            }
        }
        Ok(())
    }
}

/// What one look at the queue of a listening socket gave.
fn queued<T>(accepted: Poll<io::Result<T>>) -> Poll<Option<T>> {
    Poll::Ready(match accepted {
        Poll::Ready(Ok(connection)) => Some(connection),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    })
}

async fn until_draining<T>(worker: &Worker, accept: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = worker.draining.cancelled() => None,
        accepted = accept => Some(accepted),
    }
}

/// A connection that failed before it was accepted is its own matter; running out of descriptors is ours.
async fn pause_after(error: &io::Error) {
    let transient = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted);
    if !transient {
        tracing::warn!(%error, "cannot accept connections; is the limit on open files too low?");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
