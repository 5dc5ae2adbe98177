//! A server of HTTP/2 without TLS on a Unix socket, which does by path what servers do, right and wrong.

use std::future::poll_fn;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// The server; it ends when dropped.
pub struct Http2Server {
    /// Connections that it was asked for.
    pub connections: Arc<AtomicUsize>,
    seen: Arc<Seen>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<String>>,
    resets: Mutex<Vec<Reason>>,
}

impl Http2Server {
    /// Listens on this path.
    pub fn start(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (connections, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Seen::default()));
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(path).expect("a socket")
        };
        let (counted, shared) = (Arc::clone(&connections), Arc::clone(&seen));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let seen = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Ok(mut connection) = handshake(stream).await else { return };
                    let goodbye = Arc::new(Notify::new());
                    loop {
                        tokio::select! {
                            taken = connection.accept() => match taken {
                                Some(Ok((request, respond))) => {
                                    let (seen, goodbye) = (Arc::clone(&seen), Arc::clone(&goodbye));
                                    tokio::spawn(async move { drop(answer(request, respond, &seen, &goodbye).await) });
                                }
                                Some(Err(_)) | None => return,
                            },
                            () = goodbye.notified() => connection.graceful_shutdown(),
                        }
                    }
                });
            }
        });
        Self { connections, seen, _runtime: runtime }
    }

    /// How often this target was asked for.
    pub fn asked(&self, target: &str) -> usize {
        self.seen.asked.lock().expect("a list").iter().filter(|asked| *asked == target).count()
    }

    /// The reasons of resets that came while `/hang` was asked for.
    pub fn resets(&self) -> Vec<Reason> {
        self.seen.resets.lock().expect("a list").clone()
    }
}

fn head(status: u16) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn sized(status: u16, length: &'static str) -> Response<()> {
    let mut response = head(status);
    response.headers_mut().insert("content-length", length.parse().expect("a value"));
    response
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, seen: &Seen, goodbye: &Notify) -> Result<(), h2::Error> {
    let target = request.uri().path_and_query().expect("a target").to_string();
    let times = {
        let mut asked = seen.asked.lock().expect("a list");
        asked.push(target.clone());
        asked.iter().filter(|known| **known == target).count()
    };
    match request.uri().path().trim_start_matches("/api/") {
        "503-once" if times == 1 => {
            take(&mut request.into_body(), usize::MAX).await?;
            respond.send_response(head(503), true).map(drop)
        }
        "refused-late-once" if times == 1 => {
            take(&mut request.into_body(), 20_000).await?;
            respond.send_reset(Reason::REFUSED_STREAM);
            Ok(())
        }
        "show" => {
            let fields: String = request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
            let text = format!("{}\n{fields}", request.uri());
            respond.send_response(head(200), false)?.send_data(text.into(), true)
        }
        "trailers" => trailers(request.into_body(), respond).await,
        "echo" | "503-once" | "refused-late-once" => echo(head(200), request.into_body(), respond).await,
        "talk" => {
            let mut talk = head(200);
            talk.headers_mut().insert("content-type", "application/grpc".parse().expect("a value"));
            echo(talk, request.into_body(), respond).await
        }
        "hints" => {
            let mut hints = head(103);
            hints.headers_mut().insert("link", "</a.css>; rel=preload".parse().expect("a value"));
            respond.send_informational(hints)?;
            respond.send_response(head(200), false)?.send_data("hello".into(), true)
        }
        "sized" if request.method() == "HEAD" => respond.send_response(sized(200, "7"), true).map(drop),
        "sized" => respond.send_response(sized(200, "7"), false)?.send_data("seven b".into(), true),
        "empty" => respond.send_response(head(200), true).map(drop),
        "503" => respond.send_response(head(503), true).map(drop),
        "204" => respond.send_response(head(204), true).map(drop),
        "304" => respond.send_response(sized(304, "7"), true).map(drop),
        "refused-once" if times == 1 => {
            respond.send_reset(Reason::REFUSED_STREAM);
            Ok(())
        }
        "refused-once" => respond.send_response(head(200), false)?.send_data("taken".into(), true),
        "reset" => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        "cut" => {
            let mut stream = respond.send_response(head(200), false)?;
            stream.send_data("the beginning".into(), false)?;
            stream.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        "short" => respond.send_response(sized(200, "10"), false)?.send_data("short".into(), true),
        "hang" => {
            let reason = poll_fn(|cx| respond.poll_reset(cx)).await?;
            seen.resets.lock().expect("a list").push(reason);
            Ok(())
        }
        "goodbye" => {
            respond.send_response(head(200), false)?.send_data("goodbye".into(), true)?;
            goodbye.notify_one();
            Ok(())
        }
        other => panic!("{other}"),
    }
}

/// Takes so many bytes of a body, or all of it; gives how many there were.
async fn take(body: &mut RecvStream, most: usize) -> Result<usize, h2::Error> {
    let mut bytes = 0;
    while bytes < most
        && let Some(data) = body.data().await
    {
        let data = data?;
        bytes += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(bytes)
}

/// Counts the content, and says the trailer `x-sum` again.
async fn trailers(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let bytes = take(&mut body, usize::MAX).await?;
    let sum = body.trailers().await?.and_then(|trailers| trailers.get("x-sum").cloned()).expect("a trailer");
    let mut stream = respond.send_response(head(200), false)?;
    stream.send_data(format!("{bytes} bytes").into(), false)?;
    stream.send_trailers(HeaderMap::from_iter([("x-seen".parse().expect("a name"), sum)]))
}

/// Says everything again as it comes.
async fn echo(head: Response<()>, mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head, false)?;
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        stream.send_data(data, false)?;
    }
    stream.send_data(Bytes::new(), true)
}
