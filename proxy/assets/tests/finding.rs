//! What a path names, and when the page of the application stands in.

use super::*;

const PAGE: &[u8] = b"<!doctype html>";
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

fn app() -> TempDir {
    site(&[("index.html", PAGE), ("assets/index-BgA0-x9_.js", b"x"), ("docs/index.html", b"docs"), ("docs/index.htm", b"other")])
}

#[track_caller]
fn is_fallback(assets: &Assets, path: &str, head: &RequestHead) {
    match assets.find(path.as_bytes(), head) {
        Found::Fallback(page) => assert_eq!(page.key(), b"/index.html"),
        other => panic!("{path}: {other:?}"),
    }
}

#[track_caller]
fn is_missing_for(assets: &Assets, path: &str, head: &RequestHead) {
    let found = assets.find(path.as_bytes(), head);
    assert!(matches!(found, Found::Missing), "{path}: {found:?}");
}

#[test]
fn a_missing_hashed_asset_is_missing_even_for_navigations() {
    let (folder, path) = (app(), "/assets/index-OldHash1.js");
    let assets = load_spa(&folder);
    is_missing_for(&assets, path, &get(&[]));
    is_missing_for(&assets, path, &get(&[BROWSER, ("sec-fetch-mode", "navigate")]));
}

#[test]
fn navigations_get_the_page_of_the_application() {
    let folder = app();
    let assets = load_spa(&folder);
    for path in ["/settings", "/users/42", "/v1.2/notes", "/deep/er/"] {
        is_fallback(&assets, path, &get(&[BROWSER]));
        is_fallback(&assets, path, &head("HEAD", &[BROWSER]));
        is_fallback(&assets, path, &get(&[("sec-fetch-mode", "navigate")]));
    }
}

#[test]
fn scripts_that_fetch_and_other_methods_get_no_page() {
    let folder = app();
    let assets = load_spa(&folder);
    is_missing_for(&assets, "/settings", &get(&[("accept", "*/*")]));
    is_missing_for(&assets, "/settings", &get(&[("accept", "application/json"), ("sec-fetch-mode", "cors")]));
    is_missing_for(&assets, "/settings", &get(&[]));
    is_missing_for(&assets, "/settings", &head("POST", &[BROWSER]));
}

#[test]
fn hidden_and_well_known_paths_get_no_page() {
    let folder = app();
    let assets = load_spa(&folder);
    for path in ["/.env", "/.git/config", "/a/.ssh/id", "/.well-known", "/.well-known/change-password"] {
        is_missing_for(&assets, path, &get(&[BROWSER]));
    }
}

#[test]
fn without_the_spa_rule_nothing_stands_in() {
    let folder = app();
    is_missing_for(&load(&folder), "/settings", &get(&[BROWSER]));
}

#[test]
fn the_page_has_its_own_cache_policy_under_every_path() {
    let folder = app();
    let assets = load_spa(&folder);
    let Found::Fallback(page) = assets.find(b"/assets/settings", &get(&[BROWSER])) else { panic!("no page") };
    let answer = reply(page, &get(&[]));
    assert_eq!(field(&answer, "cache-control"), Some("no-cache"));
    assert_eq!(field(&answer, "content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn an_index_file_answers_for_its_folder_and_under_its_name() {
    let folder = app();
    let assets = load(&folder);
    assert_eq!(asset(&assets, "/").key(), b"/index.html");
    assert_eq!(asset(&assets, "/index.html").key(), b"/index.html");
    assert_eq!(asset(&assets, "/docs/").key(), b"/docs/index.html");
    assert_eq!(asset(&assets, "/docs/index.htm").key(), b"/docs/index.htm");
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let folder = app();
    let assets = load_spa(&folder);
    for path in ["/docs", ""] {
        assert!(matches!(assets.find(path.as_bytes(), &get(&[])), Found::Directory), "{path}");
    }
}

#[test]
fn a_folder_without_an_index_file_hides_no_place_of_the_application() {
    let folder = app();
    let assets = load_spa(&folder);
    is_fallback(&assets, "/assets", &get(&[BROWSER]));
    is_fallback(&assets, "/assets/", &get(&[BROWSER]));
    is_missing_for(&assets, "/assets", &get(&[]));
}

#[test]
fn a_file_with_a_slash_behind_it_is_not_that_file() {
    let folder = app();
    let assets = load(&folder);
    for path in ["/index.html/", "/docs/index.html/x", "//index.html", "/../index.html", "/docs/..", "/INDEX.HTML", "index.html"] {
        is_missing(&assets, path);
    }
}
