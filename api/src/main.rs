//! The backend as a program: arguments in, listeners up, and a clean end on SIGTERM.
//!
//! It prints one line on stdout for each listener once it can be connected to. The work is all in
//! the library; see [`api::server`].

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use api::journal::Journal;
use api::{Address, Crash, Listener, Server, duration};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// The demo and test backend behind Transom
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Serve HTTP/1.1 and HTTP/2 (prior knowledge) here: unix:/path or 127.0.0.1:0; repeatable
    #[arg(long, value_name = "ADDRESS", required_unless_present = "raw_listen")]
    listen: Vec<Address>,

    /// Serve canned misbehaviour here; repeatable
    #[arg(long, value_name = "ADDRESS")]
    raw_listen: Vec<Address>,

    /// Wait this long before listening, like an application that starts slowly
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    start_delay: Duration,

    /// Wait this long for work under way when stopped
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    drain_timeout: Duration,

    /// Write requests to /api/journal down in this file before they are answered
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Threads that serve; one is quickest while one is enough
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    raise_open_files();
    match runtime(arguments.threads).and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime(threads: u16) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(usize::from(threads)).enable_all().build()
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let mut stop = std::pin::pin!(stop_signal()?);
    tokio::select! {
        () = &mut stop => return Ok(()),
        () = tokio::time::sleep(arguments.start_delay) => {}
    }
    #[expect(clippy::exit, reason = "to end at once is what this fault is")]
    let mut server = Server::new().drain_timeout(arguments.drain_timeout).on_crash(|crash| match crash {
        Crash::Exit(code) => std::process::exit(code),
        Crash::Abort => std::process::abort(),
    });
    if let Some(path) = &arguments.journal {
        server = server.journal(Journal::open(path)?);
    }
    for address in &arguments.listen {
        let listener = bind(address).await?;
        announce("listening on", &listener)?;
        server = server.http(listener);
    }
    for address in &arguments.raw_listen {
        let listener = bind(address).await?;
        announce("raw listening on", &listener)?;
        server = server.raw(listener);
    }
    server.run(stop).await;
    Ok(())
}

async fn bind(address: &Address) -> io::Result<Listener> {
    Listener::bind(address).await.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

fn announce(words: &str, listener: &Listener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{words} {}", listener.address())?;
    stdout.flush()
}

/// Resolves at the first SIGTERM or SIGINT. The handlers are in place when this returns.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A load test needs more sockets than the usual soft limit of 1024. What is not allowed is left.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
