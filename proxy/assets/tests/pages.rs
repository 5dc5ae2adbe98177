//! Error pages, and lists of folders.

use ::http::StatusCode;

use super::*;
use crate::config::{Attempt, Span, Spanned, Statuses};

fn error_page(statuses: Statuses, file: &str) -> ErrorPage {
    ErrorPage { statuses, file: Spanned::new(file.to_owned(), Span { start: 5, end: 9 }) }
}

fn load_listed(folder: &TempDir) -> Assets {
    Assets::load(folder.path(), &Options { listing: true, ..options() }).unwrap().0
}

#[track_caller]
fn list(assets: &Assets, path: &str, accept: &str) -> (String, String) {
    let head = get(&[("accept", accept)]);
    let Found::Listing(asset) = assets.find(path.as_bytes(), &head) else { panic!("{path} is no list") };
    let answer = reply(asset, &head);
    (field(&answer, "content-type").unwrap().to_owned(), String::from_utf8(body(&answer)).unwrap())
}

#[test]
fn the_page_of_a_status_wins_over_that_of_its_class_whatever_their_order() {
    let folder = site(&[("4xx.html", b"class"), ("404.html", b"one"), ("sub/5xx.html", b"5")]);
    let not_found = Statuses::One(StatusCode::NOT_FOUND);
    let errors = [
        error_page(Statuses::ClientErrors, "4xx.html"),
        error_page(not_found, "404.html"),
        error_page(Statuses::ServerErrors, "sub/5xx.html"),
    ];
    let (assets, _) = Assets::load(folder.path(), &Options { errors: &errors, ..options() }).unwrap();
    for (status, key) in [(404, "/404.html"), (403, "/4xx.html"), (405, "/4xx.html"), (500, "/sub/5xx.html"), (504, "/sub/5xx.html")] {
        let page = assets.error_page(StatusCode::from_u16(status).unwrap());
        assert_eq!(page.map(|(page, _)| page.key()), Some(key.as_bytes()), "{status}");
    }
    assert!(assets.error_page(StatusCode::OK).is_none());
    assert!(load(&folder).error_page(StatusCode::NOT_FOUND).is_none());
}

#[test]
fn an_error_page_that_is_not_there_ends_the_load_at_the_place_that_names_it() {
    let folder = site(&[("index.html", b"x"), ("docs/index.html", b"x")]);
    for file in ["404.html", "docs"] {
        let errors = [error_page(Statuses::ClientErrors, file)];
        let error = Assets::load(folder.path(), &Options { errors: &errors, ..options() }).unwrap_err();
        assert_eq!(error.span(), Some(Span { start: 5, end: 9 }), "{error}");
        assert!(error.to_string().ends_with(&format!("{file}, which is to answer errors, is not there")), "{error}");
    }
}

#[test]
fn an_error_page_is_a_file_of_the_first_root_even_where_try_gives_it_no_path() {
    let (folder, later) = (site(&[("404.html", b"ours")]), site(&[("404.html", b"older"), ("50x.html", b"older")]));
    let later_roots = vec![Spanned::new(later.path().to_owned(), Span::default())];
    let selection = Selection { later_roots, order: vec![Attempt::Folder], ..Selection::default() };
    let errors = [error_page(Statuses::ClientErrors, "404.html")];
    let (assets, _) = Assets::load(folder.path(), &Options { errors: &errors, selection: &selection, ..options() }).unwrap();
    let page = assets.error_page(StatusCode::NOT_FOUND).unwrap();
    assert_eq!(body(&reply(page.0, &get(&[]))), b"ours");
    is_missing(&assets, "/404.html");
    let errors = [error_page(Statuses::ServerErrors, "50x.html")];
    assert!(Assets::load(folder.path(), &Options { errors: &errors, selection: &selection, ..options() }).is_err());
}

#[test]
fn a_folder_without_an_index_file_is_listed_and_needs_its_slash() {
    let folder = site(&[
        ("docs/index.html", b"index"),
        ("files/b.txt", b"12345"),
        ("files/sub/x.js", b"x"),
        ("files/sub/x.js.br", b"coded"),
        ("files/.secret", b"x"),
        (".well-known/security.txt", b"x"),
    ]);
    set_modified(&folder.path().join("files/b.txt"), 1_445_412_480);
    set_modified(&folder.path().join("files/sub/x.js"), 0);
    let assets = load_listed(&folder);
    let (media_type, text) = list(&assets, "/files/", "application/json");
    assert_eq!(media_type, "application/json; charset=utf-8");
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let entries = format!(
        "[\n{{\"name\":\"sub\",\"type\":\"directory\"}},\n{{\"name\":\"b.txt\",\"type\":\"file\",\"mtime\":\"{date}\",\"size\":5}}\n]\n"
    );
    assert_eq!(text, entries);
    let (media_type, text) = list(&assets, "/files/", "text/html, application/json");
    assert_eq!(media_type, "text/html; charset=utf-8");
    assert!(text.contains("<a href=\"./sub/\">") && text.contains("<a href=\"./b.txt\">") && !text.contains("secret"), "{text}");
    let (_, text) = list(&assets, "/files/sub/", "*/*");
    assert!(text.contains("x.js") && !text.contains("x.js.br"), "{text}");
    let (_, text) = list(&assets, "/", "");
    assert!(text.contains("./docs/") && text.contains("./files/") && !text.contains("well-known"), "{text}");
    assert_eq!(asset(&assets, "/docs/").key(), b"/docs/index.html");
    for path in ["/files", "/files/sub", "", "/docs"] {
        assert!(matches!(assets.find(path.as_bytes(), &get(&[])), Found::Directory), "{path}");
    }
    for path in ["/.well-known/", "/none/", "/files/(list).html", "/files/.secret"] {
        is_missing(&assets, path);
    }
}

#[test]
fn folders_are_not_listed_unless_that_is_asked_for() {
    let folder = site(&[("files/b.txt", b"x")]);
    let assets = load(&folder);
    for path in ["/", "/files/", "/files"] {
        is_missing(&assets, path);
    }
}

#[test]
fn an_empty_root_has_an_empty_list() {
    let (_, text) = list(&load_listed(&site(&[])), "/", "application/json");
    assert_eq!(text, "[\n\n]\n");
}

#[test]
fn a_list_is_asked_for_again_each_time_and_has_an_entity_tag() {
    let folder = site(&[("a.txt", b"x")]);
    let assets = load_listed(&folder);
    for accept in ["*/*", "application/json"] {
        let head = get(&[("accept", accept)]);
        let Found::Listing(asset) = assets.find(b"/", &head) else { panic!("no list") };
        let answer = reply(asset, &head);
        assert_eq!(field(&answer, "cache-control"), Some("no-cache"));
        assert!(field(&answer, "etag").is_some() && field(&answer, "last-modified").is_none());
    }
}
