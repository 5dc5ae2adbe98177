//! What a client sees of an answer, in a few words: `200 whole "ok\n"`, `200 cut`, `502`, `nothing`.

use std::io::{ErrorKind, Read, Write};

use super::table::Ask;

/// The answers that edges make themselves: their words are their own.
const OWN: [u16; 3] = [502, 503, 504];

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Reset,
}

/// The request for a fault.
pub(super) fn request(ask: Ask, target: &str, fields: &str) -> Vec<u8> {
    match ask {
        Ask::Get => format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes(),
        Ask::Head => format!("HEAD {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes(),
        Ask::Upload(bytes) => {
            let mut request = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n{fields}\r\n").into_bytes();
            request.resize(request.len() + bytes, b'x');
            request
        }
    }
}

/// Sends in a thread of its own, since an answer may come before all was sent; gives what was seen, and tells when there is a head.
pub(super) fn ask<S: Read + Write + Send>(mut reader: S, mut writer: S, ask: Ask, request: &[u8], has_head: impl Fn()) -> String {
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(request));
        observe(&mut reader, matches!(ask, Ask::Head), has_head)
    })
}

/// Reads one final answer, or as much as comes of it.
fn observe(reader: &mut impl Read, is_head: bool, has_head: impl Fn()) -> String {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 65536]);
    loop {
        let end = match reader.read(&mut chunk) {
            Ok(0) => End::Closed,
            Ok(count) => {
                bytes.extend_from_slice(&chunk[..count]);
                End::Open
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("{error}; so far {:?}", String::from_utf8_lossy(&bytes)),
        };
        if let Ok(_final) = final_head(&bytes) {
            has_head();
        }
        if let Some(seen) = word(&bytes, end, is_head) {
            return seen;
        }
    }
}

/// The status and the head of the final answer, in lower case, and what came behind it; or what has come in its place behind interim ones.
fn final_head(bytes: &[u8]) -> Result<(u16, String, &[u8]), &[u8]> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(bytes)?;
    let (head, body) = (String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase(), &bytes[at + 4..]);
    let status: u16 = head.split(' ').nth(1).and_then(|code| code.get(..3)).and_then(|code| code.parse().ok()).unwrap_or_default();
    if (100..200).contains(&status) && status != 101 { final_head(body) } else { Ok((status, head, body)) }
}

/// The words for what has come, if nothing more is to be waited for.
fn word(bytes: &[u8], end: End, is_head: bool) -> Option<String> {
    let (status, head, body) = match final_head(bytes) {
        Ok(answer) => answer,
        Err(_) if end == End::Open => return None,
        Err(b"") => return Some("nothing".to_owned()),
        Err(rest) => return Some(format!("{:?}", String::from_utf8_lossy(rest))),
    };
    let whole = |content: &[u8]| {
        let words =
            if OWN.contains(&status) { status.to_string() } else { format!("{status} whole {:?}", String::from_utf8_lossy(content)) };
        Some(words)
    };
    let cut = || (end != End::Open).then(|| format!("{status} cut"));
    if is_head || matches!(status, 101 | 204 | 304) {
        return whole(b"");
    }
    if head.contains("transfer-encoding: chunked") {
        return match dechunked(body) {
            Some(content) => whole(&content),
            None => cut(),
        };
    }
    match head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()) {
        Some(length) if body.len() >= length => whole(&body[..length]),
        Some(_) => cut(),
        None if end == End::Closed => whole(body),
        None => cut(),
    }
}

fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let at = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return rest.ends_with(b"\r\n\r\n").then_some(content);
        }
        content.extend_from_slice(rest.get(at + 2..at + 2 + size)?);
        rest = rest.get(at + 4 + size..)?;
    }
}
