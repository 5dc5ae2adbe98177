//! Clients as people have them, over TLS with the development authority: curl, Python, wrk and h2load.

use std::path::Path;
use std::process::Command;

use crate::support::{Backed, FORWARD, has, python, run};

/// A site and a backend on TLS, and its port.
fn start() -> (Backed, u16) {
    let config = FORWARD.replace("127.0.0.1:0\"]", "https://127.0.0.1:0\"]");
    let rest =
        "[tls]\ndev = true\n[[route]]\npath = \"/\"\nroot = \"site\"\n\n//- /site/index.html\n<!doctype html><p>a page of some length\n";
    let backed = Backed::start_with(&format!("{config}\n{rest}"));
    let port = backed.edge.address().port();
    (backed, port)
}

/// curl on that site, with these arguments and a path.
fn curl(backed: &Backed, port: u16, arguments: &[&str], path: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--cacert"]).arg(backed.edge.site.join("certs/ca.pem"));
    command.args(["--resolve", &format!("localhost:{port}:127.0.0.1")]).args(arguments);
    run(command.arg(format!("https://localhost:{port}{path}")))
}

#[test]
fn curl_gets_pages_ranges_and_uploads_in_every_version() {
    if !has("curl") {
        return;
    }
    let (backed, port) = start();
    let upload = backed.edge.site.join("upload.bin");
    std::fs::write(&upload, vec![b'u'; 3_000_000]).unwrap();
    let data = format!("@{}", upload.display());
    for (version, shown) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2", "2")] {
        let head = curl(&backed, port, &[version, "--write-out", "%{http_version} %{http_code}", "--output", "/dev/null"], "/");
        let (spoken, status) = head.split_once(' ').unwrap();
        assert!(status == "200" && (spoken == shown || version == "--http1.0"), "{version}: {head}");
        assert!(curl(&backed, port, &[version], "/").contains("a page"));
        assert_eq!(curl(&backed, port, &[version, "--range", "0-8"], "/"), "<!doctype");
        let parts = curl(&backed, port, &[version, "--range", "0-8,10-13"], "/");
        assert!(parts.contains("bytes 0-8/") && parts.contains("\r\n\r\n<!doctype\r\n--") && parts.ends_with("--\r\n"), "{parts}");
        assert!(curl(&backed, port, &[version, "--data-binary", &data], "/api/upload").contains("3000000"), "{version}");
        assert_eq!(curl(&backed, port, &[version], "/api/bytes/3"), "\0\u{1}\u{2}");
    }
}

#[test]
fn curl_uploads_in_chunks() {
    if !has("curl") {
        return;
    }
    let (backed, port) = start();
    let upload = backed.edge.site.join("upload.bin");
    std::fs::write(&upload, vec![b'u'; 2_000_000]).unwrap();
    let file = upload.display().to_string();
    let arguments = ["--http1.1", "--request", "POST", "--header", "Transfer-Encoding: chunked", "--upload-file", &file];
    assert!(curl(&backed, port, &arguments, "/api/upload").contains("2000000"));
}

#[test]
fn python_requests_and_websockets_work_over_tls() {
    let Some(python) = python() else { return };
    let (backed, port) = start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/client.py");
    let mut command = Command::new(python);
    let output = run(command.arg(script).arg(port.to_string()).arg(backed.edge.site.join("certs/ca.pem")));
    assert_eq!(output.trim(), "all well");
}

#[test]
fn h2load_sees_no_error() {
    if !has("h2load") {
        return;
    }
    let (_backed, port) = start();
    for path in ["/", "/api/small"] {
        let url = format!("https://localhost:{port}{path}");
        let output = run(Command::new("h2load").args(["-n", "2000", "-c", "10", "-m", "10", &url]));
        assert!(output.contains("2000 succeeded, 0 failed, 0 errored"), "{path}: {output}");
        assert!(output.contains("2000 2xx"), "{path}: {output}");
    }
}

#[test]
fn wrk_sees_no_error() {
    if !has("wrk") {
        return;
    }
    let (_backed, port) = start();
    for path in ["/", "/api/small"] {
        let output = run(Command::new("wrk").args(["-t1", "-c20", "-d1s", "--timeout", "60s", &format!("https://localhost:{port}{path}")]));
        assert!(!output.contains("Socket errors") && !output.contains("Non-2xx"), "{path}: {output}");
        assert!(output.contains("requests in"), "{output}");
    }
}
