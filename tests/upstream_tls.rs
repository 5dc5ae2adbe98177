//! Upstreams behind TLS: known by the authority that the config names, or not spoken to.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Certificate, Edge, Site};

/// A server with a certificate of its own for `localhost`, 127.0.0.1 and `api.test`.
fn server() -> Edge {
    let site = Site::new(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\"]\ngrace = \"1s\"\n[tls]\ncert = \"tls.crt\"\nkey = \"tls.key\"\n[[route]]\npath = \"/\"\nrespond = { status = 200, body = \"secure\\n\" }\n",
    );
    Certificate::write(site.path(), &["localhost", "127.0.0.1", "api.test"]);
    Edge::start_with(site, |_| {})
}

/// An edge before it.
fn before(url: &str, tls: &str) -> Edge {
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\ngrace = \"1s\"\n[upstream.api]\nto = \"{url}\"\nwait = \"15s\"\ntls = {tls}\n[[route]]\npath = \"/\"\nproxy = \"api\"\n"
    ))
}

fn authority(path: &Path) -> String {
    format!("{{ ca = \"{}\" }}", path.display())
}

#[test]
fn a_server_is_known_by_the_authority_that_the_config_names() {
    let server = server();
    let port = server.address().port();
    for host in ["localhost", "127.0.0.1"] {
        let edge = before(&format!("https://{host}:{port}"), &authority(&server.site.join("tls.crt")));
        for _ in 0..3 {
            let response = edge.get("/", "");
            assert_eq!((response.status, response.text().as_str()), (200, "secure\n"), "{host}");
        }
    }
}

#[test]
fn a_server_of_another_authority_or_another_name_is_not_spoken_to_and_not_waited_for() {
    let server = server();
    let url = format!("https://localhost:{}", server.address().port());
    let folder = TempDir::new().expect("a folder");
    let other = Certificate::write(folder.path(), &["localhost"]);
    let with_name = format!("{{ ca = \"{}\", sni = \"other.test\" }}", server.site.join("tls.crt").display());
    for tls in [authority(&other.path), with_name] {
        let edge = before(&url, &tls);
        assert_eq!(edge.get("/", "").status, 502);
        edge.wait_for_access("the cause", |line| line["cause"].as_str().is_some_and(|cause| cause.contains("certificate")));
    }
}

#[test]
fn a_name_for_the_certificate_may_stand_beside_the_address() {
    let server = server();
    let tls = format!("{{ ca = \"{}\", sni = \"api.test\" }}", server.site.join("tls.crt").display());
    assert_eq!(before(&format!("https://127.0.0.1:{}", server.address().port()), &tls).get("/", "").text(), "secure\n");
}

#[test]
fn what_we_show_is_seen_by_a_server_that_asks() {
    let (server_folder, client_folder) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let server = Certificate::write(server_folder.path(), &["localhost"]);
    let client = Certificate::write(client_folder.path(), &["edge.test"]);
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1", "-verify_return_error", "-cert"])
        .arg(&server.path)
        .arg("-key")
        .arg(server_folder.path().join("tls.key"))
        .arg("-CAfile")
        .arg(&client.path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse::<u16>().ok()).expect("a port");
    let url = format!("https://localhost:{port}");
    let show = format!(
        "{{ ca = \"{}\", cert = \"{}\", key = \"{}\" }}",
        server.path.display(),
        client.path.display(),
        client_folder.path().join("tls.key").display()
    );
    let shown = before(&url, &show).get("/", "").status;
    let hidden = before(&url, &authority(&server.path)).get("/", "").status;
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!((shown, hidden), (200, 502));
}
