//! gRPC through the edge, with a client and a server of Python: calls of every kind, deadlines, cancellation, and our own refusals.

use std::path::Path;
use std::process::Command;

use crate::support::http2::{Http2, run as run_async};
use crate::support::{Certificate, Edge, Peer, Site, python, run};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0"]
grace = "1s"
[tls]
dev = true
[limits]
body = "32MiB"
[upstream.app]
to = "h2c://unix:grpc.sock"
[upstream.down]
to = "h2c://unix:nobody.sock"
wait = "0s"
[[route]]
path = "/test.Test/"
proxy = "app"
[[route]]
path = "/down.Down/"
proxy = "down"
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name)
}

#[test]
fn calls_of_every_kind_pass_in_both_directions_with_tls_and_without_it() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let [socket, port, certificate, key] = ["grpc.sock", "port", "tls.crt", "tls.key"].map(|name| folder.path().join(name));
    Certificate::write(folder.path(), &["localhost", "127.0.0.1"]);
    let mut command = Command::new(&python);
    let _server = Peer::start(command.arg(script("grpc_server.py")).args([&socket, &certificate, &key, &port]), &[&socket]);
    let port = std::fs::read_to_string(port).expect("a port");
    let plain = format!("to = \"h2c://unix:{}\"", socket.display());
    let secure = format!("to = \"h2://127.0.0.1:{port}\"\ntls = {{ ca = \"{}\" }}", certificate.display());
    for to in [plain, secure] {
        // The library of gRPC does not know the constraints of a development authority.
        let own = SITE.replace("dev = true", "cert = \"tls.crt\"\nkey = \"tls.key\"");
        let site = Site::new(&own.replace("to = \"h2c://unix:grpc.sock\"", &to));
        let own = Certificate::write(site.path(), &["localhost"]);
        let edge = Edge::start_with(site, |_| {});
        let mut client = Command::new(&python);
        client.arg(script("grpc_client.py")).arg(edge.address().port().to_string()).arg(&own.path);
        assert!(run(&mut client).contains("all well"), "{to}");
    }
}

#[test]
fn a_refusal_of_a_call_is_told_in_a_status_of_grpc() {
    let edge = Edge::start(SITE);
    run_async(async {
        let mut client = Http2::connect(&edge).await;
        for (path, status) in [("/down.Down/Any", "14"), ("/nowhere.Nowhere/Any", "12")] {
            let request = http::Request::post(format!("https://localhost{path}"));
            let request = request.header("content-type", "application/grpc+proto").header("te", "trailers").body(()).unwrap();
            let answer = client.request(request, b"\0\0\0\0\0", None).await.unwrap();
            assert_eq!(
                (answer.status.as_u16(), &answer.fields["grpc-status"]),
                (200, &status.parse::<http::HeaderValue>().unwrap()),
                "{path}"
            );
            assert_eq!(answer.fields["content-type"], "application/grpc");
            assert!(answer.body.is_empty());
        }
    });
}
