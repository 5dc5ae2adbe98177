//! The command line and its exit statuses.

use crate::support::Edge;

#[test]
fn the_shortest_config_serves_an_app() {
    let edge = Edge::start(
        r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
//- /site/index.html
<!doctype html><title>it works</title>
"#,
    );
    let response = edge.get("/", "");
    assert_eq!((response.status, response.text().contains("it works")), (200, true));
    assert!(edge.stop().status.success());
}
