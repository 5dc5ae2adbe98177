//! Servers and clients of other people, as users have them, on both sides of the edge: uvicorn, gunicorn, Node, Autobahn's cases, Chromium.

mod autobahn;
mod bridge;
mod events;
mod node;
mod python_servers;
mod readme;
mod restarts;
mod swarm;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Edge, Peer, Site, python};

/// An edge before whatever listens on `app.sock`; held requests wait, large uploads are allowed.
const CONFIG: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[limits]
body = "64MiB"
[upstream.app]
to = "unix:app.sock"
wait = "50s"
[[route]]
path = ["/api", "/ws"]
proxy = "app"
"#;

/// The applications that the servers run.
fn foreign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

/// Python with these arguments, in the folder of a site.
fn python_in(site: &Site, arguments: &[&str]) -> Option<Command> {
    let mut command = Command::new(python()?);
    command.args(arguments).current_dir(site.path()).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", foreign());
    Some(command)
}

/// An edge before a Python server that is started beside it with these arguments.
fn before_python(arguments: &[&str]) -> Option<(Edge, Peer)> {
    let site = Site::new(CONFIG);
    let peer = Peer::start(&mut python_in(&site, arguments)?, &[&site.join("app.sock")]);
    Some((Edge::start_with(site, |_| {}), peer))
}

/// An edge that runs uvicorn itself, with these further arguments.
fn with_uvicorn(arguments: &str, tables: &str) -> Option<Edge> {
    let python = python()?;
    let process = format!(
        "[process.app]\ncommand = [{python:?}, \"-m\", \"uvicorn\", \"app:app\", \"--app-dir\", {:?}, \"--uds\", \"app.sock\", \"--log-level\", \
         \"warning\", {arguments}]\nenv = {{ PYTHONDONTWRITEBYTECODE = \"1\" }}",
        foreign()
    );
    Some(Edge::start(&format!("{CONFIG}\n{process}\n{tables}")))
}

/// Pauses for what a client of these tests does between two requests. No test waits for anything by it.
fn pause(time: std::time::Duration) {
    let until = std::time::Instant::now() + time;
    while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
        std::thread::park_timeout(left);
    }
}
