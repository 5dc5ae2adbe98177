//! Builds that tell which they are, and visitors who see whether what they get belongs together.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::support::{Client, Edge, Response, wait_for};

/// Hashed names of eight hexadecimal digits, one for each build.
pub fn chunk(build: u32) -> String {
    format!("assets/app.{:08x}.js", 0xa1b2_c300_u32 + build)
}

/// A page that names its chunk, a chunk that names its build, a file without a hash, and one too large for memory.
pub fn write_build(folder: &Path, build: u32) {
    fs::create_dir_all(folder.join("assets")).expect("a folder");
    let write = |name: &str, content: String| fs::write(folder.join(name), content).expect("a file");
    write(&chunk(build), format!("export const build = {build};{}", "\n// some code".repeat(200)));
    write("logo.svg", format!("<svg><!-- {build} --></svg>"));
    write("film.bin", format!("{build:08}").repeat(200_000));
    write("index.html", format!("<!doctype html><title>{build}</title><script type=\"module\" src=\"/{}\"></script>", chunk(build)));
}

/// The build that the page names now.
pub fn build_of(page: &str) -> u32 {
    let number = page.split("<title>").nth(1).and_then(|rest| rest.split('<').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no page: {page}"))
}

/// Visitors who open the page, then its chunk, without a pause.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Visitors {
    pub fn start(edge: &Edge) -> Self {
        let (stop, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..3)
            .map(|_| {
                let (address, stop, visits) = (edge.address(), Arc::clone(&stop), Arc::clone(&visits));
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    let mut latest = 0;
                    while !stop.load(Ordering::Relaxed) {
                        latest = visit(&mut client, latest);
                        visits.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self { stop, visits, threads }
    }

    /// Lets them go on for a while, then asks each how it was.
    pub fn finish(self) {
        let before = self.visits.load(Ordering::Relaxed);
        wait_for("some more visits", || (self.visits.load(Ordering::Relaxed) > before + 50).then_some(()));
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a visitor found nothing wrong");
        }
    }
}

/// GETs a path on a connection that stays open.
pub fn ask(client: &mut Client, path: &str, fields: &str) -> Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
    client.response()
}

/// One visit: page, chunk of that page, and the tag of the page belongs to its content.
fn visit(client: &mut Client, latest: u32) -> u32 {
    let page = ask(client, "/", "");
    assert_eq!(page.status, 200);
    let build = build_of(&page.text());
    assert!(build >= latest, "build {build} after {latest}");
    let script = ask(client, &format!("/{}", chunk(build)), "");
    assert_eq!(script.status, 200, "the chunk of build {build}");
    assert!(script.text().starts_with(&format!("export const build = {build};")), "the chunk of build {build} is another's");
    assert_eq!(script.field("cache-control"), Some("public, max-age=31536000, immutable"));
    let etag = page.field("etag").expect("a tag").to_owned();
    let again = ask(client, "/", &format!("If-None-Match: {etag}\r\n"));
    match again.status {
        304 => assert_eq!(again.field("etag"), Some(etag.as_str())),
        200 => assert!(build_of(&again.text()) > build, "other content under the same tag, or the same under another"),
        status => panic!("{status}"),
    }
    build
}
