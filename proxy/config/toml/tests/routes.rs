//! What routes and the selection of their files are read into.

use std::time::Duration;

use super::{EVERY_KEY, config};
use crate::config::*;

#[test]
fn routes_keep_the_order_of_the_file_and_what_each_does() {
    let routes = config(EVERY_KEY).routes;
    let api = &routes[0];
    assert_eq!(
        api.patterns.iter().map(|pattern| pattern.value.clone()).collect::<Vec<_>>(),
        [PathPattern::Prefix("/api".into()), PathPattern::Prefix("/ws".into()), PathPattern::Exact("/rpc".into())]
    );
    assert!(matches!(&api.action.value, Action::Proxy { strip: Some(strip), .. } if strip.value == "/api"));
    assert_eq!((api.request_headers.set.len(), api.response_headers.set.len(), api.response_headers.remove.len()), (1, 1, 1));
    let statuses: Vec<_> = routes
        .iter()
        .filter_map(|route| match &route.action.value {
            Action::Redirect { status, .. } | Action::Respond { status, .. } => Some(status.as_u16()),
            Action::Proxy { .. } | Action::Root(_) => None,
        })
        .collect();
    assert_eq!(statuses, [308, 302, 200]);
    let Action::Root(Folder { spa: Some(spa), watch, keep_previous, .. }) = &routes[5].action.value else { panic!("{:?}", routes[5]) };
    assert_eq!((spa.value.as_str(), *watch, *keep_previous), ("app.html", false, Duration::from_secs(600)));
    let Action::Root(folder) = &routes[5].action.value else { panic!("{:?}", routes[5]) };
    let env = folder.env.as_ref().unwrap();
    assert_eq!((folder.early_hints, env.file.value.as_str(), env.global.as_str()), (true, "/config/env.js", "ENV"));
    assert_eq!(env.values.keys().collect::<Vec<_>>(), ["API_KEY", "API_PORT"]);
}

#[test]
fn the_selection_of_files_is_read_and_has_defaults() {
    let routes = config(EVERY_KEY).routes;
    let [Action::Root(plain), Action::Root(docs)] = [&routes[5], &routes[6]].map(|route| &route.action.value) else { panic!("{routes:?}") };
    assert_eq!(plain.selection, Selection::default());
    assert_eq!(plain.selection.order, [Attempt::File, Attempt::Folder]);
    let selection = &docs.selection;
    assert_eq!(selection.later_roots.iter().map(|root| root.value.to_str()).collect::<Vec<_>>(), [Some("/srv/docs-previous")]);
    assert_eq!(selection.order, [Attempt::File, Attempt::Ending(".html".into()), Attempt::Folder]);
    assert_eq!(docs.spa.as_ref().map(|page| page.value.as_str()), Some("404.html"), "the page at the end of `try`");
    assert_eq!((selection.hidden, selection.symlinks), (Hidden::Served, Symlinks::Deny));
    let mime: Vec<_> = selection.mime.iter().map(|rule| (rule.ending.as_str(), rule.media_type.as_str())).collect();
    assert_eq!(mime, [(".webmanifest", "application/json"), (".wasm", "application/wasm")]);
    assert_eq!(selection.immutable.as_ref().map(Vec::len), Some(2));
    assert_eq!(selection.html_cache, "private");
}
