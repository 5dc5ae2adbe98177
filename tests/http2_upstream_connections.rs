//! Connections of HTTP/2 to an upstream, which many requests share: what one request, or its client, or the server does leaves the others alone.

mod stalled;

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use h2::RecvStream;
use http::{Request, StatusCode};

use crate::support::frame_server::{END_HEADERS, END_STREAM, FrameServer, Say, frame, head, kind, ok, read};
use crate::support::http2::{Http2, get, run, until};
use crate::support::{Edge, PATIENCE, Site};

/// What a server may send of one response before anything of it was taken.
const WINDOW_BYTES: usize = 256 * 1024;

/// An edge with one upstream of this name, for a client that stays with one worker.
fn site(name: &str) -> Site {
    site_with(name, "")
}

/// The same, with more of its route.
fn site_with(name: &str, rest: &str) -> Site {
    Site::new(&format!(
        r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0"]
grace = "1s"
[tls]
dev = true
[timeouts]
response = "2s"
idle = "1s"
connect = "1s"
[upstream.{name}]
to = "h2c://unix:{name}.sock"
wait = "0s"
[[route]]
path = "/{name}"
proxy = "{name}"
{rest}
"#
    ))
}

/// A POST without content, which is not asked again without need.
fn posted(path: &str) -> Request<()> {
    Request::post(format!("https://localhost{path}")).body(()).expect("a request")
}

/// Asks, and leaves what comes of it unread.
async fn asked(client: &Http2, path: &str) -> (StatusCode, RecvStream) {
    let mut ready = client.send.clone().ready().await.expect("a connection");
    let response = ready.send_request(posted(path), true).expect("a stream").0.await.expect("an answer");
    (response.status(), response.into_body())
}

async fn status(client: &mut Http2, path: &str) -> u16 {
    client.request(posted(path), &[], None).await.expect("an answer").status.as_u16()
}

#[test]
fn a_reset_of_one_stream_leaves_the_others_alone() {
    let site = site("mixed");
    let count = AtomicUsize::new(0);
    let say: Arc<Say> = Arc::new(move |stream, id| match count.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => stream.write_all(&frame(kind::RST_STREAM, 0, id, &[0, 0, 0, 2])),
        1 => head(stream, id, b"\xff\xff\xff\xff\xff"),
        _ => stream.write_all(&ok(id)),
    });
    let server = FrameServer::start(&site.join("mixed.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        for expected in [502, 502, 200, 502, 502, 200] {
            assert_eq!(status(&mut client, "/mixed").await, expected);
        }
    });
    // A head that cannot be read leaves the table of its connection unknown, which ends with that. A reset ends nothing else.
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

#[test]
fn a_server_that_has_gone_without_a_word_is_found_out_and_left() {
    let site = site("gone");
    // The first connection falls silent at its first request, the others answer.
    let silent = AtomicBool::new(true);
    let say: Arc<Say> = Arc::new(move |stream, id| {
        if silent.swap(false, Ordering::SeqCst) {
            while read(stream).is_ok() {}
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        stream.write_all(&ok(id))
    });
    let server = FrameServer::start(&site.join("gone.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        assert_eq!(status(&mut client, "/gone").await, 504);
        for _ in 0..3 {
            assert_eq!(status(&mut client, "/gone").await, 200, "nothing goes out where nothing comes back");
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
    edge.wait_for_event("the silence", |event| event.to_string().contains("nothing comes of its server any more"));
}

#[test]
fn a_server_gets_no_more_streams_than_it_takes_and_further_connections_instead() {
    let site = site("narrow");
    // SETTINGS_MAX_CONCURRENT_STREAMS = 2. Nothing is answered before six have come.
    let open = Arc::new(Mutex::new(Vec::<(UnixStream, u32)>::new()));
    let seen = Arc::new(AtomicU32::new(0));
    let highest = Arc::clone(&seen);
    let say: Arc<Say> = Arc::new(move |stream, id| {
        let mut open = open.lock().expect("a list");
        open.push((stream.try_clone()?, id));
        highest.fetch_max(id, Ordering::SeqCst);
        if open.len() == 6 {
            for (stream, id) in open.iter_mut() {
                stream.write_all(&ok(*id))?;
            }
        }
        Ok(())
    });
    let server = FrameServer::start(&site.join("narrow.sock"), &[0, 3, 0, 0, 0, 2], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let client = Http2::connect(&edge).await;
        let asked: Vec<_> = (0..6)
            .map(|_| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.expect("a connection");
                    ready.send_request(posted("/narrow"), true).expect("a stream").0.await.expect("an answer").status()
                })
            })
            .collect();
        for one in asked {
            assert_eq!(one.await.expect("a task"), 200);
        }
    });
    // No third stream, whose number would be 5. Who waits for another to connect does so himself after a while: on a busy machine all of them may.
    assert!(seen.load(Ordering::SeqCst) <= 3);
    assert_eq!(server.requests.load(Ordering::SeqCst), 6);
    assert!((3..=6).contains(&server.connections.load(Ordering::SeqCst)));
}

#[test]
fn a_server_that_is_slow_to_speak_gets_no_more_connections_than_it_may() {
    const ASKED: usize = 120;
    const CONNECTIONS_MAX: usize = 64;
    let never =
        "[upstream.never]\nto = \"h2c://unix:never.sock\"\n[[route]]\npath = \"/never\"\nproxy = \"never\"\ntimeouts.response = \"1s\"";
    let site = site_with("slow", never);
    FrameServer::start(&site.join("never.sock"), &[], Arc::new(|_: &mut UnixStream, _| Ok(())));
    let config = std::fs::read_to_string(site.join("proxy.toml")).expect("a config");
    site.write("proxy.toml", config.replace("connect = \"1s\"", "connect = \"60s\"").as_bytes());
    let say: Arc<Say> = Arc::new(|stream: &mut UnixStream, id| stream.write_all(&ok(id)));
    let server = FrameServer::start_silent(&site.join("slow.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let asked: Vec<_> = (0..ASKED)
            .map(|_| {
                let send = client.send.clone();
                tokio::spawn(async move {
                    let mut ready = send.ready().await.expect("a connection");
                    ready.send_request(posted("/slow"), true).expect("a stream").0.await.expect("an answer").status()
                })
            })
            .collect();
        until("all connections", || server.connections.load(Ordering::SeqCst) >= CONNECTIONS_MAX).await;
        // By then no request waits for another one to connect any more.
        assert_eq!(status(&mut client, "/never").await, 504);
        assert_eq!(server.connections.load(Ordering::SeqCst), CONNECTIONS_MAX);
        server.speaks.get_or_init(|| ());
        for one in asked {
            assert_eq!(one.await.expect("a task"), 200);
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), CONNECTIONS_MAX);
}

#[test]
fn a_goodbye_lets_finish_what_it_takes_and_what_it_leaves_out_goes_elsewhere() {
    let site = site("bye");
    let count = AtomicUsize::new(0);
    let say: Arc<Say> = Arc::new(move |stream, id| match count.fetch_add(1, Ordering::SeqCst) {
        1 => Ok(()),
        // The last stream that it has begun with is the one before.
        2 => stream.write_all(&[frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]), ok(3)].concat()),
        _ => stream.write_all(&ok(id)),
    });
    let server = FrameServer::start(&site.join("bye.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        // Now there is a connection, which both of them take.
        assert_eq!(status(&mut client, "/bye").await, 200);
        let mut ready = client.send.clone().ready().await.expect("a connection");
        let first = ready.send_request(posted("/bye"), true).expect("a stream").0;
        let second = status(&mut client, "/bye").await;
        assert_eq!((first.await.expect("an answer").status().as_u16(), second), (200, 200));
    });
    assert_eq!((server.connections.load(Ordering::SeqCst), server.requests.load(Ordering::SeqCst)), (2, 4));
}

#[test]
fn a_client_that_takes_nothing_stops_its_own_response_and_no_other() {
    let site = site("large");
    let (sent, seen) = std::sync::mpsc::channel();
    let sent = Mutex::new(sent);
    let say: Arc<Say> = Arc::new(move |stream, id| {
        if id > 1 {
            // Without content, for which the client has left no window.
            return stream.write_all(&frame(kind::HEADERS, END_HEADERS | END_STREAM, id, b"\x88"));
        }
        // As much as the window lets through.
        head(stream, id, b"\x88")?;
        stream.write_all(&frame(kind::DATA, 0, id, &[b'x'; 16_384]).repeat(WINDOW_BYTES / 16_384))?;
        sent.lock().expect("a sender").send(()).map_err(io::Error::other)
    });
    let server = FrameServer::start(&site.join("large.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let (_, slow) = asked(&client, "/large").await;
        tokio::task::spawn_blocking(move || seen.recv_timeout(PATIENCE)).await.expect("a thread").expect("all of the window");
        assert_eq!(status(&mut client, "/large").await, 200);
        drop(slow);
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_request_whose_connection_ends_for_what_another_was_answered_is_asked_again() {
    let site = site("broken");
    let count = AtomicUsize::new(0);
    let say: Arc<Say> = Arc::new(move |stream, id| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        // A frame that is larger than any may be.
        1 => stream.write_all(&frame(kind::HEADERS, END_HEADERS, id, &[0; 16_385])),
        _ => stream.write_all(&ok(id)),
    });
    let server = FrameServer::start(&site.join("broken.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let first = client.send.clone().ready().await.expect("a connection").send_request(get("/broken"), true).expect("a stream").0;
        until("the first", || server.requests.load(Ordering::SeqCst) == 1).await;
        assert_eq!(status(&mut client, "/broken").await, 502, "a POST is not asked again");
        assert_eq!(first.await.expect("an answer").status(), 200);
    });
    assert_eq!((server.connections.load(Ordering::SeqCst), server.requests.load(Ordering::SeqCst)), (2, 3));
}

#[test]
fn responses_with_data_that_has_none_leave_their_connection_alone() {
    let site = site("empty");
    let say: Arc<Say> = Arc::new(|stream, id| {
        let nothing = frame(kind::DATA, 0, id, b"");
        stream.write_all(&[frame(kind::HEADERS, END_HEADERS, id, b"\x88"), nothing.clone(), nothing].concat())?;
        stream.write_all(&frame(kind::DATA, END_STREAM, id, b"ok"))
    });
    let server = FrameServer::start(&site.join("empty.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        for _ in 0..120 {
            assert_eq!(client.request(posted("/empty"), &[], None).await.expect("an answer").body, b"ok");
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

/// Waits for the answer to a PING: all before it was taken in, and answered where it has an answer.
fn taken_in(stream: &mut UnixStream) -> io::Result<()> {
    stream.write_all(&frame(kind::PING, 0, 0, b"taken in"))?;
    while read(stream)?.0 != kind::PING {}
    Ok(())
}

#[test]
fn what_comes_late_for_clients_that_have_left_harms_nobody_else() {
    const LEFT: usize = 80;
    const ROUNDS: usize = 60;
    let site = site("left");
    let open = Mutex::new(Vec::new());
    let say: Arc<Say> = Arc::new(move |stream, id| {
        let mut open = open.lock().expect("a list");
        open.push(id);
        match open.len() {
            ..=LEFT => head(stream, id, b"\x88"),
            // One more, whose client stays.
            _ if open.len() == LEFT + 1 => Ok(()),
            _ => {
                for _ in 0..ROUNDS {
                    for left in open.iter().take(LEFT) {
                        stream.write_all(&frame(kind::DATA, 0, *left, b"data: it goes on\n\n"))?;
                    }
                    taken_in(stream)?;
                }
                stream.write_all(&[ok(open[LEFT]), ok(id)].concat())
            }
        }
    });
    let server = FrameServer::start(&site.join("left.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        for _ in 0..LEFT {
            assert_eq!(asked(&client, "/left").await.0, 200);
        }
        until("the resets", || server.resets.load(Ordering::SeqCst) == LEFT).await;
        let stays = client.send.clone().ready().await.expect("a connection").send_request(posted("/left"), true).expect("a stream").0;
        until("one more", || server.requests.load(Ordering::SeqCst) == LEFT + 1).await;
        assert_eq!((status(&mut client, "/left").await, stays.await.expect("an answer").status().as_u16()), (200, 200));
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}
