//! `load websocket`: messages and their echoes over many WebSockets. They are opened before the time starts; one that fails is opened again.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::arguments::{Talk, Window};
use crate::failure::Failure;
use crate::peer::connect;
use crate::run::{Run, within_deadline};
use crate::socket::Socket;
use crate::tally::Tally;

/// One WebSocket of many: its place stays when the connection breaks.
pub struct Chatter {
    to: SocketAddr,
    path: Rc<str>,
    number: u64,
    socket: Option<Socket<TcpStream>>,
}

/// What stands when the time starts.
pub struct Opened {
    chatters: Vec<Chatter>,
    failed: Tally,
}

/// Opens the WebSockets one after the other, each once. Opening is none of what is measured, so it need not be quick.
pub async fn open(to: SocketAddr, path: &str, connections: u64) -> Opened {
    let path: Rc<str> = path.into();
    let mut opened = Opened { chatters: Vec::new(), failed: Tally::new() };
    for number in 0..connections {
        let mut chatter = Chatter { to, path: path.clone(), number, socket: None };
        match within_deadline(chatter.connect()).await {
            Ok(socket) => chatter.socket = Some(socket),
            Err(failure) => opened.failed.fail(failure),
        }
        opened.chatters.push(chatter);
        // A server that does not answer at all would be waited for once a connection.
        if opened.failed.errors() > 10 && opened.failed.errors() == opened.chatters.len() as u64 {
            break;
        }
    }
    opened
}

/// Talks until the run ends. Gives the WebSockets back, for they close when dropped.
///
/// `rate` is the messages a second of all together, for those that are paced.
pub async fn run((mode, rate): (Talk, u32), window: Window, opened: Opened) -> (Vec<Chatter>, Value) {
    let run = Run::start_with(window, opened.failed);
    let chatters = match mode {
        Talk::Turns => take_turns(&run, opened.chatters).await,
        Talk::Flood => all_at_once(&run, opened.chatters, None).await,
        Talk::Paced => all_at_once(&run, opened.chatters, Some(rate)).await,
    };
    (chatters, run.report())
}

async fn take_turns(run: &Rc<Run>, mut chatters: Vec<Chatter>) -> Vec<Chatter> {
    while run.goes_on() && !chatters.is_empty() {
        for chatter in &mut chatters {
            if !run.goes_on() {
                break;
            }
            chatter.talk(run).await;
        }
    }
    chatters
}

/// Each WebSocket talks by itself: always, or whenever its time comes, of which there are `rate` a second for all.
///
/// Who is late, because an echo was or the load was paused, says the next message one period later and catches nothing up.
async fn all_at_once(run: &Rc<Run>, chatters: Vec<Chatter>, rate: Option<u32>) -> Vec<Chatter> {
    let begin = Instant::now();
    let between = rate.map(|rate| Duration::from_secs(1) / rate);
    let count = u32::try_from(chatters.len()).unwrap_or(u32::MAX);
    let done = Rc::new(RefCell::new(Vec::with_capacity(chatters.len())));
    let mut lanes = JoinSet::new();
    for (number, mut chatter) in (0..count).zip(chatters) {
        let mut beat = between.map(|between| interval_at(begin + between * number, between * count));
        if let Some(beat) = &mut beat {
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let (run, done) = (run.clone(), done.clone());
        lanes.spawn_local(async move {
            while run.goes_on() {
                if let Some(beat) = &mut beat {
                    beat.tick().await;
                }
                chatter.talk(&run).await;
            }
            done.borrow_mut().push(chatter);
        });
    }
    lanes.join_all().await;
    done.take()
}

impl Opened {
    /// How many are open, and how many are not and why.
    pub fn report(&self) -> Value {
        let open = self.chatters.iter().filter(|chatter| chatter.socket.is_some()).count();
        json!({"open": open, "errors": self.failed.errors(), "error_kinds": self.failed.error_kinds()})
    }
}

impl Chatter {
    /// One message, on a connection that is opened first if there is none.
    async fn talk(&mut self, run: &Run) {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => match run.prepare(self.connect()).await {
                Some(socket) => socket,
                None => return,
            },
        };
        // The run may have ended while the WebSocket was opened.
        if !run.goes_on() || run.count(socket.echo()).await {
            self.socket = Some(socket);
        } else {
            run.rest().await;
        }
    }

    async fn connect(&self) -> Result<Socket<TcpStream>, Failure> {
        Socket::open(connect(self.to).await?, &self.path, self.number).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::loopback;

    const WINDOW: Window = Window { seconds: 30.0, requests: Some(50) };

    #[tokio::test(flavor = "current_thread")]
    async fn every_message_comes_back_one_at_a_time_and_all_at_once_and_paced() {
        LocalSet::new()
            .run_until(async {
                for mode in [Talk::Turns, Talk::Flood, Talk::Paced] {
                    let opened = open(loopback::plain().await, "/ws/echo", 8).await;
                    let (chatters, result) = run((mode, 100_000), WINDOW, opened).await;
                    assert_eq!((chatters.len(), &result["completed"], &result["errors"]), (8, &json!(50), &json!(0)), "{result}");
                    assert_eq!(result["bytes"], 50 * 32);
                }
            })
            .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_that_is_not_there_is_counted_and_the_run_ends() {
        LocalSet::new()
            .run_until(async {
                let opened = open(loopback::nobody().await, "/ws/echo", 20).await;
                let (_, result) = run((Talk::Turns, 1), Window { seconds: 0.0, requests: None }, opened).await;
                assert_eq!(result["completed"], 0);
                assert_eq!(result["error_kinds"], json!({"connect: connection refused": 11}));
            })
            .await;
    }
}
