//! The same requests to nginx and to Transom. Every difference in status, fields and body is listed with its reason; one that is not listed fails the
//! test, and so does one that is listed and gone.

mod cases;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Edge, PATIENCE, Site, tools, wait_for};

/// Differences of every response, with the reason.
const ALWAYS: [(&str, &str); 7] = [
    ("server", "Transom does not say what it is"),
    ("date", "each has its own clock"),
    ("etag", "a hash of the content, the same on every replica; nginx's is time and size"),
    ("connection", "nginx says keep-alive or close where the protocol's default says it already"),
    ("accept-ranges", "nginx leaves it out of partial and of coded responses, and of errors"),
    ("allow", "RFC 9110 §15.5.6 demands it of a 405; nginx leaves it out"),
    ("cache-control", "nginx leaves it to the operator; Transom has a policy for every file and status"),
];

/// A request, and in what its answers differ: a field, "status" or "body", with the reason. What follows from another status is not listed.
struct Case {
    name: &'static str,
    request: &'static str,
    meant: &'static [(&'static str, &'static str)],
}

/// What one of them answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Nginx(Child);

impl Nginx {
    fn start(site: &Site) -> Self {
        let binary = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(binary);
        command.arg("-p").arg(site.path()).arg("-c").arg(site.join("nginx.conf")).arg("-e").arg(site.join("nginx.err"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
        let nginx = Self(child);
        wait_for("nginx to listen", || UnixStream::connect(site.join("nginx.sock")).ok());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn site() -> Site {
    let site = Site::new("");
    let place = |text: &str| text.replace("@FOLDER@", &site.path().to_string_lossy()).into_bytes();
    site.write("proxy.toml", &place(include_str!("parity/proxy.toml")));
    site.write("nginx.conf", &place(include_str!("parity/nginx.conf")));
    let files: [(&str, &[u8]); 9] = [
        ("index.html", b"<!doctype html><title>home</title>\n"),
        ("404.html", b"<!doctype html><title>not here</title>\n"),
        ("robots.txt", b"0123456789"),
        ("packed.js", b"console.log(\"plain\")"),
        ("packed.js.gz", include_bytes!("golden/static/packed.js.gz")),
        ("docs/index.html", b"<!doctype html><title>docs</title>\n"),
        ("empty/file.bin", b""),
        ("with space.txt", b"space\n"),
        (".env", b"SECRET=1\n"),
    ];
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (name, content) in files {
        let path = format!("site/{name}");
        site.write(&path, content);
        let file = std::fs::File::options().write(true).open(site.join(&path)).expect("a file");
        file.set_modified(changed).expect("its time");
    }
    site
}

fn ask(socket: &Path, request: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request).expect("it reads");
    let mut bytes = Vec::new();
    // A reset after the answer is an end.
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Answer {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Answer { status: 0, fields: BTreeMap::new(), body: bytes.to_vec() };
    };
    let (head, rest) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap_or_default();
    let mut fields = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let body = if fields.remove("transfer-encoding").is_some() { dechunked(rest) } else { rest.to_vec() };
    Answer { status, fields, body }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&rest[..at]).trim(), 16).expect("a chunk size");
        body.extend_from_slice(&rest[at + 2..at + 2 + size]);
        rest = &rest[(at + 4 + size).min(rest.len())..];
    }
    body
}

/// In what they differ, and how.
fn differences(nginx: &Answer, ours: &Answer) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if nginx.status != ours.status {
        found.insert("status".to_owned(), format!("{} and {}", nginx.status, ours.status));
    }
    for name in nginx.fields.keys().chain(ours.fields.keys()) {
        let (theirs, own) = (nginx.fields.get(name), ours.fields.get(name));
        if theirs != own && !ALWAYS.iter().any(|(always, _)| always == name) {
            found.insert(name.clone(), format!("{theirs:?} and {own:?}"));
        }
    }
    if is_own_page(nginx) && nginx.status == ours.status {
        // Each words its errors itself.
        for what in ["content-type", "content-length"] {
            found.remove(what);
        }
    } else if nginx.body != ours.body {
        found.insert("body".to_owned(), format!("{:?} and {:?}", shown(&nginx.body), shown(&ours.body)));
    }
    found
}

/// A page that nginx made up.
fn is_own_page(answer: &Answer) -> bool {
    answer.status >= 300 && (answer.body.is_empty() || String::from_utf8_lossy(&answer.body).contains("<center>nginx"))
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(300).collect()
}

#[test]
fn transom_answers_as_nginx_does_but_where_it_means_not_to() {
    if !tools::has_nginx() {
        return;
    }
    let site = site();
    let nginx = Nginx::start(&site);
    let edge = Edge::start_with(site, |_| {});
    let mut wrong = Vec::new();
    for case in cases::CASES {
        let request = case.request.replace('\n', "\r\n");
        let theirs = ask(&edge.site.join("nginx.sock"), request.as_bytes());
        let ours = ask(&edge.site.join("transom.sock"), request.as_bytes());
        let mut found = differences(&theirs, &ours);
        if case.meant.iter().any(|(meant, _)| *meant == "status") && found.contains_key("status") {
            found.retain(|what, _| what == "status" || what == "location");
        }
        for (what, how) in &found {
            if !case.meant.iter().any(|(meant, _)| meant == what) {
                wrong.push(format!("{}: {what}: {how}", case.name));
            }
        }
        for (meant, _) in case.meant.iter().filter(|(meant, _)| !found.contains_key(*meant)) {
            wrong.push(format!("{}: {meant} is listed as different, and is the same", case.name));
        }
    }
    drop(nginx);
    assert!(wrong.is_empty(), "nginx and Transom differ:\n{}", wrong.join("\n"));
}
