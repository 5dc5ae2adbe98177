//! Several roots, the order of `try`, hidden names, links, media types and lifetimes by the operator's word.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::config::{Attempt, FilePattern, Hidden, MimeRule, Selection, Span, Spanned, Symlinks};

fn selection() -> Selection {
    Selection::default()
}

fn try_order(attempts: &[&str]) -> Selection {
    let attempt = |text: &&str| match text.strip_prefix("{path}").unwrap() {
        "" => Attempt::File,
        "/" => Attempt::Folder,
        ending => Attempt::Ending(ending.to_owned()),
    };
    Selection { order: attempts.iter().map(attempt).collect(), ..selection() }
}

fn load_as(folder: &Path, selection: &Selection) -> (Assets, Summary) {
    Assets::load(folder, &Options { selection, ..options() }).unwrap()
}

fn behind(paths: &[PathBuf]) -> Selection {
    Selection { later_roots: paths.iter().map(|path| Spanned::new(path.clone(), Span::default())).collect(), ..selection() }
}

fn load_behind(first: &TempDir, later: &[&TempDir]) -> Assets {
    let paths: Vec<_> = later.iter().map(|folder| folder.path().to_owned()).collect();
    load_as(first.path(), &behind(&paths)).0
}

#[track_caller]
fn text(assets: &Assets, path: &str) -> String {
    String::from_utf8(body(&reply(asset(assets, path), &get(&[("accept-encoding", "br, gzip")])))).unwrap()
}

#[track_caller]
fn redirects(assets: &Assets, path: &str) {
    let found = assets.find(path.as_bytes(), &get(&[]));
    assert!(matches!(found, Found::Directory), "{path}: {found:?}");
}

#[test]
fn a_path_is_answered_by_the_first_root_that_has_it() {
    let new = site(&[("index.html", b"new"), ("assets/app-2222aaaa.js", b"new"), ("robots.txt", b"new")]);
    let old = site(&[("index.html", b"old"), ("assets/app-1111aaaa.js", b"old"), ("robots.txt", b"old"), ("only-old.html", b"old")]);
    let oldest = site(&[("assets/app-1111aaaa.js", b"oldest"), ("assets/app-0000aaaa.js", b"oldest")]);
    let assets = load_behind(&new, &[&old, &oldest]);
    for (path, from) in [
        ("/", "new"),
        ("/index.html", "new"),
        ("/robots.txt", "new"),
        ("/assets/app-2222aaaa.js", "new"),
        ("/assets/app-1111aaaa.js", "old"),
        ("/only-old.html", "old"),
        ("/assets/app-0000aaaa.js", "oldest"),
    ] {
        assert_eq!(text(&assets, path), from, "{path}");
    }
    is_missing(&assets, "/assets/app-3333aaaa.js");
}

#[test]
fn a_coded_sibling_that_is_alone_in_its_root_hides_and_breaks_nothing() {
    let long = "new ".repeat(100);
    let coded = coded_form(Coding::Brotli, long.as_bytes());
    let new = site(&[("app.js", long.as_bytes()), ("app.js.br", &coded), ("b.js.br", b"alone")]);
    let old = site(&[("app.js.br", b"left behind"), ("b.js", b"old"), ("b.js.br", b"old, coded")]);
    let assets = load_behind(&new, &[&old]);
    let answer = reply(asset(&assets, "/app.js"), &get(&[("accept-encoding", "br")]));
    assert_eq!((body(&answer), field(&answer, "content-encoding")), (coded, Some("br")));
    assert_eq!((text(&assets, "/b.js"), text(&assets, "/b.js.br")), ("old".to_owned(), "alone".to_owned()));
}

#[test]
fn coded_siblings_come_from_the_root_of_their_file() {
    let new = site(&[("app.js", b"new"), ("styles.css.br", b"alone")]);
    let long = "old ".repeat(100);
    let coded = coded_form(Coding::Brotli, long.as_bytes());
    let old = site(&[
        ("app.js", b"old"),
        ("app.js.br", b"old, coded"),
        ("old.js", long.as_bytes()),
        ("old.js.br", &coded),
        ("styles.css", b"old"),
    ]);
    let assets = load_behind(&new, &[&old]);
    assert_eq!(text(&assets, "/app.js"), "new");
    let answer = reply(asset(&assets, "/old.js"), &get(&[("accept-encoding", "br")]));
    assert_eq!((body(&answer), field(&answer, "content-encoding")), (coded, Some("br")));
    assert_eq!(text(&assets, "/styles.css"), "old");
    assert_eq!(text(&assets, "/styles.css.br"), "alone");
    assert_eq!(field(&reply(asset(&assets, "/app.js"), &get(&[("accept-encoding", "br")])), "vary"), None);
    is_missing(&assets, "/app.js.br");
}

#[test]
fn the_index_file_of_a_folder_comes_from_the_first_root_with_one() {
    let new = site(&[("a/index.htm", b"new"), ("b/x.txt", b"new"), ("c", b"a file"), ("d/index.html", b"new")]);
    let old = site(&[("a/index.html", b"old"), ("b/index.html", b"old"), ("c/index.html", b"old"), ("d", b"a file")]);
    let assets = load_behind(&new, &[&old]);
    assert_eq!(text(&assets, "/a/"), "new");
    assert_eq!(text(&assets, "/a/index.html"), "old");
    assert_eq!(text(&assets, "/b/"), "old");
    redirects(&assets, "/b");
    assert_eq!(text(&assets, "/c"), "a file");
    assert_eq!(text(&assets, "/c/"), "old");
    redirects(&assets, "/d");
}

#[test]
fn the_page_of_the_application_is_the_first_roots() {
    let (new, old) = (site(&[("x.txt", b"x")]), site(&[("index.html", b"old")]));
    let selection = behind(&[old.path().to_owned()]);
    let error = |first: &TempDir| Assets::load(first.path(), &Options { spa: Some("index.html"), selection: &selection, ..options() });
    assert!(matches!(error(&new).unwrap_err().problem, LoadProblem::NoSpaFile));
    let empty = site(&[]);
    assert!(matches!(error(&empty).unwrap_err().problem, LoadProblem::NoSpaFile));
    assert!(error(&old).is_ok());
}

#[test]
fn a_later_root_that_is_not_there_is_a_warning_and_a_first_one_an_error() {
    let (first, other) = (site(&[("index.html", b"x")]), site(&[("file", b"x")]));
    let gone = other.path().join("gone");
    let (assets, summary) = load_as(first.path(), &behind(std::slice::from_ref(&gone)));
    asset(&assets, "/index.html");
    assert_eq!(summary.warnings, [Warning { path: gone.clone(), reason: WarningReason::RootAbsent }]);
    let error = |first: &Path, later: PathBuf| Assets::load(first, &Options { selection: &behind(&[later]), ..options() }).unwrap_err();
    assert!(matches!(error(&gone, first.path().to_owned()).problem, LoadProblem::Unreadable(_)));
    assert!(matches!(error(first.path(), other.path().join("file")).problem, LoadProblem::NotAFolder));
}

#[test]
fn clean_paths_find_their_pages() {
    let folder = site(&[
        ("index.html", b"home"),
        ("about.html", b"about"),
        ("docs/index.html", b"docs"),
        ("docs/a.html", b"a"),
        ("both.html", b"page"),
        ("both/index.html", b"folder"),
        ("file", b"file"),
        ("file.html", b"page"),
    ]);
    let assets = load_as(folder.path(), &try_order(&["{path}", "{path}.html", "{path}/"])).0;
    for (path, expected) in [
        ("/", "home"),
        ("/about", "about"),
        ("/about.html", "about"),
        ("/docs/", "docs"),
        ("/docs/a", "a"),
        ("/both", "page"),
        ("/both/", "folder"),
        ("/file", "file"),
        ("/index", "home"),
    ] {
        assert_eq!(text(&assets, path), expected, "{path}");
    }
    redirects(&assets, "/docs");
    for path in ["/about/", "/about.html.html", "/docs/a/", "/.html", "/about.htm"] {
        is_missing(&assets, path);
    }
    let folder_first = load_as(folder.path(), &try_order(&["{path}/", "{path}.html"])).0;
    redirects(&folder_first, "/both");
    assert_eq!(text(&folder_first, "/file"), "page");
    is_missing(&folder_first, "/about.html");
}

#[test]
fn an_attempt_that_is_not_in_the_list_finds_nothing() {
    let folder = site(&[("index.html", b"home"), ("docs/index.html", b"docs"), ("a.txt", b"a")]);
    let assets = load_as(folder.path(), &try_order(&["{path}"])).0;
    assert_eq!(text(&assets, "/docs/index.html"), "docs");
    for path in ["/", "", "/docs", "/docs/"] {
        is_missing(&assets, path);
    }
}

#[test]
fn the_page_of_the_application_stands_in_whatever_the_order() {
    let folder = site(&[("app.html", b"app"), ("a.txt", b"a")]);
    let selection = try_order(&["{path}.txt"]);
    let (assets, _) = Assets::load(folder.path(), &Options { spa: Some("app.html"), selection: &selection, ..options() }).unwrap();
    assert_eq!(text(&assets, "/a"), "a");
    let found = assets.find(b"/settings", &get(&[("accept", "text/html")]));
    assert!(matches!(found, Found::Fallback(page) if page.key() == b"/app.html"), "{found:?}");
    is_missing(&assets, "/settings");
}

proptest! {
    /// What nginx does at each request: each attempt looks at what is there, the first that is there answers.
    #[test]
    fn one_look_up_finds_what_trying_one_by_one_finds(
        names in proptest::collection::btree_set("[ab](/[ab]){0,2}(\\.html)?(/index\\.html)?", 0..12),
        order in Just(["{path}", "{path}.html", "{path}/"]).prop_shuffle(),
        take in 1usize..4,
        asked in "(/[ab]){0,3}(\\.html)?/?",
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut there: Vec<String> = Vec::new();
        for name in names {
            // A name may be a folder's already, or have a file on its way.
            let path = folder.path().join(&name);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, name.as_bytes()).is_ok() {
                there.push(format!("/{name}"));
            }
        }
        let order = &order[..take];
        let assets = load_as(folder.path(), &try_order(order)).0;
        let is_there = |path: &str| there.iter().any(|known| known == path);
        let expected = order.iter().find_map(|attempt| match *attempt {
            "{path}" => is_there(&asked).then(|| asked.clone()),
            "{path}.html" => Some(format!("{asked}.html")).filter(|path| is_there(path)),
            _ => {
                let index = format!("{}/index.html", asked.strip_suffix('/').unwrap_or(&asked));
                is_there(&index).then(|| if asked.ends_with('/') { index } else { "redirect".into() })
            }
        });
        let found = match assets.find(asked.as_bytes(), &get(&[])) {
            Found::Asset(asset) => Some(String::from_utf8(asset.key().to_vec()).unwrap()),
            Found::Directory => Some("redirect".into()),
            Found::Fallback(_) | Found::Listing(_) | Found::Missing => None,
        };
        prop_assert_eq!(found, expected, "{} by {:?} in {:?}", asked, order, there);
    }
}

#[test]
fn hidden_names_are_served_on_the_operators_word_but_for_those_of_kubernetes() {
    let folder = site(&[(".env", b"1"), (".git/config", b"2"), ("a/.x/y", b"3"), ("..2024/index.html", b"4"), (".well-known/x", b"5")]);
    symlink("..2024", folder.path().join("..data")).unwrap();
    symlink("..data/index.html", folder.path().join("index.html")).unwrap();
    let assets = load_as(folder.path(), &Selection { hidden: Hidden::Served, ..selection() }).0;
    for (path, expected) in [("/.env", "1"), ("/.git/config", "2"), ("/a/.x/y", "3"), ("/index.html", "4"), ("/.well-known/x", "5")] {
        assert_eq!(text(&assets, path), expected, "{path}");
    }
    is_missing(&assets, "/..2024/index.html");
    is_missing(&assets, "/..data/index.html");
}

#[test]
fn links_are_followed_everywhere_or_nowhere_on_the_operators_word() {
    let outside = site(&[("secret.txt", b"outside"), ("sub/x.txt", b"outside")]);
    let folder = site(&[("a.txt", b"inside"), ("sub/b.txt", b"inside")]);
    let link = |to: &Path, name: &str| symlink(to, folder.path().join(name)).unwrap();
    link(&outside.path().join("secret.txt"), "out.txt");
    link(outside.path(), "out");
    link(Path::new("a.txt"), "in.txt");
    link(Path::new("sub"), "over");
    link(Path::new("/dev/zero"), "zero");
    symlink(folder.path(), outside.path().join("back")).unwrap();
    let as_said = |symlinks| load_as(folder.path(), &Selection { symlinks, ..selection() });
    let (followed, summary) = as_said(Symlinks::Follow);
    for (path, expected) in [
        ("/a.txt", "inside"),
        ("/in.txt", "inside"),
        ("/over/b.txt", "inside"),
        ("/out.txt", "outside"),
        ("/out/secret.txt", "outside"),
        ("/out/sub/x.txt", "outside"),
    ] {
        assert_eq!(text(&followed, path), expected, "{path}");
    }
    let mut reasons: Vec<_> = summary.warnings.into_iter().map(|warning| warning.reason).collect();
    reasons.sort_by_key(|reason| format!("{reason:?}"));
    assert_eq!(reasons, [WarningReason::LinkLoops, WarningReason::NotAFile], "the way back into the root, and the device");
    let (denied, summary) = as_said(Symlinks::Deny);
    assert_eq!(text(&denied, "/a.txt"), "inside");
    for path in ["/in.txt", "/over/b.txt", "/out.txt", "/out/secret.txt", "/zero"] {
        is_missing(&denied, path);
    }
    assert_eq!(summary.warnings.len(), 5);
    assert!(summary.warnings.iter().all(|warning| warning.reason == WarningReason::LinkDenied));
}

#[test]
fn an_absolute_link_that_ends_inside_the_root_is_inside() {
    let folder = site(&[("releases/42/app.js", b"x")]);
    symlink(folder.path().join("releases/42"), folder.path().join("current")).unwrap();
    assert_eq!(text(&load(&folder), "/current/app.js"), "x");
}

#[test]
fn types_and_lifetimes_are_the_operators_where_there_is_a_word_for_them() {
    let folder = site(&[("index.html", b"x"), ("assets/a.js", b"x"), ("b.foo", b"x"), ("assets/index-BgA0-x9_.css", b"x")]);
    let selection = Selection {
        mime: vec![MimeRule { ending: ".foo".into(), media_type: "text/foo".into() }],
        immutable: Some(vec![FilePattern::parse("/assets/*.js").unwrap()]),
        html_cache: HeaderValue::from_static("private, max-age=60"),
        ..selection()
    };
    let assets = load_as(folder.path(), &selection).0;
    for (path, media_type, policy) in [
        ("/", "text/html; charset=utf-8", "private, max-age=60"),
        ("/assets/a.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/b.foo", "text/foo; charset=utf-8", "public, max-age=0, must-revalidate"),
        ("/assets/index-BgA0-x9_.css", "text/css; charset=utf-8", "public, max-age=0, must-revalidate"),
    ] {
        let answer = reply(asset(&assets, path), &get(&[]));
        assert_eq!((field(&answer, "content-type"), field(&answer, "cache-control")), (Some(media_type), Some(policy)), "{path}");
    }
}
