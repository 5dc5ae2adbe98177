//! The backend as a process under test: the real binary, on sockets in a directory of its own.
//!
//! The process is killed when the value is dropped, and the directory goes with it.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};

/// Longer than anything here takes; reached only by a failure.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running backend.
pub struct Program {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    directory: TempDir,
}

/// Waits for something that must happen.
pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

/// A GET without a body.
pub fn get(target: &str) -> Request<Full<Bytes>> {
    request("GET", target, "")
}

/// A request with `body`.
pub fn request(method: &str, target: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(target).header("host", "backend").body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

/// The body of an answer as JSON.
pub async fn json(answer: Response<Incoming>) -> Value {
    let bytes = within("the body", answer.into_body().collect()).await.unwrap();
    serde_json::from_slice(&bytes.to_bytes()).unwrap()
}

impl Program {
    /// Starts the binary on an HTTP and a raw socket and waits until it says it listens.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("unix:{}", directory.path().join(name).display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["--listen", &path("api.sock"), "--raw-listen", &path("raw.sock")])
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut program = Self { child, stdout, directory };
        assert_eq!(program.line().await, format!("listening on {}", path_of(&program.socket())));
        assert_eq!(program.line().await, format!("raw listening on {}", path_of(&program.raw())));
        program
    }

    async fn line(&mut self) -> String {
        let line = within("a line on stdout", self.stdout.next_line()).await;
        line.unwrap().expect("stdout has ended")
    }

    /// The path of the HTTP socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("api.sock")
    }

    /// The path of the raw socket.
    pub fn raw(&self) -> PathBuf {
        self.directory.path().join("raw.sock")
    }

    /// A fresh connection to the HTTP socket.
    pub async fn stream(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    /// An HTTP/1.1 client on a fresh connection.
    pub async fn client(&self) -> SendRequest<Full<Bytes>> {
        let (client, connection) = http1::handshake(TokioIo::new(self.stream().await)).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// One exchange on a fresh connection.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let mut client = self.client().await;
        within("an answer", client.send_request(request)).await.unwrap()
    }

    /// Asks for `path` and returns every byte until the server closes.
    pub async fn bytes_until_close(&self, socket: PathBuf, path: &str) -> Vec<u8> {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: backend\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        within("the close", stream.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id().expect("the process runs")).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    }

    /// Waits for the end of the process.
    pub async fn exit(&mut self) -> ExitStatus {
        within("the exit", self.child.wait()).await.unwrap()
    }
}

fn path_of(path: &std::path::Path) -> String {
    format!("unix:{}", path.display())
}
