//! TLS: certificates, names, versions, and plain HTTP that came to the wrong port.

use crate::support::{Certificate, Client, Edge, Site, TlsClient};

const SITE: &str = r#"
//- /proxy.toml
[server]
listen = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
[tls]
dev = true
[[route]]
path = "/"
root = "site"
//- /site/index.html
home
"#;
const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn named() -> Edge {
    let text = SITE.replace("[tls]\ndev = true", "names = [\"shop.test-site.dev\"]\n[tls]\ncert = \"tls.crt\"\nkey = \"tls.key\"");
    let site = Site::new(&text);
    Certificate::write(site.path(), &["shop.test-site.dev", "other.test-site.dev"]);
    Edge::start_with(site, |_| {})
}

#[test]
fn the_development_certificate_is_trusted_through_its_authority_and_made_once() {
    let mut edge = Edge::start(SITE);
    for name in ["localhost", "127.0.0.1"] {
        assert_eq!(TlsClient::new(&edge.site.join("certs/ca.pem")).request(edge.address(), name, GET).status, 200, "{name}");
    }
    let authority = std::fs::read(edge.site.join("certs/ca.pem")).expect("an authority");
    edge.signal(rustix::process::Signal::TERM);
    edge.wait();
    let site = std::mem::replace(&mut edge.site, Site::new(""));
    let again = Edge::start_with(site, |_| {});
    assert_eq!(std::fs::read(again.site.join("certs/ca.pem")).expect("an authority"), authority);
    assert_eq!(TlsClient::new(&again.site.join("certs/ca.pem")).request(again.address(), "localhost", GET).text(), "home");
}

#[test]
fn private_keys_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let edge = Edge::start(SITE);
    let mut keys = 0;
    for entry in std::fs::read_dir(edge.site.join("certs")).expect("certs") {
        let path = entry.expect("a file").path();
        if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("PRIVATE KEY")) {
            keys += 1;
            assert_eq!(std::fs::metadata(&path).expect("metadata").permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
    assert!(keys > 0);
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let edge = Edge::start(SITE);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = TlsClient::with_versions(&edge.site.join("certs/ca.pem"), &[version]);
        assert_eq!(client.request(edge.address(), "localhost", GET).status, 200, "{version:?}");
    }
}

#[test]
fn plain_http_on_the_tls_port_is_told_so() {
    let edge = Edge::start(SITE);
    let response = edge.request(GET);
    assert_eq!((response.status, response.field("connection")), (400, Some("close")));
    assert!(response.text().contains("HTTPS port"), "{}", response.text());
    let line = edge.wait_for_access("its line", |line| line["cause"] == "tls: plain http");
    assert_eq!(line["status"], 400);
}

#[test]
fn an_unknown_name_gets_an_alert_and_no_certificate() {
    let edge = named();
    let client = TlsClient::new(&edge.site.join("tls.crt"));
    let error = client.connect(edge.address(), "other.test-site.dev").expect_err("an alert").to_string();
    assert!(error.contains("UnrecognisedName") || error.contains("UnrecognizedName"), "{error}");
    edge.wait_for_access("its line", |line| line["cause"] == "tls: unknown name");
    assert!(client.connect(edge.address(), "shop.test-site.dev").is_ok());
    assert!(client.connect(edge.address(), "SHOP.test-site.dev").is_ok());
}

#[test]
fn an_unknown_host_is_421_however_it_is_written() {
    let edge = named();
    let client = TlsClient::new(&edge.site.join("tls.crt"));
    for (host, status) in [
        ("shop.test-site.dev", 200),
        ("Shop.Test-Site.dev", 200),
        ("shop.test-site.dev:443", 200),
        ("shop.test-site.dev.", 200),
        ("other.test-site.dev", 421),
        ("127.0.0.1", 421),
        ("sub.shop.test-site.dev", 421),
    ] {
        let response =
            client.request(edge.address(), "shop.test-site.dev", &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(response.status, status, "{host}");
    }
}

#[test]
fn the_redirect_keeps_path_and_query_and_names_the_real_port() {
    let edge = Edge::start(SITE);
    let port = edge.address().port();
    for (request, location) in [
        (
            "GET /a//b/%2e%2e/c?x=1&y=%20 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
            format!("https://localhost:{port}/a//b/%2e%2e/c?x=1&y=%20"),
        ),
        ("POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 0\r\n\r\n", format!("https://[::1]:{port}/")),
        ("GET http://localhost?a HTTP/1.1\r\nHost: localhost\r\n\r\n", format!("https://localhost:{port}/?a")),
    ] {
        let mut client = Client::connect(edge.addresses[1]);
        client.send(request.as_bytes());
        let response = client.response();
        assert_eq!((response.status, response.field("location")), (308, Some(location.as_str())), "{request}");
    }
}

#[test]
fn the_redirect_never_goes_to_a_host_that_is_not_served() {
    let edge = named();
    let mut client = Client::connect(edge.addresses[1]);
    client.send(b"GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("location")), (421, None));
}

#[test]
fn a_large_file_arrives_whole_over_tls() {
    let site = Site::new(SITE);
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    site.write("site/film.mp4", &bytes);
    let edge = Edge::start_with(site, |_| {});
    let client = TlsClient::new(&edge.site.join("certs/ca.pem"));
    let get = |fields: &str| {
        client.request(
            edge.address(),
            "localhost",
            &format!("GET /film.mp4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"),
        )
    };
    assert!(get("").body == bytes);
    assert!(get("Range: bytes=1000000-3999999\r\n").body == bytes[1_000_000..4_000_000]);
}

#[test]
fn a_client_without_a_common_protocol_is_refused_and_logged() {
    let edge = Edge::start(SITE);
    let mut client = TlsClient::new(&edge.site.join("certs/ca.pem"));
    client.config.alpn_protocols = vec![b"spdy/3".to_vec()];
    assert!(client.connect(edge.address(), "localhost").is_err());
    edge.wait_for_access("its line", |line| line["cause"] == "tls: no common alpn");
}
