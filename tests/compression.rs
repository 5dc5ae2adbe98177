//! Responses of upstreams, and fixed answers, are compressed on their way: as small as the client takes them, and none of it later than without.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::http2::{Http2, run as run_client};
use crate::support::{Backed, Client, Edge, FORWARD, Response, accept, has, played, played_with, run};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// As much as can be decoded of what may be the begin of a body.
fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut out)),
        "br" => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out)),
        "zstd" => {
            let mut context = zstd_safe::DCtx::create();
            let mut input = zstd_safe::InBuffer::around(bytes);
            loop {
                let before = (input.pos(), out.len());
                out.reserve(4096);
                context.decompress_stream(&mut zstd_safe::OutBuffer::around_pos(&mut out, before.1), &mut input).expect("valid zstd");
                if (input.pos(), out.len()) == before {
                    break;
                }
            }
        }
        other => panic!("{other} is no coding"),
    }
    out
}

fn request(method: &str, accept: &str) -> String {
    format!("{method} /api/x HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {accept}\r\n\r\n")
}

/// What a client that accepts this gets when the upstream answers with these bytes.
fn answered(edge: &Edge, listener: &UnixListener, (method, accepted): (&str, &str), answer: &[u8]) -> Response {
    let mut client = edge.connect();
    client.send(request(method, accepted).as_bytes());
    accept(listener).write_all(answer).unwrap();
    client.response_to(method)
}

/// A whole answer of an upstream, with its length; `fields` end in line ends.
fn whole(fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len()).into_bytes()
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn every_coding_gives_back_what_the_api_sent_and_is_a_third_of_it() {
    let backed = Backed::start("");
    for size in [2_000, 51_200, 3_000_000] {
        let path = format!("/api/json/{size}");
        let plain = backed.get(&path, "");
        assert_eq!((plain.field("content-encoding"), plain.field("vary")), (None, Some("Accept-Encoding")));
        for coding in CODINGS {
            let coded = backed.get(&path, &format!("Accept-Encoding: {coding}\r\n"));
            assert_eq!((coded.field("content-encoding"), coded.count("vary")), (Some(coding), 1), "{size}");
            assert!(coded.body.len() * 3 < plain.body.len(), "{coding}: {} of {size}", coded.body.len());
            assert!(decode(coding, &coded.body) == plain.body, "{coding} {size}");
        }
    }
}

#[test]
fn a_piece_is_read_compressed_before_the_next_one_is_sent() {
    let (edge, listener) = played("");
    for coding in CODINGS {
        let mut client = edge.connect();
        client.send(request("GET", coding).as_bytes());
        let mut server = accept(&listener);
        write!(server, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(client.head().field("content-encoding"), Some(coding), "the head does not wait for the first piece");
        let (mut sent, mut coded) = (String::new(), Vec::new());
        for number in 0..20 {
            let line = format!("{{\"n\":{number}}}\n");
            write!(server, "{:x}\r\n{line}\r\n", line.len()).unwrap();
            sent += &line;
            while decode(coding, &coded) != sent.as_bytes() {
                coded.extend(client.chunk());
            }
        }
        write!(server, "0\r\n\r\n").unwrap();
        loop {
            match client.chunk() {
                end if end.is_empty() => break,
                more => coded.extend(more),
            }
        }
        assert_eq!(decode(coding, &coded), sent.as_bytes());
    }
}

#[test]
fn what_must_not_be_compressed_passes_as_it_came() {
    let (edge, listener) = played("");
    let body = "data: 0123456789\n\n".repeat(300);
    for fields in [
        "Content-Type: text/event-stream\r\n",
        "Content-Type: application/grpc+json\r\n",
        "Content-Type: image/png\r\n",
        "Content-Type: application/json\r\nX-Accel-Buffering: no\r\n",
        "Content-Type: application/json\r\nCache-Control: private, no-transform\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "X-No-Type: 1\r\n",
    ] {
        let fields = format!("{fields}ETag: \"a\"\r\nAccept-Ranges: bytes\r\n");
        let response = answered(&edge, &listener, ("GET", "zstd, br, gzip"), &whole(&fields, &body));
        assert_eq!((response.text(), response.field("vary")), (body.clone(), None), "{fields}");
        assert_eq!(response.field("content-length"), Some(body.len().to_string().as_str()), "{fields}");
        for line in fields.trim_end().split("\r\n") {
            let (name, value) = line.split_once(": ").unwrap();
            // What is said to the proxy alone stays with it.
            let expected = (name != "X-Accel-Buffering").then_some(value);
            assert_eq!(response.field(&name.to_ascii_lowercase()), expected, "{fields}");
        }
    }
}

#[test]
fn a_part_of_something_stays_as_it_is() {
    let (edge, listener) = played("");
    let answer = format!(
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: 2000\r\nContent-Range: bytes 0-1999/9000\r\n{JSON}ETag: \"a\"\r\n\r\n{}",
        "a".repeat(2000)
    );
    let response = answered(&edge, &listener, ("GET", "gzip"), answer.as_bytes());
    assert_eq!((response.status, response.body.len(), response.field("etag")), (206, 2000, Some("\"a\"")));
    assert_eq!((response.field("content-encoding"), response.field("content-range")), (None, Some("bytes 0-1999/9000")));
}

#[test]
fn a_compressed_response_says_nothing_of_the_bytes_before() {
    let (edge, listener) = played("");
    let fields = format!(
        "{JSON}ETag: \"a\"\r\nVary: Origin\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: x\r\nContent-Digest: x\r\nRepr-Digest: x\r\n"
    );
    let body = "{\"a\":1}".repeat(1000);
    let response = answered(&edge, &listener, ("GET", "gzip"), &whole(&fields, &body));
    assert_eq!(decode("gzip", &response.body), body.as_bytes());
    assert_eq!((response.field("etag"), response.count("etag")), (Some("W/\"a\""), 1));
    assert_eq!((response.field("vary"), response.count("vary")), (Some("Origin, Accept-Encoding"), 1));
    for gone in ["accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"] {
        assert_eq!(response.field(gone), None, "{gone}");
    }
    if let Some(length) = response.field("content-length") {
        assert_eq!(length, response.body.len().to_string());
    }
}

#[test]
fn an_unchanged_response_names_the_tag_that_the_client_got() {
    let (edge, listener) = played("");
    for (accept, tag) in [("gzip", "W/\"a\""), ("identity", "\"a\"")] {
        let response =
            answered(&edge, &listener, ("GET", accept), b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\nETag: \"a\"\r\n\r\n");
        assert_eq!((response.status, response.field("etag"), response.field("vary")), (304, Some(tag), Some("Accept-Encoding")));
    }
}

#[test]
fn head_has_the_fields_of_get() {
    let (edge, listener) = played("");
    let body = "{\"a\":1}".repeat(1000);
    for (body, accept) in [(body.as_str(), "gzip"), (body.as_str(), "identity"), ("{}", "gzip")] {
        let answer = whole(&format!("{JSON}ETag: \"a\"\r\nAccept-Ranges: bytes\r\n"), body);
        let get = answered(&edge, &listener, ("GET", accept), &answer);
        let (head_answer, _) = answer.split_at(answer.len() - body.len());
        let head = answered(&edge, &listener, ("HEAD", accept), head_answer);
        for name in ["content-type", "content-encoding", "vary", "etag", "accept-ranges"] {
            assert_eq!(head.field(name), get.field(name), "{name} for {accept}");
        }
        if get.field("content-encoding").is_some() {
            assert_eq!(head.field("content-length"), None, "the length of another form");
        } else {
            assert_eq!(head.field("content-length"), get.field("content-length"));
        }
    }
}

#[test]
fn a_short_body_stays_as_it_is_however_it_is_framed() {
    let (edge, listener) = played("[compression]\nmin_size = \"100B\"");
    for (bytes, coding) in [(0, None), (99, None), (100, Some("gzip"))] {
        let body = "a".repeat(bytes);
        let chunk = if bytes > 0 { format!("{bytes:x}\r\n{body}\r\n") } else { String::new() };
        let chunked = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{JSON}\r\n{chunk}0\r\n\r\n");
        for answer in [whole(JSON, &body), chunked.into_bytes()] {
            let response = answered(&edge, &listener, ("GET", "gzip"), &answer);
            assert_eq!(response.field("content-encoding"), coding, "{bytes}");
            let plain = if coding.is_some() { decode("gzip", &response.body) } else { response.body };
            assert_eq!(plain, body.as_bytes());
        }
    }
    let forced = answered(&edge, &listener, ("GET", "gzip, identity;q=0"), &whole(JSON, "{}"));
    assert_eq!((forced.field("content-encoding"), decode("gzip", &forced.body)), (Some("gzip"), b"{}".to_vec()));
}

#[test]
fn the_client_weighs_the_codings() {
    let (edge, listener) = played("");
    let answer = whole(JSON, &"{\"a\":1}".repeat(1000));
    for (accept, coding) in [
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip, br;q=0.5", Some("gzip")),
        ("zstd;q=0, *", Some("br")),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity, gzip;q=0.1", None),
        ("", None),
    ] {
        assert_eq!(answered(&edge, &listener, ("GET", accept), &answer).field("content-encoding"), coding, "{accept}");
    }
}

#[test]
fn types_that_are_skipped_codings_that_are_not_offered_and_an_empty_list_are_honoured() {
    let answer = whole("Content-Type: text/csv\r\n", &"1,2,3\n".repeat(1000));
    for (table, coding, vary) in [
        ("dynamic = [\"gzip\", \"br\"]", Some("gzip"), Some("Accept-Encoding")),
        ("dynamic = [\"br\"]\nlevel = { br = 1 }", Some("br"), Some("Accept-Encoding")),
        ("skip = [\"text/*\"]", None, None),
        ("dynamic = []", None, None),
    ] {
        let (edge, listener) = played(&format!("[compression]\n{table}"));
        let response = answered(&edge, &listener, ("GET", "zstd;q=0.5, br, gzip"), &answer);
        assert_eq!((response.field("content-encoding"), response.field("vary")), (coding, vary), "{table}");
    }
}

#[test]
fn a_route_may_forbid_it_with_no_transform() {
    let config = FORWARD.replace("proxy = \"api\"", "proxy = \"api\"\nheaders.response.set = { \"Cache-Control\" = \"no-transform\" }");
    let (edge, listener) = played_with(&config);
    let response = answered(&edge, &listener, ("GET", "gzip"), &whole(JSON, &"{}".repeat(1000)));
    assert_eq!((response.field("content-encoding"), response.body.len()), (None, 2000));
}

#[test]
fn trailers_come_behind_compressed_content() {
    let (edge, listener) = played("");
    let body = "{\"a\":1}".repeat(1000);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{JSON}\r\n{:x}\r\n{body}\r\n0\r\nX-Sum: 7\r\n\r\n",
        body.len()
    );
    let response = answered(&edge, &listener, ("GET", "br\r\nTE: trailers"), answer.as_bytes());
    assert_eq!(decode("br", &response.body), body.as_bytes());
    assert_eq!(response.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn a_response_that_is_cut_at_the_upstream_is_cut_at_the_client() {
    let (edge, listener) = played("");
    let mut client = edge.connect();
    client.send(request("GET", "gzip").as_bytes());
    let mut server = accept(&listener);
    write!(server, "HTTP/1.1 200 OK\r\n{JSON}Content-Length: 90000\r\n\r\n{}", "{}".repeat(2000)).unwrap();
    client.head();
    drop(server);
    let rest = client.read_to_end();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the client cannot take it for whole");
    edge.wait_for_access("the cut response", |line| line["cause"].as_str().is_some_and(|cause| cause.contains("ended early")));
}

#[test]
fn a_client_that_leaves_ends_the_compressed_stream_at_the_upstream() {
    let (edge, listener) = played("");
    for coding in CODINGS {
        let mut client = edge.connect();
        client.send(request("GET", coding).as_bytes());
        let mut server = accept(&listener);
        write!(server, "HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n").unwrap();
        client.head();
        assert!(!client.chunk().is_empty());
        drop(client);
        assert!(matches!(server.read(&mut [0]), Ok(0)), "the upstream is not told that the client left");
        // What the stream left behind does not meet the next one.
        let body = "{\"a\":1}".repeat(1000);
        let next = answered(&edge, &listener, ("GET", coding), &whole(JSON, &body));
        assert_eq!(decode(coding, &next.body), body.as_bytes());
    }
}

#[test]
fn an_old_client_without_chunks_gets_it_up_to_the_close() {
    let (edge, listener) = played("");
    let body = "{\"a\":1}".repeat(1000);
    let mut client: Client = edge.connect();
    client.send(b"GET /api/x HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    accept(&listener).write_all(&whole(JSON, &body)).unwrap();
    let response = client.response();
    assert_eq!((response.field("content-encoding"), decode("gzip", &response.body)), (Some("gzip"), body.into_bytes()));
}

#[test]
fn fixed_answers_are_compressed_where_they_are_long_enough() {
    let long = "a long answer ".repeat(500);
    let tables = format!(
        "[[route]]\nexact = \"/long\"\nrespond = {{ body = \"{long}\" }}\n[[route]]\nexact = \"/short\"\nrespond = {{ body = \"ok\" }}"
    );
    let (edge, _listener) = played(&tables);
    for coding in CODINGS {
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let response = edge.get("/long", &fields);
        assert_eq!((response.field("content-encoding"), response.field("vary")), (Some(coding), Some("Accept-Encoding")));
        assert_eq!(response.field("content-length"), Some(response.body.len().to_string().as_str()));
        assert_eq!(decode(coding, &response.body), long.as_bytes());
        assert_eq!((edge.get("/short", &fields).text(), edge.get("/short", &fields).field("vary")), ("ok".to_owned(), None));
    }
    assert_eq!(edge.get("/long", "").text(), long);
}

/// [`FORWARD`] on TLS.
fn secure() -> Backed {
    Backed::start_with(&format!("{}\n[tls]\ndev = true\n", FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]")))
}

#[test]
fn http2_gets_the_same() {
    let backed = secure();
    run_client(async {
        let mut client = Http2::connect(&backed.edge).await;
        let get = |path: &str, method: &str, accept: &str| {
            http::Request::builder()
                .method(method)
                .uri(format!("https://localhost{path}"))
                .header("accept-encoding", accept)
                .body(())
                .unwrap()
        };
        let path = "/api/json/200000";
        let plain = client.request(get(path, "GET", "identity"), &[], None).await.unwrap();
        for coding in CODINGS {
            let coded = client.request(get(path, "GET", coding), &[], None).await.unwrap();
            assert_eq!(coded.fields["content-encoding"], coding);
            assert_eq!(coded.fields["vary"], "Accept-Encoding");
            assert!(decode(coding, &coded.body) == plain.body, "{coding}");
            let head = client.request(get(path, "HEAD", coding), &[], None).await.unwrap();
            assert_eq!(head.fields["content-encoding"], coding);
            assert!(head.body.is_empty());
        }
    });
}

#[test]
fn curl_decodes_it() {
    if !has("curl") {
        return;
    }
    let backed = secure();
    let port = backed.edge.address().port();
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--cacert"]).arg(backed.edge.site.join("certs/ca.pem"));
        command.args(["--resolve", &format!("localhost:{port}:127.0.0.1")]).args(arguments);
        run(command.arg(format!("https://localhost:{port}/api/json/100000")))
    };
    let plain = curl(&[]);
    for version in ["--http1.0", "--http1.1", "--http2"] {
        assert!(curl(&[version, "--compressed"]) == plain, "{version}");
        let size: usize = curl(&[version, "--compressed", "--output", "/dev/null", "--write-out", "%{size_download}"]).parse().unwrap();
        assert!(size * 3 < plain.len(), "{version}: {size}");
    }
}
