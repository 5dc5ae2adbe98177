//! Which files are taken in, and what is said of those that are not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;

#[test]
fn a_symbolic_link_out_of_the_root_is_not_served() {
    let outside = site(&[("secret.txt", b"secret"), ("folder/secret.txt", b"secret")]);
    let folder = site(&[("index.html", b"x")]);
    symlink(outside.path().join("secret.txt"), folder.path().join("file.txt")).unwrap();
    symlink(outside.path().join("folder"), folder.path().join("folder")).unwrap();
    symlink("/dev/zero", folder.path().join("zero")).unwrap();
    let assets = load(&folder);
    for path in ["/file.txt", "/folder/secret.txt", "/zero"] {
        is_missing(&assets, path);
    }
    let leaves = |name: &str| (name.to_owned(), WarningReason::LinkLeavesRoot);
    assert_eq!(warnings(&folder), [leaves("file.txt"), leaves("folder"), leaves("zero")]);
}

#[test]
fn a_root_whose_name_begins_like_another_does_not_let_links_into_that() {
    let parent = site(&[("www/index.html", b"x"), ("www-private/secret.txt", b"secret")]);
    symlink("../www-private/secret.txt", parent.path().join("www/link.txt")).unwrap();
    let (assets, _) = Assets::load(&parent.path().join("www"), &options()).unwrap();
    is_missing(&assets, "/link.txt");
}

#[test]
fn symbolic_links_inside_the_root_are_served_as_kubernetes_mounts_them() {
    let folder = site(&[("..2024_01/index.html", b"page"), ("..2024_01/app.js", b"script")]);
    symlink("..2024_01", folder.path().join("..data")).unwrap();
    symlink("..data/index.html", folder.path().join("index.html")).unwrap();
    symlink("..data/app.js", folder.path().join("app.js")).unwrap();
    let assets = load(&folder);
    assert_eq!(body(&reply(asset(&assets, "/"), &get(&[]))), b"page");
    assert_eq!(body(&reply(asset(&assets, "/app.js"), &get(&[]))), b"script");
    is_missing(&assets, "/..2024_01/index.html");
    is_missing(&assets, "/..data/index.html");
}

#[test]
fn a_root_that_is_itself_a_link_is_followed() {
    let parent = site(&[("releases/42/index.html", b"x")]);
    symlink("releases/42", parent.path().join("current")).unwrap();
    let (assets, summary) = Assets::load(&parent.path().join("current"), &options()).unwrap();
    asset(&assets, "/index.html");
    assert_eq!(summary.warnings, []);
}

#[test]
fn links_that_go_round_or_nowhere_are_left_out() {
    let folder = site(&[("a/one.txt", b"1"), ("b/two.txt", b"2")]);
    symlink("..", folder.path().join("a/up")).unwrap();
    symlink("../b", folder.path().join("a/over")).unwrap();
    symlink("../a", folder.path().join("b/back")).unwrap();
    symlink("self", folder.path().join("self")).unwrap();
    symlink("gone", folder.path().join("dangling")).unwrap();
    let assets = load(&folder);
    asset(&assets, "/a/over/two.txt");
    asset(&assets, "/b/back/one.txt");
    is_missing(&assets, "/a/up/a/one.txt");
    is_missing(&assets, "/a/over/back/one.txt");
    let reasons: Vec<_> = warnings(&folder).into_iter().filter(|(name, _)| name == "self" || name == "dangling").collect();
    assert_eq!(reasons, [("dangling".to_owned(), WarningReason::LinkBroken), ("self".to_owned(), WarningReason::LinkLoops)]);
}

#[test]
fn a_fifo_or_a_socket_does_not_hang_the_load() {
    let folder = site(&[("index.html", b"x")]);
    mkfifoat(CWD, folder.path().join("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    symlink("fifo", folder.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let assets = load(&folder);
    for path in ["/fifo", "/link", "/socket"] {
        is_missing(&assets, path);
    }
    assert!(warnings(&folder).iter().all(|(_, reason)| *reason == WarningReason::NotAFile));
    assert_eq!(warnings(&folder).len(), 3);
}

#[test]
fn dotfiles_are_404_but_well_known_is_served() {
    let folder = site(&[
        (".env", b"SECRET=1"),
        (".git/config", b"x"),
        ("a/.htpasswd", b"x"),
        (".well-known/security.txt", b"Contact: x"),
        (".well-known/.hidden", b"x"),
        ("a/.well-known/x.txt", b"x"),
    ]);
    let assets = load(&folder);
    asset(&assets, "/.well-known/security.txt");
    for path in ["/.env", "/.git/config", "/a/.htpasswd", "/.well-known/.hidden", "/a/.well-known/x.txt"] {
        is_missing(&assets, path);
    }
}

#[test]
fn names_that_are_no_utf8_or_look_escaped_are_found_by_their_bytes() {
    let folder =
        site(&[("a b.txt", b"x"), ("100%.txt", b"x"), ("a%20b.txt", b"x"), ("%2e%2e.txt", b"x"), ("a\\b.txt", b"x"), ("ä.txt", b"x")]);
    fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9.txt")), "x").unwrap();
    let assets = load(&folder);
    let asked: [&[u8]; 8] = [
        b"/a%20b.txt",
        b"/100%25.txt",
        b"/a%2520b.txt",
        b"/%252e%252e.txt",
        b"/a%5Cb.txt",
        b"/a%5cb.txt",
        "/%C3%A4.txt".as_bytes(),
        b"/caf%E9.txt",
    ];
    for raw in asked {
        let path = crate::http::path::normalize(raw).unwrap();
        let found = assets.find(&path, &get(&[]));
        assert!(matches!(found, Found::Asset(_)), "{}: {found:?}", String::from_utf8_lossy(raw));
    }
}

#[test]
fn a_name_that_no_request_can_have_is_warned_of() {
    let folder = site(&[("a\nb.txt", b"x")]);
    assert_eq!(warnings(&folder), [("a\nb.txt".to_owned(), WarningReason::UnaskableName)]);
}

#[test]
fn coded_siblings_have_no_name_of_their_own_unless_they_stand_alone() {
    let gzip = coded_form(Coding::Gzip, b"12345");
    let folder = site(&[("app.js", b"12345"), ("app.js.br", b"br"), ("app.js.gz", &gzip), ("app.js.zst", b"x"), ("other.zst", b"x")]);
    write(folder.path(), "data.tar.gz", &gzip);
    let assets = load(&folder);
    for path in ["/app.js.br", "/app.js.gz", "/app.js.zst"] {
        is_missing(&assets, path);
    }
    let alone = asset(&assets, "/data.tar.gz");
    assert_eq!(field(&reply(alone, &get(&[])), "content-type"), Some("application/gzip"));
    assert_eq!(field(&reply(alone, &get(&[])), "content-encoding"), None);
    asset(&assets, "/other.zst");
}

#[test]
fn a_compressed_archive_is_a_download_of_its_own_also_beside_the_archive() {
    let assets = load(&site(&[("data.tar", b"12345"), ("data.tar.gz", &coded_form(Coding::Gzip, b"12345"))]));
    assert_eq!(field(&reply(asset(&assets, "/data.tar.gz"), &get(&[])), "content-type"), Some("application/gzip"));
    let plain = asset(&assets, "/data.tar");
    assert_eq!(field(&reply(plain, &get(&[("accept-encoding", "gzip")])), "content-encoding"), None);
}

#[test]
fn a_coded_sibling_that_cannot_be_right_is_skipped_with_a_warning() {
    let folder = site(&[
        ("a.js", b"12345"),
        ("a.js.gz", &coded_form(Coding::Gzip, b"1234")),
        ("b.js", b"12345"),
        ("b.js.br", b""),
        ("c.js", b"12345"),
        ("c.js.gz", b"this is no gzip"),
        ("d.js", b"12345"),
    ]);
    fs::create_dir(folder.path().join("d.js.gz")).unwrap();
    assert_eq!(
        warnings(&folder),
        [
            ("a.js.gz".to_owned(), WarningReason::CodedLengthDiffers { says: 4, file: 5 }),
            ("b.js.br".to_owned(), WarningReason::CodedEmpty),
            ("c.js.gz".to_owned(), WarningReason::CodedNotGzip),
        ]
    );
    let assets = load(&folder);
    for path in ["/a.js", "/b.js", "/c.js", "/d.js"] {
        let answer = reply(asset(&assets, path), &get(&[("accept-encoding", "br, gzip")]));
        assert_eq!((field(&answer, "content-encoding"), field(&answer, "vary")), (None, None), "{path}");
    }
    is_missing(&assets, "/a.js.gz");
}

#[test]
fn equal_contents_are_kept_once_and_large_files_stay_on_disk() {
    let folder = site(&[("a.txt", b"the same"), ("b/c.txt", b"the same"), ("d.txt", b"another one, longer than the limit")]);
    let (assets, summary) = Assets::load(folder.path(), &Options { memory_file_bytes_max: 20, ..options() }).unwrap();
    assert_eq!((summary.files, summary.memory_bytes, summary.disk_bytes), (3, 8, 34));
    let (Body::Memory(one), Body::Memory(other)) =
        (reply(asset(&assets, "/a.txt"), &get(&[])).body, reply(asset(&assets, "/b/c.txt"), &get(&[])).body)
    else {
        panic!("both are small");
    };
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert!(matches!(reply(asset(&assets, "/d.txt"), &get(&[])).body, Body::Stored { .. }));
}

#[test]
fn a_load_error_names_the_path_and_the_reason() {
    let folder = site(&[("file", b"x")]);
    let error = |path: &Path, spa| Assets::load(path, &Options { spa, ..options() }).unwrap_err();
    let missing = error(&folder.path().join("dist"), None);
    assert_eq!(missing.path, folder.path().join("dist"));
    assert!(matches!(&missing.problem, LoadProblem::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound));
    assert!(missing.to_string().contains("dist: No such file or directory"), "{missing}");
    assert!(matches!(error(&folder.path().join("file"), None).problem, LoadProblem::NotAFolder));
    let no_page = error(folder.path(), Some("index.html"));
    assert!(matches!(no_page.problem, LoadProblem::NoSpaFile));
    assert!(no_page.path.ends_with("index.html"));
}

#[test]
fn what_is_kept_about_files_counts_and_what_has_no_room_is_named() {
    let files: Vec<_> = (0..100).map(|number| (format!("{number:03}.bin"), vec![number; 1000 + usize::from(number)])).collect();
    let folder = site(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>());
    let load = |memory_bytes_max| {
        let storage = Storage { memory_bytes_max, delivery: Delivery::Plain, ..options().storage };
        Assets::load(folder.path(), &Options { storage, ..options() }).unwrap()
    };
    let (assets, summary) = load(1 << 20);
    assert_eq!((summary.warnings.len(), summary.disk_bytes), (0, 0));
    assert!(summary.bookkeeping_bytes > 100 * 500, "each file has some hundred bytes of fields at least");
    assert_eq!(assets.taken().memory_bytes, summary.memory_bytes + summary.bookkeeping_bytes);
    // What goes by the figures of the fields would hold for one form of them only.
    let limit = assets.taken().memory_bytes / 10 * 9;
    let (assets, summary) = load(limit);
    assert!(assets.taken().memory_bytes <= limit && summary.memory_bytes > 0, "{:?}", assets.taken());
    let [Warning { path, reason: WarningReason::MemoryFull { files, bytes, largest } }] = summary.warnings.as_slice() else {
        panic!("{:?}", summary.warnings)
    };
    assert_eq!((path.as_path(), *bytes, largest.ends_with("099.bin")), (folder.path(), summary.disk_bytes, true));
    assert!((1..100).contains(files));
    // Forms that are made have the rest, and no more.
    let taken = assets.taken();
    assets.begin_coding(0).unwrap();
    assert_eq!(assets.taken(), taken);
}
