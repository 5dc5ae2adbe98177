//! Large files: sent by the kernel on plain connections, the same bytes as on encrypted ones, and never a mixture of two files.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::support::{Certificate, Client, Edge, Site, TlsClient, wait_for};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
watch = false
//- /site/index.html
<!doctype html><title>app</title>
"#;

/// As many bytes, no two pages of them alike.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(&state.to_be_bytes());
    }
    out.truncate(bytes);
    out
}

/// The sizes around which files are sent in another way, and the bytes of such files.
fn files() -> Vec<(String, Vec<u8>)> {
    [65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000].map(|bytes| (format!("{bytes}.bin"), noise(bytes))).into()
}

fn site(config: &str, files: &[(String, Vec<u8>)]) -> Site {
    let site = Site::new(config);
    for (name, bytes) in files {
        site.write(&format!("site/{name}"), bytes);
    }
    site
}

fn start(site: Site) -> Edge {
    Edge::start_with(site, |_| {})
}

/// A file of zeros that takes no room on the disk.
fn write_sparse(path: &Path, bytes: u64) {
    std::fs::File::create(path).and_then(|file| file.set_len(bytes)).unwrap();
}

fn get(client: &mut Client, name: &str, fields: &str) {
    client.send(format!("GET /{name} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").as_bytes());
}

#[test]
fn a_large_file_arrives_byte_for_byte_and_its_connection_goes_on() {
    let files = files();
    let edge = start(site(SITE, &files));
    let mut client = edge.connect();
    for (name, bytes) in &files {
        get(&mut client, name, "");
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, bytes.len()), "{name}");
        assert!(response.body == *bytes, "{name}");
        get(&mut client, name, "Range: bytes=65000-65530\r\n");
        let part = client.response();
        assert_eq!(part.status, 206, "{name}");
        assert!(part.body == bytes[65_000..=65_530], "{name}");
        get(&mut client, name, "Range: bytes=-70000\r\n");
        assert!(client.response().body == bytes[bytes.len().saturating_sub(70_000)..], "{name}");
    }
    edge.wait_for_access("the bytes in the log", |line| line["path"] == "/5000000.bin" && line["bytes"] == 5_000_000);
}

#[test]
fn a_head_has_no_body_of_a_large_file() {
    let files = files();
    let edge = start(site(SITE, &files));
    let mut client = edge.connect();
    for (name, bytes) in &files {
        client.send(format!("HEAD /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let response = client.response_to("HEAD");
        assert_eq!(response.field("content-length"), Some(bytes.len().to_string().as_str()), "{name}");
    }
    get(&mut client, "65536.bin", "");
    assert_eq!(client.response().body.len(), 65_536);
}

#[test]
fn requests_that_come_together_get_their_large_files_one_after_another() {
    let files = files();
    let edge = start(site(SITE, &files));
    let mut client = edge.connect();
    for (name, _) in &files {
        get(&mut client, name, "");
    }
    for (name, bytes) in &files {
        assert!(client.response().body == *bytes, "{name}");
    }
}

#[test]
fn plain_encrypted_and_unix_connections_get_the_same_bytes() {
    let config = r#"
//- /proxy.toml
[server]
listen = ["http://127.0.0.1:0", "https://127.0.0.1:0", "http://unix:edge.sock"]
https_redirect = false
[tls]
cert = "tls.crt"
key = "tls.key"
[[route]]
path = "/"
root = "site"
//- /site/index.html
x
"#;
    let files = files();
    let site = site(config, &files);
    let certificate = Certificate::write(site.path(), &["localhost"]);
    let tls = TlsClient::new(&certificate.path);
    let edge = start(site);
    for (name, bytes) in &files {
        let request = format!("GET /{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(edge.request(&request).body == *bytes, "plain: {name}");
        assert!(tls.request(edge.addresses[1], "localhost", &request).body == *bytes, "TLS: {name}");
        let mut unix = UnixStream::connect(edge.site.join("edge.sock")).unwrap();
        unix.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        unix.read_to_end(&mut response).unwrap();
        assert!(response.ends_with(bytes), "unix: {name}");
    }
}

#[test]
fn slow_clients_of_one_file_get_all_of_it_whoever_leaves_meanwhile() {
    let file = noise((1 << 20) - 77);
    let config = SITE.replace("\"127.0.0.1:0\"", "\"http://127.0.0.1:0\", \"http://unix:edge.sock\"");
    let edge = start(site(&config, &[("app.wasm".into(), file.clone())]));
    // The kernel keeps less for the reader of such a socket than the file is long.
    let ask = || {
        let mut client = UnixStream::connect(edge.site.join("edge.sock")).unwrap();
        client.write_all(b"GET /app.wasm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut first = vec![0; 50_000];
        client.read_exact(&mut first).unwrap();
        (client, first)
    };
    let mut clients: Vec<_> = (0..12).map(|_| ask()).collect();
    for left in [1, 5, 9] {
        clients.remove(left);
    }
    for _ in 0..5 {
        for (client, received) in &mut clients {
            let mut some = vec![0; 100_000];
            client.read_exact(&mut some).unwrap();
            received.extend_from_slice(&some);
        }
        clients.push(ask());
    }
    for (client, received) in &mut clients {
        client.read_to_end(received).unwrap();
        assert!(received.ends_with(&file) && received.len() < file.len() + 1000, "{} bytes", received.len());
    }
    assert!(edge.get("/app.wasm", "").body == file);
}

#[test]
fn a_file_that_was_loaded_into_memory_does_not_change_with_the_one_on_disk() {
    let edge = start(site(SITE, &[("app.js".into(), noise(300_000))]));
    edge.site.write("site/app.js", b"half a file");
    let response = edge.get("/app.js", "");
    assert_eq!(response.status, 200);
    assert!(response.body == noise(300_000));
}

#[test]
fn a_file_on_disk_that_was_changed_in_place_is_refused_and_one_that_was_replaced_is_sent_as_it_was() {
    let film = noise(3_000_000);
    let edge = start(site(SITE, &[("changed.mp4".into(), film.clone()), ("replaced.mp4".into(), film.clone())]));
    edge.site.write("new", b"another file");
    std::fs::rename(edge.site.join("new"), edge.site.join("site/replaced.mp4")).unwrap();
    wait_for("the refusal", || {
        edge.site.write("site/changed.mp4", b"half a file");
        (edge.get("/changed.mp4", "").status == 503).then_some(())
    });
    let line = edge.wait_for_access("the refusal", |line| line["status"] == 503);
    assert!(line["cause"].as_str().unwrap().contains("changed since it was loaded"), "{line}");
    assert!(edge.get("/replaced.mp4", "").body == film);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_its_connection() {
    let site = site(SITE, &[]);
    let bytes: u64 = 256 << 20;
    write_sparse(&site.join("site/film.mp4"), bytes);
    let edge = start(site);
    let mut client = edge.connect();
    get(&mut client, "film.mp4", "");
    assert_eq!(client.head().status, 200);
    std::fs::File::options().write(true).open(edge.site.join("site/film.mp4")).and_then(|file| file.set_len(1 << 20)).unwrap();
    let received = client.read_to_end().len() as u64;
    assert!(received < bytes, "{received}");
    edge.wait_for_access("the end in the log", |line| line["path"] == "/film.mp4" && !line["cause"].is_null());
    assert_eq!(edge.get("/", "").status, 200);
}

#[test]
fn a_client_that_takes_nothing_of_a_file_is_cut_off() {
    let site = site(&SITE.replace("[[route]]", "[timeouts]\nbody_idle = \"150ms\"\n[[route]]"), &[]);
    write_sparse(&site.join("site/film.mp4"), 256 << 20);
    let edge = start(site);
    let mut client = edge.connect();
    get(&mut client, "film.mp4", "");
    let line = edge.wait_for_access("the end in the log", |line| line["path"] == "/film.mp4");
    assert_eq!(line["cause"], "the client stopped taking the response");
    assert!((client.read_to_end().len() as u64) < 256 << 20);
}

#[test]
fn a_file_on_disk_that_was_changed_in_place_is_sent_as_it_is_once_it_is_at_rest() {
    let edge = start(site(SITE, &[("film.mp4".into(), noise(3_000_000))]));
    let known = edge.get("/film.mp4", "");
    let changed = noise(2_000_000);
    wait_for("a refusal, as it may be half written", || {
        edge.site.write("site/film.mp4", &changed);
        (edge.get("/film.mp4", "").status == 503).then_some(())
    });
    let response =
        wait_for("the new content", || Some(edge.get("/film.mp4", "Range: bytes=5-9\r\n")).filter(|response| response.status != 503));
    assert!(response.status == 200 && response.body == changed, "{}", response.status);
    assert_eq!((response.field("cache-control"), response.count("cache-control")), (Some("no-store"), 1));
    assert_eq!(response.field("content-type"), known.field("content-type"));
    for absent in ["etag", "last-modified", "accept-ranges", "content-range"] {
        assert_eq!(response.field(absent), None, "{absent}");
    }
    edge.wait_for_access("the cause", |line| {
        line["status"] == 200 && line["cause"].as_str().is_some_and(|cause| cause.contains("not what was loaded"))
    });
    let tag = known.field("etag").expect("a tag");
    assert_eq!(edge.get("/film.mp4", &format!("If-Match: {tag}\r\n")).status, 503, "who wants the version before gets no other");
    wait_for("a refusal, as something may follow", || {
        edge.site.write("site/film.mp4", b"");
        (edge.get("/film.mp4", "").status == 503).then_some(())
    });
}

#[test]
fn files_over_the_memory_limit_are_served_from_disk() {
    let files: Vec<_> = (0..12).map(|number| (format!("{number}.bin"), noise(200_000 + number))).collect();
    let edge = start(site(&SITE.replace("[[route]]", "[limits]\nassets_memory = \"1MiB\"\n[[route]]"), &files));
    for (name, bytes) in &files {
        assert!(edge.get(&format!("/{name}"), "").body == *bytes, "{name}");
    }
    let full = edge.wait_for_event("the warning", |event| event["level"] == "warn");
    let text = full["msg"].as_str().unwrap_or_default();
    assert!(text.contains("limits.assets_memory") && text.contains("/11.bin"), "{full}");
    let serving = edge.wait_for_event("the start", |event| event["msg"] == "serving");
    assert!(serving["memory"].as_u64().is_some_and(|bytes| (800_000..=1 << 20).contains(&bytes)), "{serving}");
    // The largest ones are those on disk: a change there shows.
    edge.site.write("site/0.bin", b"changed");
    edge.site.write("site/11.bin", b"changed");
    assert_eq!((edge.get("/0.bin", "").status, edge.get("/11.bin", "").status), (200, 503));
}

#[test]
fn more_files_on_disk_than_may_be_open_are_opened_when_they_are_asked_for() {
    let files: Vec<_> = (0..40).map(|number| (format!("{number}.bin"), noise((1 << 20) + 1 + number))).collect();
    let site = site(SITE, &files);
    // A quarter of them for files: fewer than there are.
    let edge = Edge::start_with(site, |command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let folder = command.get_current_dir().unwrap().to_owned();
        *command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -n 100 && exec \"$@\"", "sh"]).arg(program).args(arguments).current_dir(folder);
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    });
    for (name, bytes) in &files {
        assert!(edge.get(&format!("/{name}"), "").body == *bytes, "{name}");
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", edge.pid().as_raw_nonzero())).unwrap();
    let open = open.flatten().filter_map(|entry| entry.path().read_link().ok()).filter(|path| path.starts_with(edge.site.path())).count();
    assert!((1..=25).contains(&open), "{open} files are open");
    // Those that are open can be sent for as long as they are.
    for (name, _) in &files {
        std::fs::remove_file(edge.site.join(&format!("site/{name}"))).unwrap();
    }
    let sent = files.iter().filter(|(name, _)| edge.get(&format!("/{name}"), "").status == 200).count();
    assert_eq!(sent, open);
}
