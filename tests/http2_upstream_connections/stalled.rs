//! Clients that take nothing of their responses, which come in small frames: neither memory nor the connection is theirs to use up.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::RecvStream;
use http::HeaderValue;

use super::{WINDOW_BYTES, posted, site_with, status};
use crate::support::Edge;
use crate::support::frame_server::{END_HEADERS, END_STREAM, FrameServer, Say, field, frame, head, kind};
use crate::support::http2::{Http2, run};

#[test]
fn clients_that_take_nothing_of_many_small_frames_leave_their_connection_alone() {
    stalled("identity");
}

#[test]
fn and_so_do_those_whose_responses_are_compressed() {
    stalled("gzip");
}

/// Clients that take nothing of a response in small frames, coded so.
fn stalled(coding: &'static str) {
    const STALLED: usize = 24;
    const LARGE_BYTES: usize = 64 * 1024;
    let site = site_with("small", "timeouts = { response = \"30s\", idle = \"30s\" }");
    let count = AtomicUsize::new(0);
    let whole = noise(WINDOW_BYTES);
    let served = whole.clone();
    let say: Arc<Say> = Arc::new(move |stream, id| {
        if count.fetch_add(1, Ordering::SeqCst) == STALLED {
            // Without content, for which the clients have left no window.
            return stream.write_all(&frame(kind::HEADERS, END_HEADERS | END_STREAM, id, b"\x88"));
        }
        // Large ones first, which use up the window of the client.
        let (large, small) = served.split_at(LARGE_BYTES);
        let framed = |size: usize, data: &[u8]| data.chunks(size).flat_map(|data| frame(kind::DATA, 0, id, data)).collect::<Vec<_>>();
        head(stream, id, &[b"\x88".to_vec(), field("content-type", "text/plain")].concat())?;
        stream.write_all(&[framed(16_384, large), framed(16, small), frame(kind::DATA, END_STREAM, id, b"")].concat())
    });
    let server = FrameServer::start(&site.join("small.sock"), &[], say);
    let edge = Edge::start_with(site, |_| {});
    run(async {
        let mut client = Http2::connect(&edge).await;
        let mut stalled = Vec::new();
        for _ in 0..STALLED {
            let mut request = posted("/small");
            request.headers_mut().insert("accept-encoding", HeaderValue::from_static(coding));
            let mut ready = client.send.clone().ready().await.expect("a connection");
            let response = ready.send_request(request, true).expect("a stream").0.await.expect("an answer");
            assert_eq!(response.headers().contains_key("content-encoding"), coding == "gzip");
            stalled.push(response.into_body());
        }
        // What is said behind all of it has come, so all of it has.
        assert_eq!(status(&mut client, "/small").await, 200);
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
        let taken: Vec<_> = stalled.into_iter().map(|content| tokio::spawn(taken(content))).collect();
        for content in taken {
            let content = content.await.expect("a task");
            let plain = if coding == "gzip" { decoded(&content) } else { content };
            assert!(plain == whole, "all of it, in its order");
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

/// What no coding makes shorter.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

fn decoded(gzip: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut plain).expect("gzip");
    plain
}

/// Takes all that is left.
async fn taken(mut content: RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece.expect("a piece");
        content.flow_control().release_capacity(piece.len()).expect("it was lent");
        bytes.extend_from_slice(&piece);
    }
    bytes
}
