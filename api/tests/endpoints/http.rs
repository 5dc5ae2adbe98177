//! The endpoints of the real binary, over a real socket.

use crate::program::{Program, get, json, request, within};
use http_body_util::BodyExt;
use hyper::{StatusCode, client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json as value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn notes_are_made_changed_and_removed() {
    let program = Program::start().await;
    let samples = json(program.send(get("/api/notes")).await).await;
    assert_eq!(samples.as_array().unwrap().len(), 3);

    let made = program.send(request("POST", "/api/notes", r#"{"text":"milk"}"#)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["location"], "/api/notes/4");
    assert_eq!(json(made).await, value!({"id": 4, "text": "milk", "done": false}));

    let changed = program.send(request("PUT", "/api/notes/4", r#"{"done":true}"#)).await;
    assert_eq!(json(changed).await, value!({"id": 4, "text": "milk", "done": true}));

    let removed = program.send(request("DELETE", "/api/notes/4", "")).await;
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    let gone = program.send(get("/api/notes/4")).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(gone).await, value!({"error": "not found"}));
}

#[tokio::test]
async fn a_wrong_request_is_a_json_error() {
    let program = Program::start().await;
    let bad = program.send(request("POST", "/api/notes", "{")).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    assert!(json(bad).await["error"].is_string());

    let long = "x".repeat(70_000);
    let long = program.send(request("POST", "/api/notes", &long)).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let method = program.send(request("PATCH", "/api/notes/1", "")).await;
    assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(method.headers()["allow"], "GET, HEAD, PUT, DELETE");

    let number = program.send(get("/api/stream?count=many")).await;
    assert_eq!(number.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_echo_shows_the_request_byte_for_byte() {
    let program = Program::start().await;
    let sent = request("PURGE", "/api/echo/a//b/%2E%2e?x=%20&y", "hello");
    let echo = json(program.send(sent).await).await;
    assert_eq!(echo["method"], "PURGE");
    assert_eq!(echo["path"], "/api/echo/a//b/%2E%2e");
    assert_eq!(echo["query"], "x=%20&y");
    assert_eq!(echo["version"], "HTTP/1.1");
    assert_eq!(echo["body"], "hello");
    assert_eq!(echo["body_bytes"], 5);
    assert!(echo["headers"].as_array().unwrap().contains(&value!(["host", "backend"])));
}

#[tokio::test]
async fn an_echo_shows_the_trailers_of_a_chunked_request() {
    let program = Program::start().await;
    let mut stream = program.stream().await;
    stream
        .write_all(
            b"POST /api/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Sum\r\n\
              Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n",
        )
        .await
        .unwrap();
    let mut answer = String::new();
    within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains(r#""trailers":[["x-sum","7"]]"#), "{answer}");
    assert!(answer.contains(r#""body_bytes":2"#), "{answer}");
}

#[tokio::test]
async fn http_2_with_prior_knowledge_is_served_on_the_same_socket() {
    let program = Program::start().await;
    let (mut client, connection) =
        client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(program.stream().await)).await.unwrap();
    tokio::spawn(connection);
    let mut ask = request("POST", "http://backend/api/echo", "hello");
    ask.headers_mut().remove("host");
    let answer = within("an answer", client.send_request(ask)).await.unwrap();
    let echo = json(answer).await;
    assert_eq!(echo["version"], "HTTP/2.0");
    assert_eq!(echo["authority"], "backend");
    assert_eq!(echo["body_bytes"], 5);

    let cut = get("http://backend/api/truncated?bytes=10");
    let cut = within("an answer", client.send_request(cut)).await.unwrap();
    assert!(within("the reset", cut.into_body().collect()).await.is_err());
}

#[tokio::test]
async fn a_body_has_the_size_and_the_framing_asked_for() {
    let program = Program::start().await;
    let sized = program.send(get("/api/bytes/1000000")).await;
    assert_eq!(sized.headers()["content-length"], "1000000");
    let bytes = sized.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes.len(), 1_000_000);
    assert!(bytes.iter().enumerate().all(|(index, byte)| index % 251 == usize::from(*byte)));

    let chunked = program.send(get("/api/bytes/1000?chunked=1&chunk=300")).await;
    assert_eq!(chunked.headers()["transfer-encoding"], "chunked");
    assert_eq!(chunked.into_body().collect().await.unwrap().to_bytes(), bytes.slice(..1000));

    let small = program.send(get("/api/small")).await;
    assert_eq!(small.into_body().collect().await.unwrap().to_bytes().len(), 200);

    let document = json(program.send(get("/api/json/5000")).await).await;
    assert!(document["items"].as_array().unwrap().len() > 50);
}

#[tokio::test]
async fn an_upload_is_counted_and_digested() {
    let program = Program::start().await;
    let body = "0123456789".repeat(100_000);
    let answer = json(program.send(request("POST", "/api/upload", &body)).await).await;
    assert_eq!(answer["bytes"], 1_000_000);
    let digest = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    assert_eq!(answer["xxh3"], format!("{digest:016x}"));
}

#[tokio::test]
async fn each_line_of_a_stream_arrives_by_itself() {
    let program = Program::start().await;
    let mut answer = program.send(get("/api/stream?count=3&interval=30ms")).await;
    for number in 1..=3 {
        let frame = within("a line", answer.body_mut().frame()).await.unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_slice(frame.data_ref().unwrap()).unwrap();
        assert_eq!(line["n"], number);
    }
    assert!(within("the end", answer.body_mut().frame()).await.is_none());
}

#[tokio::test]
async fn events_go_on_after_the_last_event_id() {
    let program = Program::start().await;
    let mut ask = get("/api/events?count=2&interval=0");
    ask.headers_mut().insert("last-event-id", "41".parse().unwrap());
    let answer = program.send(ask).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.starts_with("id: 42\nevent: tick\ndata: {\"n\":42,"), "{text}");
    assert_eq!(text.matches("\n\n").count(), 2);
}

#[tokio::test]
async fn trailers_follow_the_body_for_a_client_that_takes_them() {
    let program = Program::start().await;
    let mut ask = get("/api/trailers");
    ask.headers_mut().insert("te", "trailers".parse().unwrap());
    let answer = program.send(ask).await;
    let body = answer.into_body().collect().await.unwrap();
    let checksum = body.trailers().unwrap()["x-checksum"].clone();
    let digest = xxhash_rust::xxh3::xxh3_64(&body.to_bytes());
    assert_eq!(checksum, format!("{digest:016x}"));
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_body() {
    let program = Program::start().await;
    let mut stream = program.stream().await;
    let head = b"POST /api/early?status=413 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    within("the answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn odd_answers_are_as_they_are_asked_for() {
    let program = Program::start().await;
    assert_eq!(program.send(get("/api/status/599")).await.status(), 599);
    let nothing = program.send(get("/api/status/304")).await;
    assert_eq!(nothing.status(), StatusCode::NOT_MODIFIED);
    assert!(nothing.into_body().collect().await.unwrap().to_bytes().is_empty());

    let flood = program.send(get("/api/headers?count=50&size=20")).await;
    assert_eq!(flood.headers()["x-flood-50"], "x".repeat(20));

    let cookies = program.send(get("/api/cookies")).await;
    assert_eq!(cookies.headers().get_all("set-cookie").iter().count(), 2);

    let redirect = program.send(get("/api/redirect?to=%2Fnext")).await;
    assert_eq!((redirect.status().as_u16(), &redirect.headers()["location"]), (302, &"/next".parse().unwrap()));

    let hop = program.send(get("/api/hop")).await;
    assert_eq!(hop.headers()["connection"], "x-private");
    assert_eq!(hop.headers()["x-private"], "1");
}

#[tokio::test]
async fn a_truncated_body_ends_halfway_with_the_connection() {
    let program = Program::start().await;
    let bytes = program.bytes_until_close(program.socket(), "/api/truncated?bytes=500").await;
    let text = String::from_utf8_lossy(&bytes);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 1000"), "{head}");
    assert_eq!(bytes.len() - head.len() - 4, 500);
}

#[tokio::test]
async fn a_raw_answer_is_sent_byte_for_byte() {
    let program = Program::start().await;
    let cut = program.bytes_until_close(program.raw(), "/raw/truncated").await;
    assert_eq!(cut, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789");
    let nothing = program.bytes_until_close(program.raw(), "/raw/close-at-once").await;
    assert!(nothing.is_empty());
    let huge = program.bytes_until_close(program.raw(), "/raw/unknown").await;
    assert!(huge.starts_with(b"HTTP/1.1 404"));
}

#[tokio::test]
async fn a_raw_connection_is_kept_after_a_request_with_a_body() {
    let program = Program::start().await;
    let mut stream = tokio::net::UnixStream::connect(program.raw()).await.unwrap();
    let ask = b"POST /raw/ok HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /raw/stale HTTP/1.1\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answers = String::new();
    within("the close", stream.read_to_string(&mut answers)).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

#[tokio::test]
async fn every_raw_answer_can_be_played() {
    let program = Program::start().await;
    for canned in api::canned::TABLE {
        if canned.after == api::canned::After::Close {
            program.bytes_until_close(program.raw(), canned.path).await;
        }
    }
}
