//! Server-sent events in Chromium: each arrives when it is sent, and a new API goes on where the killed one ended.

use rustix::process::{Pid, Signal, kill_process};

use super::with_uvicorn;
use crate::support::Browser;

const SITE: &str = r#"
[[route]]
path = "/"
root = "site"

//- /site/index.html
<!doctype html><title>events</title><link rel=icon href=data:,><script>
window.seen = [];
const source = new EventSource("/api/events");
source.onmessage = (event) => window.seen.push([event.lastEventId, event.data]);
</script>
"#;

#[test]
fn events_arrive_one_by_one_in_chromium_and_go_on_after_the_api_was_killed() {
    if let Some(missing) = Browser::missing() {
        assert!(std::env::var_os("CI").is_none(), "no browser: {missing}");
        eprintln!("skipped: no browser: {missing}");
        return;
    }
    let Some(edge) = with_uvicorn("", SITE) else { return };
    let pid: i32 = edge.get("/api/pid", "").text().parse().expect("a pid");
    let browser = Browser::start();
    let mut page = browser.page();
    page.open(&format!("http://{}/", edge.address())).expect("the edge answers");
    // The server makes the next event only when this one was seen here.
    for step in 0..5 {
        edge.site.write(&format!("go-{step}"), b"");
        page.wait_until(&format!("window.seen.length === {}", step + 1));
        assert_eq!(page.evaluate("window.seen.at(-1)[1]"), format!("{step} of {pid}"));
    }
    kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("it is there");
    for step in 5..8 {
        edge.site.write(&format!("go-{step}"), b"");
        page.wait_until(&format!("window.seen.length === {}", step + 1));
    }
    let ids = page.evaluate("window.seen.map(([id]) => Number(id))");
    assert_eq!(ids, serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7]), "none lost, none twice");
    let last = page.evaluate("window.seen.at(-1)[1]");
    assert!(last.as_str().is_some_and(|data| data.starts_with("7 of ") && data != format!("7 of {pid}")), "{last}");
}
