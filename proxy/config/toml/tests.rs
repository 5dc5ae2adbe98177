//! What right configs are read into, and that no text at all makes the reading panic.

use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;

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
"#;

fn read_text(text: &str) -> Result<Config, Diagnostics> {
    let environment = Environment::from([("API_PORT".into(), "4000".into()), ("API_KEY".into(), "a\"\nb".into())]);
    read(&Source { name: "proxy.toml".into(), text: text.into() }, &environment)
}

fn config(text: &str) -> Config {
    let source = Source { name: "proxy.toml".into(), text: text.into() };
    read_text(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&source)))
}

fn messages(text: &str) -> Vec<String> {
    read_text(text).expect_err(text).0.into_iter().map(|mistake| mistake.message).collect()
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
    assert!(config.tls.is_none() && config.routes.is_empty() && config.upstreams.is_empty() && config.processes.is_empty());
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
            assets_memory: ByteSize(1 << 30)
        }
    );
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
    let access = config.log.access.expect("access is on");
    assert_eq!((access.format, access.skip.as_slice()), (AccessFormat::Combined, ["/livez".to_owned()].as_slice()));
    assert!(matches!(access.to, AccessTarget::File(path) if path.value.to_str() == Some("/var/log/access.log")));
}

#[test]
fn routes_keep_the_order_of_the_file_and_what_each_does() {
    let routes = config(EVERY_KEY).routes;
    let api = &routes[0];
    assert_eq!(
        api.patterns.iter().map(|pattern| pattern.value.clone()).collect::<Vec<_>>(),
        [PathPattern::Prefix("/api".into()), PathPattern::Prefix("/ws".into()), PathPattern::Exact("/rpc".into())]
    );
    assert!(matches!(&api.action.value, Action::Proxy { strip: Some(strip), .. } if strip.value == "/api"));
    assert_eq!((api.request_headers.set.len(), api.response_headers.set.len(), api.response_headers.remove.len()), (1, 1, 1));
    let statuses: Vec<_> = routes
        .iter()
        .filter_map(|route| match &route.action.value {
            Action::Redirect { status, .. } | Action::Respond { status, .. } => Some(status.as_u16()),
            Action::Proxy { .. } | Action::Root(_) => None,
        })
        .collect();
    assert_eq!(statuses, [308, 302, 200]);
    let Action::Root(Folder { spa: Some(spa), watch, keep_previous, .. }) = &routes[5].action.value else { panic!("{:?}", routes[5]) };
    assert_eq!((spa.value.as_str(), *watch, *keep_previous), ("app.html", false, Duration::from_secs(600)));
    let Action::Root(folder) = &routes[5].action.value else { panic!("{:?}", routes[5]) };
    let env = folder.env.as_ref().unwrap();
    assert_eq!((folder.early_hints, env.file.value.as_str(), env.global.as_str()), (true, "/config/env.js", "ENV"));
    assert_eq!(env.values.keys().collect::<Vec<_>>(), ["API_KEY", "API_PORT"]);
}

#[test]
fn the_selection_of_files_is_read_and_has_defaults() {
    let routes = config(EVERY_KEY).routes;
    let [Action::Root(plain), Action::Root(docs)] = [&routes[5], &routes[6]].map(|route| &route.action.value) else { panic!("{routes:?}") };
    assert_eq!(plain.selection, Selection::default());
    assert_eq!(plain.selection.order, [Attempt::File, Attempt::Folder]);
    let selection = &docs.selection;
    assert_eq!(selection.later_roots.iter().map(|root| root.value.to_str()).collect::<Vec<_>>(), [Some("/srv/docs-previous")]);
    assert_eq!(selection.order, [Attempt::File, Attempt::Ending(".html".into()), Attempt::Folder]);
    assert_eq!(docs.spa.as_ref().map(|page| page.value.as_str()), Some("404.html"), "the page at the end of `try`");
    assert_eq!((selection.hidden, selection.symlinks), (Hidden::Served, Symlinks::Deny));
    let mime: Vec<_> = selection.mime.iter().map(|rule| (rule.ending.as_str(), rule.media_type.as_str())).collect();
    assert_eq!(mime, [(".webmanifest", "application/json"), (".wasm", "application/wasm")]);
    assert_eq!(selection.immutable.as_ref().map(Vec::len), Some(2));
    assert_eq!(selection.html_cache, "private");
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
fn a_line_break_from_a_variable_cannot_split_a_header() {
    assert_eq!(messages("[headers]\nset = { X-Key = \"${API_KEY}\" }\n"), ["the value of `X-Key` has a line break or a NUL"]);
}

#[test]
fn every_mistake_is_found_in_one_run_and_in_the_order_of_the_file() {
    let text = "[log]\nlevel = \"loud\"\n[server]\ngrace = \"x\"\nlisen = []\n[[route]]\npath = \"/\"\n";
    assert_eq!(
        messages(text),
        [
            "unknown value \"loud\" for `level`",
            "\"x\" is not a duration",
            "unknown key `lisen` in `[server]`",
            "this `[[route]]` has no action"
        ]
    );
}

#[test]
fn behind_a_bracket_that_is_never_closed_nothing_is_believed() {
    assert_eq!(messages("[server]\nlisten = [\":80\"\ngrace = 8\nnames = [\"a\"]\n[[route]]\n"), ["this `[` is never closed"]);
}

#[test]
fn what_is_missing_behind_a_syntax_mistake_is_not_reported_as_missing() {
    assert_eq!(messages("[[route]]\npath = \"/\"\nroot: \"dist\"\n"), ["this line is neither a table header nor a setting"]);
}

#[test]
fn the_byte_order_mark_and_carriage_returns_of_windows_are_no_mistakes() {
    config("\u{feff}[server]\r\ngrace = \"8s\"\r\n");
}

/// Cuts, doubles, or replaces a piece of a right config.
fn mutated() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "",
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "0",
        "é",
        "${",
        "-1",
        ".",
        ",",
        "[[route]]\n",
        "true",
        "\0",
        "#",
        "\\",
    ]);
    (0..EVERY_KEY.len(), 0..40_usize, token, 1..4_usize).prop_map(|(start, length, token, times)| {
        let end = (start + length).min(EVERY_KEY.len());
        format!("{}{}{}", EVERY_KEY.get(..start).unwrap_or_default(), token.repeat(times), EVERY_KEY.get(end..).unwrap_or_default())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered_without_a_panic(text in any::<String>()) {
        if let Err(mistakes) = read_text(&text) {
            prop_assert!(!mistakes.is_empty());
            mistakes.render(&Source { name: "proxy.toml".into(), text });
        }
    }

    #[test]
    fn any_damage_to_a_right_config_is_answered_without_a_panic(text in mutated()) {
        if let Err(mistakes) = read_text(&text) {
            prop_assert!(!mistakes.is_empty());
            mistakes.render(&Source { name: "proxy.toml".into(), text });
        }
    }

    #[test]
    fn any_line_under_any_table_is_answered_without_a_panic(
        table in "\\[(server|tls|limits|timeouts|headers|log|upstream\\.a|process\\.a|upstream|\\[route\\])\\]",
        key in "(listen|names|http|grace|dev|cert|body|header|uri|set|remove|to|wait|command|env|ready|path|exact|proxy|strip|root|spa|index|try|hidden|symlinks|mime|immutable|html_cache|redirect|respond|headers|access|level|csp|policy|nonce|early_hints|keys|global)",
        value in "(\"[ -~é]{0,8}\"|-?[0-9]{1,20}|true|\\[\\]|\\{\\}|\\[1, \"\"\\]|\\{ to = 1, status = \"\" \\}|1979-05-27|1e3|0xff)",
    ) {
        if let Err(mistakes) = read_text(&format!("{table}\n{key} = {value}\n")) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}
