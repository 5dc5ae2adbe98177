//! What right configs are read into. What routes are read into is in `routes`, what wrong texts are answered with in `mistakes`.

mod mistakes;
mod routes;

use std::time::Duration;

use http::StatusCode;

use super::read;
use crate::config::*;
use crate::http::encoding::Coding;
use crate::http::media_range::MediaRange;
use crate::units::{ByteSize, Listen, ServerUrl};

/// Every key that is built, once.
const EVERY_KEY: &str = r#"
[server]
listen = [":80", "https://127.0.0.1:9443", "http://unix:/run/transom/http.sock", "fd:3"]
names = ["Example.com", "[::1]"]
http = ["h1"]
https_redirect = 301
grace = "5s"

[tls]
dev = false
cert = "tls.crt"
key = "tls.key"

[limits]
body = 0
header = "16KiB"
header_count = 50
uri = "4KiB"
assets_memory = "1GiB"
upstream_header = "128KiB"
buffer_memory = "128KiB"
buffer_disk = "2GiB"
buffer_folder = "/var/tmp"

[timeouts]
header = "1s"
body_idle = "2s"
keepalive = "3s"
connect = "4s"
response = "5s"
idle = "6s"
stream = "7m"
tcp_keepalive = "8s"

[compression]
precompressed = false
static = false
dynamic = ["br", "gzip"]
level = { zstd = 1, br = 9, gzip = 5 }
min_size = "256B"
skip = ["text/csv", "Image/*"]

[headers]
preset = "strict"
set = { "Permissions-Policy" = "camera=()", "X-Gone" = "" }
remove = ["Server", "X-Powered-By"]

[headers.csp]
policy = "script-src 'nonce-{nonce}'"
nonce = true
report_only = true

[upstream.api]
to = ["unix:/run/app/api.sock"]
wait = "0s"

[upstream.web]
to = "http://web:3000"

[process.api]
command = ["node", "server.js"]
cwd = "/srv/api"
env = { NODE_ENV = "production", EMPTY = "" }
env_pass = ["DATABASE_URL", "APP_*"]
ready = { upstream = "api" }

[process.worker]
command = ["worker"]
ready = { socket = "http://127.0.0.1:9000" }

[[route]]
path = ["/api/", "/ws"]
exact = "/rpc"
proxy = "api"
strip = "/api"
headers.request.set = { "X-A" = "1" }
headers.response.set."Cache-Control" = "no-store"
headers.response.remove = ["X-B"]
buffer_request = "8MiB"
timeouts = { response = "5m", idle = "1m", stream = "1h" }

[[route]]
path = "/inline"
proxy = "http://127.0.0.1:3000"

[[route]]
exact = "/old"
redirect = "/new"

[[route]]
exact = "/older"
redirect = { to = "https://example.com/", status = 302 }

[[route]]
exact = "/livez"
respond = { status = 200, body = "{}", type = "application/json" }

[[route]]
path = "/"
root = "/srv/www"
index = ["index.html", "index.htm"]
spa = "app.html"
watch = false
keep_previous = "10m"
early_hints = true
env = { file = "/config/env.js", global = "ENV", keys = ["API_*"] }

[[route]]
path = "/docs"
root = ["/srv/docs", "/srv/docs-previous"]
try = ["{path}", "{path}.html", "{path}/", "/404.html"]
hidden = true
symlinks = "deny"
mime = { ".WebManifest" = "application/json", ".wasm" = "application/wasm" }
immutable = ["/assets/*", "*.[hash].*"]
html_cache = "private"

[log]
level = "debug"
access = { format = "combined", to = "/var/log/access.log", skip = ["/livez"] }

[metrics]
listen = ["127.0.0.1:9090", "unix:/run/transom/metrics.sock"]
"#;

fn read_text(text: &str) -> Result<Config, Diagnostics> {
    let environment = Environment::from([("API_PORT".into(), "4000".into()), ("API_KEY".into(), "a\"\nb".into())]);
    read(&Source { name: "proxy.toml".into(), text: text.into() }, &environment)
}

fn config(text: &str) -> Config {
    let source = Source { name: "proxy.toml".into(), text: text.into() };
    read_text(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&source)))
}

#[test]
fn an_empty_file_is_a_config_of_defaults() {
    let config = config("");
    assert_eq!(config.server.listen.iter().map(|listen| listen.value.clone()).collect::<Vec<_>>(), [Listen::parse(":8080").unwrap()]);
    assert_eq!(config.server.http, HttpVersions { h1: true, h2: true });
    assert_eq!(config.server.https_redirect, Some(StatusCode::PERMANENT_REDIRECT));
    assert_eq!(config.server.grace, Duration::from_secs(8));
    assert_eq!((config.limits, config.timeouts), (defaults::LIMITS, defaults::TIMEOUTS));
    assert_eq!(config.coded_files, defaults::CODED_FILES);
    assert_eq!(config.limits.body, ByteSize(16 << 20));
    assert_eq!(config.compression, defaults::compression());
    assert_eq!(
        config.headers,
        GlobalHeaders { preset: Spanned::new(HeaderPreset::Spa, Span::default()), rules: HeaderRules::default(), csp: None }
    );
    assert_eq!(config.log, Log { level: LogLevel::Info, access: Some(defaults::access()) });
    assert!(
        config.tls.is_none()
            && config.routes.is_empty()
            && config.upstreams.is_empty()
            && config.processes.is_empty()
            && config.metrics.is_none()
    );
}

#[test]
fn with_tls_a_tls_port_is_listened_on_too() {
    let config = config("[tls]\ndev = true\n");
    assert_eq!(config.server.listen.iter().map(|listen| listen.value.to_string()).collect::<Vec<_>>(), [":8080", ":8443"]);
    assert_eq!(config.tls.map(|tls| tls.value), Some(Tls::Dev));
}

#[test]
fn the_shortest_useful_config_is_read() {
    let text = r#"
[server]
listen = [":80", ":443"]

[tls]
cert = "/run/secrets/tls.crt"
key  = "/run/secrets/tls.key"

[[route]]
path  = ["/api", "/ws"]
proxy = "unix:/run/app/api.sock"

[[route]]
path = "/"
root = "/srv/www"
spa  = true
"#;
    let config = config(text);
    assert_eq!(config.routes.len(), 2);
    let Action::Proxy { target, strip, .. } = &config.routes[0].action.value else { panic!("{:?}", config.routes[0]) };
    assert_eq!(target.value, ProxyTarget::Inline(ServerUrl::parse("unix:/run/app/api.sock").unwrap()));
    assert_eq!(text.get(target.span.start..target.span.end), Some("\"unix:/run/app/api.sock\""));
    assert_eq!(*strip, None);
    let Action::Root(Folder { root, index, spa, watch, keep_previous, .. }) = &config.routes[1].action.value else {
        panic!("{:?}", config.routes[1])
    };
    assert_eq!((root.value.to_str(), index.as_slice()), (Some("/srv/www"), ["index.html".to_owned()].as_slice()));
    assert_eq!(spa.as_ref().map(|spa| spa.value.as_str()), Some("index.html"));
    assert_eq!((*watch, *keep_previous), (true, Duration::from_secs(3600)));
}

#[test]
fn every_key_of_the_tables_is_read() {
    let config = config(EVERY_KEY);
    assert_eq!(config.server.listen.len(), 4);
    assert_eq!(config.server.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(), ["example.com", "[::1]"]);
    assert_eq!(config.server.http, HttpVersions { h1: true, h2: false });
    assert_eq!(config.server.https_redirect, Some(StatusCode::MOVED_PERMANENTLY));
    assert_eq!(
        config.limits,
        Limits {
            body: ByteSize(0),
            header: ByteSize(16 << 10),
            header_count: 50,
            uri: ByteSize(4 << 10),
            assets_memory: ByteSize(1 << 30),
            upstream_header: ByteSize(128 << 10),
        }
    );
    assert_eq!(config.buffering, Buffering { memory: ByteSize(128 << 10), disk: ByteSize(2 << 30), folder: "/var/tmp".into() });
    let buffered = config.routes.iter().find_map(|route| Some((route.buffer_request.as_ref()?.value, route.timeouts)));
    let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
    let timeouts = RouteTimeouts { response: minutes(5), idle: minutes(1), stream: minutes(60) };
    assert_eq!(buffered, Some((BufferRequest::UpTo(ByteSize(8 << 20)), timeouts)));
    assert_eq!(config.timeouts.stream, Duration::from_secs(420));
    assert_eq!(config.timeouts.tcp_keepalive, Duration::from_secs(8));
    assert_eq!(config.coded_files, CodedFiles { precompressed: false, compress: false });
    assert_eq!(
        config.compression,
        Compression {
            dynamic: vec![Coding::Brotli, Coding::Gzip],
            level: CompressionLevel { zstd: 1, brotli: 9, gzip: 5 },
            min_size: ByteSize(256),
            skip: ["text/csv", "image/*"].into_iter().filter_map(MediaRange::parse).collect(),
        }
    );
    assert_eq!(config.headers.preset.value, HeaderPreset::Strict);
    assert_eq!(config.headers.rules.remove.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-gone", "server", "x-powered-by"]);
    let csp = config.headers.csp.as_ref().unwrap();
    assert_eq!((&csp.policy, csp.report_only), (&PolicyText::Nonced(vec!["script-src 'nonce-".into(), "'".into()]), true));
    assert_eq!(config.upstreams.iter().map(|upstream| upstream.name.value.as_str()).collect::<Vec<_>>(), ["api", "web"]);
    assert_eq!((config.upstreams[0].wait, config.upstreams[1].wait), (Duration::ZERO, defaults::WAIT));
    assert_eq!(config.processes[0].env, [("NODE_ENV".into(), "production".into()), ("EMPTY".into(), String::new())]);
    assert_eq!(config.processes[0].ready.as_ref().map(|ready| &ready.value), Some(&Ready::Upstream("api".into())));
    assert_eq!(config.log.level, LogLevel::Debug);
    let listen = ["127.0.0.1:9090", "unix:/run/transom/metrics.sock"].map(|text| Listen::parse(text).unwrap());
    assert_eq!(config.metrics.map(|metrics| metrics.listen.into_iter().map(|one| one.value).collect()), Some(listen.to_vec()));
    let access = config.log.access.expect("access is on");
    assert_eq!((access.format, access.skip.as_slice()), (AccessFormat::Combined, ["/livez".to_owned()].as_slice()));
    assert!(matches!(access.to, AccessTarget::File(path) if path.value.to_str() == Some("/var/log/access.log")));
}

#[test]
fn false_turns_off_what_is_on() {
    let config = config("[server]\nhttps_redirect = false\n[log]\naccess = false\n[compression]\ndynamic = []\n");
    assert_eq!((config.server.https_redirect, config.log.access), (None, None));
    assert!(config.compression.dynamic.is_empty());
}

#[test]
fn variables_are_put_into_strings_and_cannot_become_keys() {
    let config = config(
        r#"
[headers]
set = { "X-Literal" = "$${API_PORT}" }
[process.api]
command = ["api", "--key", "${API_KEY}", "--host", "${API_HOST:-127.0.0.1}"]
[[route]]
path = "/"
proxy = "http://127.0.0.1:${API_PORT}"
"#,
    );
    assert_eq!(config.headers.rules.set[0].1, "${API_PORT}");
    assert_eq!(config.processes[0].command.value, ["api", "--key", "a\"\nb", "--host", "127.0.0.1"]);
    let target = ProxyTarget::Inline(ServerUrl::parse("http://127.0.0.1:4000").unwrap());
    assert!(matches!(&config.routes[0].action.value, Action::Proxy { target: Spanned { value, .. }, .. } if *value == target));
}

#[test]
fn the_byte_order_mark_and_carriage_returns_of_windows_are_no_mistakes() {
    config("\u{feff}[server]\r\ngrace = \"8s\"\r\n");
}
