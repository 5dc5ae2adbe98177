//! What stays of a build once another serves in its place.

use std::time::Instant;

use super::*;

const OLD: &str = "assets/app.a1b2c3d4.js";
const NEW: &str = "assets/app.a1b2c3d5.js";
const HOUR: Duration = Duration::from_secs(3600);

fn build(chunks: &[&str], page: &str) -> (TempDir, Assets) {
    let mut files: Vec<(&str, &[u8])> = chunks.iter().map(|name| (*name, name.as_bytes())).collect();
    files.extend([("index.html", page.as_bytes()), ("logo.svg", b"<svg/>")]);
    let folder = site(&files);
    let assets = load(&folder);
    (folder, assets)
}

fn path(name: &str) -> Vec<u8> {
    format!("/{name}").into_bytes()
}

#[test]
fn of_an_earlier_build_only_hashed_files_that_the_new_one_lacks_are_kept() {
    let ((_one, old), (_other, new)) = (build(&[OLD, "old.txt", "assets/old.a1b2c3d4.html"], "1"), build(&[NEW], "2"));
    let now = Instant::now();
    let kept = Kept::default().after(&old, &new, (now, HOUR), u64::MAX);
    assert_eq!((kept.count(), kept.next_expiry()), (1, Some(now + HOUR)));
    assert_eq!(kept.find(&path(OLD)).map(Asset::key), Some(path(OLD).as_slice()));
    for gone in ["old.txt", "assets/old.a1b2c3d4.html", "index.html", "", NEW] {
        assert!(kept.find(&path(gone)).is_none(), "{gone}");
    }
    assert_eq!(Changes::between(&old, &new), Changes { added: 1, changed: 1, removed: 3 });
    assert_eq!(Changes::between(&new, &new), Changes::default());
}

#[test]
fn each_build_has_its_own_time_and_no_time_keeps_nothing() {
    let ((_one, first), (_two, second), (_three, third)) = (build(&[OLD], "1"), build(&[NEW], "2"), build(&[], "3"));
    let now = Instant::now();
    let later = now + HOUR / 2;
    let kept = Kept::default().after(&first, &second, (now, HOUR), u64::MAX).after(&second, &third, (later, HOUR), u64::MAX);
    assert_eq!((kept.count(), kept.next_expiry()), (2, Some(now + HOUR)));
    assert!(kept.without_expired(later).is_none());
    let left = kept.without_expired(now + HOUR).unwrap();
    assert!(left.find(&path(OLD)).is_none() && left.find(&path(NEW)).is_some());
    // A rollback: what is served again is not kept beside.
    assert_eq!(kept.after(&third, &first, (later, HOUR), u64::MAX).count(), 1);
    assert_eq!(Kept::default().after(&first, &second, (now, Duration::ZERO), u64::MAX).count(), 0);
}

#[test]
fn the_page_tells_what_it_needs_at_once() {
    let page = format!("<script type=module src=\"/{NEW}\"></script><link rel=stylesheet href=/a.css>");
    let (_folder, assets) = build(&[NEW], &page);
    assert_eq!(assets.page_references(), [format!("/{NEW}"), "/a.css".into()]);
    assert!(assets.has_file(&path(NEW)) && !assets.has_file(b"/a.css"));
}

#[test]
fn no_more_is_kept_than_there_is_room_for() {
    let ((_one, old), (_other, new)) = (build(&[OLD], "1"), build(&[NEW], "2"));
    let kept = |bytes_max| Kept::default().after(&old, &new, (Instant::now(), HOUR), bytes_max);
    let bytes = kept(u64::MAX).memory_bytes();
    assert!(bytes > OLD.len() as u64, "its fields are in memory too");
    assert_eq!((kept(bytes).count(), kept(bytes - 1).count(), kept(0).memory_bytes()), (1, 0, 0));
}
