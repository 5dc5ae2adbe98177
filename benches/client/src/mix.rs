//! `load mix`: what a site sees on a busy day. Visitors come over HTTP/2, one after the other in each place, while WebSockets talk slowly.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_rustls::client::TlsStream;

use crate::arguments::Mix;
use crate::failure::Failure;
use crate::pages::{Pages, uri};
use crate::peer::Tls;
use crate::run::Run;
use crate::socket::Socket;
use crate::visitor::Visit;

const VISITORS: usize = 16;
const SOCKETS: u64 = 50;
const MESSAGE_EVERY: Duration = Duration::from_millis(100);
const SOCKET_PATH: &str = "/ws/echo";
const CALL_PATH: &str = "/api/small";

/// Visits and talks until the run ends.
pub async fn run(load: Mix, pages: Pages) -> Value {
    let run = Run::start(load.window);
    let mut lanes = JoinSet::new();
    #[expect(clippy::expect_used, reason = "the path is a constant; the test of the mix goes through here")]
    let call = uri(CALL_PATH).expect("a path");
    let visit = Rc::new(Visit { to: load.to, tls: Tls::new(&[b"h2"]), pages, call });
    for _ in 0..VISITORS {
        let (run, visit) = (run.clone(), visit.clone());
        lanes.spawn_local(async move {
            while run.goes_on() {
                visit.make(&run).await;
            }
        });
    }
    let tls = Tls::new(&[b"http/1.1"]);
    for number in 0..SOCKETS {
        lanes.spawn_local(talk(load.to, tls.clone(), number, run.clone()));
    }
    lanes.join_all().await;
    run.report()
}

/// One WebSocket, opened again when it breaks. They start spread over the interval, not all at the same moment.
async fn talk(to: SocketAddr, tls: Tls, number: u64, run: Rc<Run>) {
    let offset = MESSAGE_EVERY.mul_f64(number as f64 / SOCKETS as f64);
    let mut ticks = interval_at(Instant::now() + offset, MESSAGE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = None;
    loop {
        ticks.tick().await;
        if !run.goes_on() {
            return;
        }
        let mut socket = match open.take() {
            Some(socket) => socket,
            None => match run.prepare(connect(to, &tls, number)).await {
                Some(socket) => socket,
                None => continue,
            },
        };
        // The run may have ended while the WebSocket was opened.
        if run.goes_on() && run.count(socket.echo()).await {
            open = Some(socket);
        }
    }
}

async fn connect(to: SocketAddr, tls: &Tls, number: u64) -> Result<Socket<TlsStream<TcpStream>>, Failure> {
    Socket::open(tls.connect(to).await?, SOCKET_PATH, number).await
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;
    use tokio::task::LocalSet;

    use super::*;
    use crate::arguments::Window;
    use crate::loopback;
    use crate::pages::PagesFile;

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_without_http2_is_counted_while_its_websockets_talk() {
        let path = std::env::temp_dir().join(format!("load-pages-{}", std::process::id()));
        std::fs::File::create(&path).unwrap().write_all(b"/\n/assets/a.js\n").unwrap();
        let pages_file: PagesFile = path.to_str().unwrap().parse().unwrap();
        let pages = pages_file.read().unwrap();
        std::fs::remove_file(&path).unwrap();
        let result = LocalSet::new()
            .run_until(async {
                let window = Window { seconds: 30.0, requests: Some(20) };
                run(Mix { to: loopback::tls(2).await, pages_file, window }, pages).await
            })
            .await;
        assert_eq!(result["completed"], 20, "{result}");
        assert_eq!(result["bytes"], json!(20 * 32));
        // The server of the tests refuses an ALPN it does not know, as servers should (RFC 7301, section 3.2).
        assert_eq!(result["error_kinds"].as_object().unwrap().keys().collect::<Vec<_>>(), ["tls: invalid data"], "{result}");
    }
}
