//! The command line as types. It must not open or read anything: see `main` for what happens with it.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::pages::PagesFile;

/// Puts a load on a server, and prints one line of JSON
#[derive(Parser)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// The kinds of load.
#[derive(Subcommand)]
pub enum Command {
    /// Connects, shakes hands (TLS 1.3, X25519), gets one file and closes, again and again
    Handshake(Handshake),
    /// Opens connections, makes one request on each, and holds them until stdin closes
    Idle(Idle),
    /// Sends messages over WebSockets and waits for their echoes
    Websocket(Websocket),
    /// Loads pages as visitors do over HTTP/2, while WebSockets chat
    Mix(Mix),
}

/// When a run ends.
#[derive(Args, Clone, Copy)]
pub struct Window {
    /// Start nothing new after this long; what is under way is waited for
    #[arg(long, default_value = "2", value_name = "S", value_parser = parse_seconds)]
    pub seconds: f64,
    /// End after this many are completed, if that is earlier
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
}

/// `load handshake`
#[derive(Args)]
pub struct Handshake {
    /// The TLS listener
    #[arg(long, value_name = "ADDRESS")]
    pub to: SocketAddr,
    /// Whether tickets are kept
    #[arg(long)]
    pub mode: Tickets,
    /// Handshakes at once
    #[arg(long, default_value = "16", value_name = "N")]
    pub connections: u64,
    /// What is got after each
    #[arg(long, default_value = "/1k.txt")]
    pub path: String,
    #[command(flatten)]
    pub window: Window,
}

/// What becomes of the tickets a server sends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tickets {
    /// Dropped: every handshake is a full one
    Full,
    /// Kept: every handshake resumes, after one full one for each of the connections at once
    Resumed,
}

/// `load idle`
#[derive(Args)]
pub struct Idle {
    /// The listener
    #[arg(long, value_name = "ADDRESS")]
    pub to: SocketAddr,
    /// What is held
    #[arg(long)]
    pub kind: Kind,
    /// Connections to hold
    #[arg(long, value_name = "N")]
    pub count: u64,
    /// What is asked for on each: /1k.txt, or /ws/echo for WebSockets, unless said otherwise
    #[arg(long)]
    pub path: Option<String>,
}

/// Kinds of connections that can be held.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// HTTP/1 over TCP
    Plain,
    /// HTTP/1 over TLS
    Tls,
    /// An upgraded connection over TCP
    Websocket,
}

/// `load websocket`
#[derive(Args)]
pub struct Websocket {
    /// The plain listener
    #[arg(long, value_name = "ADDRESS")]
    pub to: SocketAddr,
    /// What echoes
    #[arg(long, default_value = "/ws/echo")]
    pub path: String,
    /// WebSockets to open before the time starts
    #[arg(long, default_value = "500", value_name = "N")]
    pub connections: u64,
    /// How many talk at once
    #[arg(long)]
    pub mode: Talk,
    /// Messages a second of all WebSockets together, evenly spread, when they are paced
    #[arg(long, default_value = "10000", value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Print {"open":…} and wait for a line on stdin before the time starts, and close only when stdin does, so that a measurement holds messages alone
    #[arg(long)]
    pub hold: bool,
    #[command(flatten)]
    pub window: Window,
}

/// How many WebSockets have a message in flight.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Talk {
    /// One of all, going round
    Turns,
    /// Each of them, always
    Flood,
    /// Each of them when its time comes, as `--rate` says
    Paced,
}

/// `load mix`
#[derive(Args)]
pub struct Mix {
    /// The TLS listener
    #[arg(long, value_name = "ADDRESS")]
    pub to: SocketAddr,
    /// The paths of a page load, one a line: first the page, then what it loads
    #[arg(long, value_name = "FILE")]
    pub pages_file: PagesFile,
    #[command(flatten)]
    pub window: Window,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("seconds from 0 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_run_takes_two_seconds_unless_told() {
        let arguments = Arguments::parse_from(["load", "handshake", "--to", "127.0.0.1:1", "--mode", "full"]);
        let Command::Handshake(load) = arguments.command else { panic!("another command") };
        assert!((load.window.seconds - 2.0).abs() < f64::EPSILON);
        assert_eq!(load.connections, 16);
    }

    #[test]
    fn seconds_that_are_no_time_are_refused() {
        for text in ["-1", "nan", "inf", "two"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
