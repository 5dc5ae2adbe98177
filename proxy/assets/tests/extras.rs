//! The script of the environment and what pages take in, beside several roots, `try`, and contents that are stored elsewhere than in our memory.

use std::collections::BTreeMap;

use super::*;
use crate::config::{Attempt, Span, Spanned};

fn environment() -> PublicEnvironment {
    PublicEnvironment {
        file: Spanned::new("/env.js".into(), Span::default()),
        global: "__ENV__".into(),
        values: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        unset: Vec::new(),
    }
}

#[test]
fn the_script_of_the_environment_wins_over_every_root_and_whatever_try_says() {
    let first = site(&[("index.html", b"page"), ("env.js", b"stub")]);
    let later = site(&[("env.js", b"older stub"), ("env.js.gz", &coded_form(Coding::Gzip, b"older stub")), ("env.js.html", b"x")]);
    let later_roots = vec![Spanned::new(later.path().to_owned(), Span::default())];
    for order in [vec![Attempt::File, Attempt::Folder], vec![Attempt::Ending(".html".into()), Attempt::File]] {
        let (environment, selection) = (environment(), Selection { later_roots: later_roots.clone(), order, ..Selection::default() });
        let options = Options { environment: Some(&environment), selection: &selection, listing: true, ..options() };
        let (assets, summary) = Assets::load(first.path(), &options).unwrap();
        let answer = reply(asset(&assets, "/env.js"), &get(&[("accept-encoding", "gzip")])).fields.clone();
        assert_eq!(answer.get("cache-control").unwrap(), b"no-cache");
        assert_eq!(body(&reply(asset(&assets, "/env.js"), &get(&[]))), b"window.__ENV__=Object.freeze({\"A\":\"1\"});\n");
        assert!(assets.has_file(b"/env.js") && answer.get("content-encoding").is_none());
        let told = summary.warnings.iter().filter(|warning| warning.reason == WarningReason::Environment).count();
        assert_eq!(told, 2, "{:?}", summary.warnings);
    }
}

#[test]
fn a_page_takes_nonces_and_gives_hints_wherever_its_bytes_are_in_memory() {
    let page = |bytes: usize| {
        let head = "<!doctype html><head><script type=module src=/a.js nonce={nonce}></script>";
        [head.as_bytes(), &vec![b' '; bytes]].concat()
    };
    let folder = site(&[("small.html", &page(10)), ("large.html", &page(200 * 1024)), ("disk.html", &page(2 << 20))]);
    for delivery in [Delivery::Plain, Delivery::Encrypted, Delivery::Both] {
        let storage = Storage { delivery, ..options().storage };
        let options = Options { pages: PageOptions { early_hints: true, nonce: true }, storage, ..options() };
        let (assets, summary) = Assets::load(folder.path(), &options).unwrap();
        for path in ["/small.html", "/large.html"] {
            let asset = asset(&assets, path);
            let nonced = asset.nonced().map(|page| page.with(b"42"));
            assert!(nonced.is_some_and(|page| page.windows(9).any(|part| part == b" nonce=42")), "{path} {delivery:?}");
            assert_eq!(asset.hints(), Some(&b"link: </a.js>; rel=modulepreload\r\n"[..]), "{path} {delivery:?}");
        }
        assert!(asset(&assets, "/disk.html").nonced().is_none());
        assert_eq!(summary.warnings.iter().map(|warning| &warning.reason).collect::<Vec<_>>(), [&WarningReason::PageWithoutNonce]);
    }
}
