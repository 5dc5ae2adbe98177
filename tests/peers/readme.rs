//! The config that the README shows, with its application: uvicorn kept running by the edge, TLS, the built app.

use tokio_tungstenite::tungstenite::{Message, client};

use super::foreign;
use crate::support::{Certificate, Edge, Response, Site, TlsClient, python};

/// The README's config with the paths, ports and certificate of a test, and nothing else changed.
fn config(site: &Site) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let config = readme.split("```toml\n").find(|block| block.starts_with("# proxy.toml")).expect("its config");
    let mut config = config.split("```").next().unwrap_or_default().to_owned();
    for (there, here) in [
        ("[\":80\", \":443\"]", "[\"http://127.0.0.1:0\", \"https://127.0.0.1:0\"]".to_owned()),
        ("/run/secrets/tls", site.join("tls").display().to_string()),
        ("/run/app/api.sock", site.join("api.sock").display().to_string()),
        ("/srv/www", site.join("www").display().to_string()),
    ] {
        assert!(config.contains(there), "the README's config has no {there}");
        config = config.replace(there, &here);
    }
    config
}

struct Deployment {
    edge: Edge,
    tls: TlsClient,
}

impl Deployment {
    /// Starts it; `process` is added to the table of the API.
    fn start(process: &str) -> Option<Self> {
        let bin = python()?.parent()?.to_owned();
        let site = Site::new("//- /www/index.html\n<!doctype html><title>the app</title>\n");
        let tls = TlsClient::new(&Certificate::write(site.path(), &["localhost"]).path);
        site.write("app.py", &std::fs::read(foreign().join("app.py")).expect("the application"));
        site.write("proxy.toml", config(&site).replace("[upstream.api]", &format!("{process}\n[upstream.api]")).as_bytes());
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let edge = Edge::start_with(site, |command| {
            command.env("PATH", path);
        });
        Some(Self { edge, tls })
    }

    fn get(&self, path: &str, fields: &str) -> Response {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
        self.tls.request(self.edge.addresses[1], "localhost", &request)
    }
}

#[test]
fn the_config_of_the_readme_serves_an_application() {
    let Some(deployment) = Deployment::start("") else { return };
    assert_eq!(deployment.get("/api/pid", "").status, 200, "held until uvicorn is there");
    assert!(deployment.get("/", "").text().contains("the app"));
    assert!(deployment.get("/some/view", "Accept: text/html\r\n").text().contains("the app"));
    assert_eq!(deployment.get("/assets/app-0a1b2c3d.js", "").status, 404);
    let redirect = deployment.edge.get("/api/pid", "");
    assert!((300..400).contains(&redirect.status) && redirect.field("location").is_some_and(|to| to.starts_with("https://localhost")));
    let stream = deployment.tls.connect(deployment.edge.addresses[1], "localhost").expect("a handshake");
    let (mut socket, _) = client("wss://localhost/ws", stream).expect("a WebSocket");
    socket.send(Message::text("through it all")).expect("it takes a message");
    assert_eq!(socket.read().expect("an echo"), Message::text("through it all"));
    assert!(deployment.edge.stop().status.success());
}

/// uvicorn believes `X-Forwarded-Proto` from 127.0.0.1 only, and a client on a Unix socket has no address: without this, links and redirects that it
/// makes begin with `http:`.
#[test]
fn uvicorn_that_is_told_to_believe_the_edge_redirects_to_where_its_client_is() {
    let Some(deployment) = Deployment::start("env = { FORWARDED_ALLOW_IPS = \"*\" }") else { return };
    assert_eq!(deployment.get("/api/moved", "").field("location"), Some("https://localhost/api/page"));
}
