//! Streams and connections that end otherwise than with their answer: reset, cut short, lost, or at a stop; the others go on.

use std::io::{self, Read};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::Signal;

use super::{SITE, film, start};
use crate::support::http2::{Http2, get, run};
use crate::support::{Edge, PATIENCE, Site, has};

#[test]
fn a_download_that_the_client_resets_breaks_nothing_else() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        for path in ["/film.mp4", "/api/bytes/5000000", "/api/events?interval=10ms"] {
            let (response, mut stream) = client.send.clone().ready().await.expect("room").send_request(get(path), false).expect("a stream");
            let mut content = response.await.expect("an answer").into_body();
            content.data().await.expect("data").expect("data");
            stream.send_reset(h2::Reason::CANCEL);
            drop(content);
            assert_eq!(client.get("/").await.expect("an answer").body, b"home", "{path}");
        }
    });
    edge.wait_for_access("the reset one", |line| line["path"] == "/film.mp4" && line["cause"].is_string());
}

#[test]
fn a_truncated_response_of_the_upstream_resets_its_stream_alone() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert!(client.get("/api/truncated").await.is_err());
        assert_eq!(client.get("/").await.expect("an answer").body, b"home");
    });
}

#[test]
fn a_stop_says_goaway_and_finishes_the_streams_that_are_open() {
    let (edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let (response, _) =
            client.send.clone().ready().await.expect("room").send_request(get("/api/drip?bytes=20&interval=30ms"), true).expect("a stream");
        let mut content = response.await.expect("an answer").into_body();
        edge.signal(Signal::TERM);
        let mut bytes = 0;
        while let Some(piece) = content.data().await {
            bytes += piece.expect("a piece").len();
        }
        assert_eq!(bytes, 20);
        ends_by_goaway(&mut client).await;
    });
    let mut edge = edge;
    assert_eq!(edge.wait().status.code(), Some(0));
}

/// The connection ends by itself. The client's own goodbye may come too late for an edge that has left, which is no error of either.
async fn ends_by_goaway(client: &mut Http2) {
    let ended = (&mut client.driver).await.expect("the driver");
    assert!(ended.as_ref().err().and_then(h2::Error::get_io).is_none_or(|error| error.kind() == io::ErrorKind::BrokenPipe), "{ended:?}");
    assert!(ended.as_ref().err().is_none_or(h2::Error::is_io), "{ended:?}");
}

#[test]
fn an_idle_connection_does_not_delay_the_stop() {
    let (mut edge, _api) = start();
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert_eq!(client.get("/").await.expect("an answer").status.as_u16(), 200);
        edge.signal(Signal::TERM);
        ends_by_goaway(&mut client).await;
    });
    assert_eq!(edge.wait().status.code(), Some(0));
}

/// An edge before a server that this test plays by hand.
fn played() -> (Edge, UnixListener) {
    let site = Site::new(SITE);
    let listener = UnixListener::bind(site.join("api.sock")).expect("a socket");
    (Edge::start_with(site, |_| {}), listener)
}

/// Takes one request up to the end of its head, and says nothing; ready once the edge has closed the connection.
fn silent(listener: UnixListener) -> tokio::task::JoinHandle<io::Result<usize>> {
    tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes)? > 0 {}
        Ok(0)
    })
}

#[test]
fn a_stream_that_the_client_resets_is_not_worked_for_any_more() {
    let (edge, listener) = played();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let upstream = silent(listener);
        let mut ready = client.send.clone().ready().await.expect("room for a stream");
        let (response, mut stream) = ready.send_request(get("/api/events"), true).expect("a stream");
        // Behind the other on the same connection: its answer says that the first one was taken in.
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        assert_eq!(upstream.await.expect("the upstream").expect("its connection is closed"), 0);
        edge.wait_for_access("the reset request", |line| line["path"] == "/api/events" && line["cause"].is_string());
    });
}

#[test]
fn a_connection_that_is_lost_takes_its_requests_with_it() {
    let (edge, listener) = played();
    run(async {
        let mut client = Http2::connect(&edge).await;
        let upstream = silent(listener);
        let mut ready = client.send.clone().ready().await.expect("room for a stream");
        let (response, _) = ready.send_request(get("/api/events"), true).expect("a stream");
        let waiting = tokio::spawn(response);
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        client.driver.abort();
        assert_eq!(upstream.await.expect("the upstream").expect("its connection is closed"), 0);
        waiting.abort();
    });
}

/// Takes a piece in; `true` when none comes for a moment.
fn pieces_pause(pieces: &Receiver<Vec<u8>>, taken: &mut Vec<u8>) -> bool {
    pieces.recv_timeout(Duration::from_millis(200)).map(|piece| taken.extend(piece)).is_err()
}

#[test]
fn a_slow_download_is_not_cut_by_a_stop() {
    if !has("curl") {
        return;
    }
    // More than the kernel holds between two programs, so that some of it is on its way when all was said.
    let long = film().repeat(2)[..7_000_000].to_vec();
    let site = Site::new(SITE);
    site.write("site/long.mp4", &long);
    let mut edge = Edge::start_with(site, |_| {});
    let url = format!("https://localhost:{}/long.mp4", edge.address().port());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--http2", "--limit-rate", "1500k", "--output", "-", "--cacert"]);
    curl.arg(edge.site.join("certs/ca.pem")).args(["--resolve", &format!("localhost:{}:127.0.0.1", edge.address().port()), &url]);
    let mut download = curl.stdout(Stdio::piped()).spawn().expect("curl");
    let mut content = download.stdout.take().expect("its output");
    let (sender, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(bytes @ 1..) = content.read(&mut piece) {
            sender.send(piece[..bytes].to_vec()).expect("the test goes on");
        }
    });
    // The client takes nothing for a while, and what was said waits in the kernel: the stop begins in the middle of it.
    let mut downloaded = Vec::new();
    while !pieces_pause(&pieces, &mut downloaded) || downloaded.is_empty() {}
    edge.signal(Signal::TERM);
    pieces.iter().for_each(|piece| downloaded.extend(piece));
    assert!(download.wait().expect("curl ends").success() && downloaded == long, "{} bytes", downloaded.len());
    assert_eq!(edge.wait().status.code(), Some(0));
}
