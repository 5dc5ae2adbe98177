//! The load of the benchmarks: connections, handshakes and messages that `wrk` and `h2load` cannot make, counted and timed.
//!
//! One thread, so that one CPU pinned to it is all it takes. An error of the server is a figure of the result, never the end of a run.
//! It must not measure the server: CPU time and memory are read by who starts both. The command line is in [`arguments`], what counts
//! and when a run ends in [`run`], the loads in [`handshake`], [`idle`], [`websocket`] and [`mix`].

mod arguments;
mod exchange;
mod failure;
mod frame;
mod handshake;
mod idle;
#[cfg(test)]
mod loopback;
mod mix;
mod pages;
mod peer;
mod run;
mod socket;
mod tally;
mod visitor;
mod websocket;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    raise_open_files();
    match work(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one load, and prints its line.
fn work(command: Command) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    match command {
        Command::Handshake(load) => report(&tasks.block_on(&runtime, handshake::run(load))),
        Command::Mix(load) => {
            let pages = load.pages_file.read()?;
            report(&tasks.block_on(&runtime, mix::run(load, pages)))
        }
        Command::Idle(load) => {
            let held = tasks.block_on(&runtime, idle::open(load));
            report(&held.report())?;
            until_stdin_closes()
            // The connections close here, with `held`.
        }
        Command::Websocket(load) => {
            let opened = tasks.block_on(&runtime, websocket::open(load.to, &load.path, load.connections));
            if load.hold {
                report(&opened.report())?;
                io::stdin().read_line(&mut String::new())?;
            }
            let (sockets, result) = tasks.block_on(&runtime, websocket::run((load.mode, load.rate), load.window, opened));
            report(&result)?;
            if load.hold {
                until_stdin_closes()?;
            }
            drop(sockets);
            Ok(())
        }
    }
}

fn report(line: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Blocks the one thread: connections that are held need nothing from it, and so the load takes no CPU meanwhile.
fn until_stdin_closes() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(|_| ())
}

/// Thousands of connections need more than the usual soft limit of 1024. What is not allowed is left.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
