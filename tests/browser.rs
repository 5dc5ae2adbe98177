//! The demo in a real browser: TLS and HTTP/2, the WebSocket, client routes, deep links, chunks loaded on demand, a quiet console; and a deploy
//! while a tab is open.

use std::path::{Path, PathBuf};

use crate::support::{Api, Browser, Edge, Page, Site};

/// The demo as it stands in the repository, on a free port: its own `proxy.toml`, its own build, the built backend.
fn start_demo() -> Edge {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = std::fs::read_to_string(repository.join("proxy.toml")).expect("the demo's config");
    let replacements = [
        ("listen", "listen = [\"127.0.0.1:0\"]".to_owned()),
        ("command", format!("command = [{:?}, \"--listen\", \"unix:run/api.sock\"]", Api::binary())),
        ("root", format!("root = {:?}", repository.join("static/dist"))),
    ];
    let mut lines: Vec<&str> = config.lines().collect();
    for (key, replacement) in &replacements {
        let is_key = |line: &&mut &str| line.split('=').next().is_some_and(|name| name.trim() == *key);
        *lines.iter_mut().find(is_key).unwrap_or_else(|| panic!("the demo's config has no `{key}`")) = replacement;
    }
    let site = Site::new("");
    site.write("proxy.toml", lines.join("\n").as_bytes());
    site.write("run/.keep", b"");
    Edge::start_with(site, |_| {})
}

/// The demo's address with a path.
fn url(edge: &Edge, path: &str) -> String {
    format!("https://localhost:{}{path}", edge.address().port())
}

/// A browser that trusts the edge's development authority.
fn start_trusting_browser(edge: &Edge) -> Browser {
    Browser::start_trusting(&edge.site.join("certs/ca.pem"))
}

/// Whether there is a browser. Where every peer must be there (`CI` is set), a missing one is a failure.
fn has_browser() -> bool {
    let Some(missing) = Browser::missing() else { return true };
    assert!(std::env::var_os("CI").is_none(), "no browser: {missing}");
    eprintln!("skipped: no browser: {missing}");
    false
}

/// The pictures stay in the target folder, to be looked at.
fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn add_note(page: &mut Page, text: &str) {
    page.wait_until("document.querySelector('[data-testid=notes-list]') !== null");
    page.enter("note-input", text);
    page.click("note-add");
    page.wait_until(&format!("[...document.querySelectorAll('[data-testid=note]')].some((note) => note.textContent.includes('{text}'))"));
}

#[test]
fn the_demo_works_in_a_browser_and_its_console_stays_quiet() {
    if !has_browser() {
        return;
    }
    let edge = start_demo();
    let browser = start_trusting_browser(&edge);
    let mut page = browser.page();

    page.open(&url(&edge, "/")).expect("the certificate is trusted");
    page.wait_until("document.querySelector('[data-testid=ws-state]')?.textContent === 'open'");
    assert_eq!(page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), "h2");
    assert_eq!(page.evaluate("window.transom.echo('hi')"), "hi");
    page.wait_until("Number(document.querySelector('[data-testid=ws-count]')?.textContent.replace(/\\D/g, '')) > 0");
    page.screenshot(&picture("demo-overview.png"));

    page.click("nav-notes");
    page.wait_until("location.pathname === '/notes'");
    assert_eq!(page.text("route-title"), "Notes");
    add_note(&mut page, "kept by the API");

    page.reload();
    page.wait_until("document.querySelector('[data-testid=note]') !== null");
    assert_eq!((page.text("route-title").as_str(), page.evaluate("location.pathname").as_str()), ("Notes", Some("/notes")));
    assert!(page.text("notes-list").contains("kept by the API"));

    let is_inspect = |page: &Page| {
        let responses = page.events("Network.responseReceived").into_iter();
        responses.filter_map(|event| event["response"]["url"].as_str()).any(|url| url.contains("/assets/inspect-"))
    };
    assert!(!is_inspect(&page), "the chunk is loaded before it is asked for");
    page.click("nav-inspect");
    page.wait_until("document.querySelector('[data-testid=seen-headers]') !== null");
    assert!(is_inspect(&page) && !page.text("lazy-loaded").is_empty());
    assert_eq!(page.text("protocol"), "HTTP/2");
    assert!(page.text("seen-headers").to_lowercase().contains("x-forwarded-proto"));
    page.screenshot(&picture("demo-inspect.png"));

    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_browser_that_does_not_know_the_development_authority_refuses_the_page() {
    if !has_browser() {
        return;
    }
    let edge = start_demo();
    let browser = Browser::start();
    assert_eq!(browser.page().open(&url(&edge, "/")), Err("net::ERR_CERT_AUTHORITY_INVALID".to_owned()));
}

/// Trap 1 and 2 of an SPA: after a deploy an old page asks for a chunk that is gone. Answered with `index.html` it would be
/// "Unexpected token '<'", and a cache would keep it.
#[test]
fn a_missing_chunk_is_a_404_that_the_page_can_handle_not_a_page_of_html() {
    if !has_browser() {
        return;
    }
    let edge = start_demo();
    let browser = start_trusting_browser(&edge);
    let mut page = browser.page();
    page.open(&url(&edge, "/")).expect("the certificate is trusted");
    page.wait_until("window.transom !== undefined");

    let ask = "fetch('/assets/inspect-0000000000.js').then(async (answer) => [answer.status, answer.headers.get('cache-control'), await answer.text()])";
    let answer = page.evaluate(ask);
    assert_eq!((answer[0].as_u64(), answer[1].as_str()), (Some(404), Some("no-store")));
    assert!(!answer[2].as_str().is_some_and(|body| body.contains("<script")), "the app's page came in place of its chunk: {answer}");

    let error = page.try_evaluate("import('/assets/inspect-0000000000.js')").expect_err("there is no such chunk");
    assert!(error.starts_with("TypeError: Failed to fetch dynamically imported module"), "{error}");

    // A view that does not exist is the app's to tell, and a reload of it too.
    page.open(&url(&edge, "/no/such/view")).expect("the app answers");
    page.wait_until("document.querySelector('[data-testid=route-title]')?.textContent.length > 0");
}

/// One build of an application whose second part is loaded when it is asked for.
fn write_build(folder: &Path, build: u32) {
    let (app, lazy) = (format!("assets/app.{:08x}.js", 0xa1b2_c300 + build), format!("assets/lazy.{:08x}.js", 0xb1b2_c300 + build));
    let page = format!(
        "<!doctype html><title>{build}</title><link rel=icon href=data:,><button data-testid=go>go</button><p data-testid=text></p>\
         <script type=module src=/{app}></script>"
    );
    let script = format!(
        "document.querySelector('[data-testid=go]').onclick = async () => {{\n\
         document.querySelector('[data-testid=text]').textContent = (await import('/{lazy}')).text;\n}};\nwindow.isReady = true;\n"
    );
    std::fs::create_dir_all(folder.join("assets")).expect("a folder");
    for (name, content) in [(lazy, format!("export const text = 'part of {build}';\n")), (app, script), ("index.html".to_owned(), page)] {
        std::fs::write(folder.join(name), content).expect("a file");
    }
}

#[test]
fn a_tab_from_before_a_deploy_loads_its_lazy_chunk_and_a_reload_brings_the_new_build() {
    if !has_browser() {
        return;
    }
    let site = Site::new("//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[[route]]\npath = \"/\"\nroot = \"dist\"\nspa = true\n");
    write_build(&site.join("dist"), 1);
    let edge = Edge::start_with(site, |_| {});
    let browser = Browser::start();
    let mut page = browser.page();
    page.open(&format!("http://{}/some/place", edge.address())).expect("the edge answers");
    page.wait_until("window.isReady === true");

    write_build(&edge.site.join("dist.new"), 2);
    std::fs::remove_dir_all(edge.site.join("dist")).expect("the old build goes");
    std::fs::rename(edge.site.join("dist.new"), edge.site.join("dist")).expect("the new one comes");
    edge.wait_for_event("the swap", |event| event["msg"] == "serving a new build" && event["added"] == 2);

    page.click("go");
    page.wait_until("document.querySelector('[data-testid=text]').textContent === 'part of 1'");
    page.reload();
    page.wait_until("document.title === '2' && window.isReady === true");
    page.click("go");
    page.wait_until("document.querySelector('[data-testid=text]').textContent === 'part of 2'");
    assert_eq!(page.complaints(), Vec::<String>::new());
}
