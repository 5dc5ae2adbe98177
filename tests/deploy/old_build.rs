//! What is left of a build once another is served: its chunks for their time, what is being sent, and nothing else.

use std::fs;

use super::visitors::{ask, build_of, chunk, write_build};
use super::{CONFIG, shell, start, start_on, wait_for_build};
use crate::support::{Edge, FORWARD, Site, start_api, wait_for};

#[test]
fn the_chunks_of_the_previous_build_are_answered_for_their_time_and_nothing_else_of_it() {
    let config = CONFIG.replace("spa = true", "spa = true\nkeep_previous = \"6s\"");
    let edge = start_on(&config, |site| {
        write_build(&site.join("dist"), 1);
        site.write("dist/old.html", b"<p>old");
        site.write("dist/old.txt", b"old");
    });
    let old = edge.get(&format!("/{}", chunk(1)), "");
    write_build(&edge.site.join("dist.new"), 2);
    shell(edge.site.path(), "rm -r dist && mv dist.new dist");
    wait_for_build(&edge, 2);
    let kept = edge.get(&format!("/{}", chunk(1)), "");
    assert_eq!((kept.status, &kept.body, kept.field("etag")), (200, &old.body, old.field("etag")));
    assert_eq!(kept.field("cache-control"), Some("public, max-age=31536000, immutable"));
    for gone in ["/old.html", "/old.txt"] {
        assert_eq!(edge.get(gone, "").status, 404, "{gone}");
    }
    let missing = wait_for("the chunk to expire", || Some(edge.get(&format!("/{}", chunk(1)), "")).filter(|answer| answer.status != 200));
    assert_eq!((missing.status, missing.field("cache-control")), (404, Some("no-store")));
    assert_eq!(edge.get(&format!("/{}", chunk(2)), "").status, 200);
}

#[test]
fn a_download_that_is_under_way_ends_with_the_content_that_it_began_with() {
    let edge = start();
    let mut client = edge.connect();
    client.send(b"GET /film.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("1600000")));
    write_build(&edge.site.join("dist.new"), 2);
    shell(edge.site.path(), "rm -r dist && mv dist.new dist");
    wait_for_build(&edge, 2);
    while client.buffer.len() < 1_600_000 && client.fill() {}
    assert!(client.buffer == "00000001".repeat(200_000).into_bytes());
    assert!(edge.get("/film.bin", "").body == "00000002".repeat(200_000).into_bytes());
}

/// Descriptors that the edge has open on files that are deleted: what is left of an old build.
fn deleted_open(edge: &Edge) -> usize {
    let folder = fs::read_dir(format!("/proc/{}/fd", edge.pid().as_raw_nonzero())).expect("its descriptors");
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|target| target.to_string_lossy().ends_with("film.bin (deleted)")).count()
}

#[test]
fn an_old_build_is_let_go_while_a_stream_that_began_under_it_goes_on() {
    let site = Site::new(&format!("//- /proxy.toml\n{FORWARD}\n[[route]]\npath = \"/\"\nroot = \"dist\"\nspa = true\n"));
    write_build(&site.join("dist"), 1);
    let _api = start_api(&site);
    let edge = Edge::start_with(site, |_| {});
    let mut stream = edge.connect();
    stream.send(b"GET /api/events?interval=20ms HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(stream.head().status, 200);
    // A connection that is idle holds nothing either.
    let mut idle = edge.connect();
    assert_eq!(ask(&mut idle, "/film.bin", "").status, 200);
    write_build(&edge.site.join("dist.new"), 2);
    shell(edge.site.path(), "rm -r dist && mv dist.new dist");
    wait_for_build(&edge, 2);
    wait_for("the old build to go", || (deleted_open(&edge) == 0).then_some(()));
    stream.chunk();
    assert_eq!(build_of(&ask(&mut idle, "/", "").text()), 2);
}

#[test]
fn an_old_build_is_let_go_while_a_large_file_of_it_is_still_being_sent() {
    let edge = start_on(CONFIG, |site| {
        write_build(&site.join("dist"), 1);
        site.write("dist/long.bin", &vec![b'x'; 64 << 20]);
    });
    let mut slow = edge.connect();
    slow.send(b"GET /long.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(slow.head().status, 200);
    write_build(&edge.site.join("dist.new"), 2);
    shell(edge.site.path(), "rm -r dist && mv dist.new dist");
    wait_for_build(&edge, 2);
    // The file beside it is closed, and the one that is being sent stays open.
    wait_for("the old build to go", || (deleted_open(&edge) == 0).then_some(()));
    slow.buffer.clear();
    assert!(slow.fill());
}
