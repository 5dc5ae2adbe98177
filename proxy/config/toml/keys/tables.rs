//! The keys of every table, one line each; those of routes are in `route`.

use super::route::{ACCEL, ENV, REDIRECT, RESPOND, REWRITE, ROUTE, ROUTE_TIMEOUTS};
use super::{Key, Keys};

pub(super) const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, text: example, built: true }
}

pub(super) const fn later(name: &'static str, instead: &'static str) -> Key {
    Key { name, text: instead, built: false }
}

pub(in super::super) const ROOT: Keys = Keys {
    title: "the top of the file",
    keys: &[
        key("server", "{ listen = [\":8080\"] }"),
        key("tls", "{ dev = true }"),
        key("limits", "{ body = \"16MiB\" }"),
        key("timeouts", "{ response = \"60s\" }"),
        key("compression", "{ min_size = \"1KiB\" }"),
        key("headers", "{ preset = \"spa\" }"),
        key("upstream", "{ api = { to = \"http://127.0.0.1:3000\" } }"),
        key("process", "{ api = { command = [\"node\", \"server.js\"] } }"),
        key("route", "[{ path = \"/\", root = \"dist\" }]"),
        key("log", "{ level = \"info\" }"),
        key("metrics", "{ listen = \"127.0.0.1:9090\" }"),
        later("$schema", "editors get no completion from it"),
        later("include", "everything stands in one file"),
        later("admin", ""),
    ],
    near: &[
        ("routes", "route"),
        ("location", "route"),
        ("ssl", "tls"),
        ("logging", "log"),
        ("prometheus", "metrics"),
        ("telemetry", "metrics"),
        ("status", "metrics"),
        ("processes", "process"),
        ("http", "server"),
        ("gzip", "compression"),
        ("encode", "compression"),
        ("compress", "compression"),
    ],
};

pub(in super::super) const SERVER: Keys = Keys {
    title: "[server]",
    keys: &[
        key("listen", "[\":8080\"]"),
        key("names", "[\"example.com\"]"),
        key("http", "[\"h1\", \"h2\"]"),
        key("https_redirect", "308"),
        key("trusted_proxies", "[\"10.0.0.0/8\"]"),
        key("proxy_protocol", "true"),
        key("traceparent", "\"pass\""),
        key("grace", "\"8s\""),
        key("resolver", "[\"10.0.0.2:53\"]"),
        later("public_port", "redirects name the port that is listened on"),
        later("canonical", "every name in `names` is served as it is"),
        later("workers", "there is one worker for each core"),
        later("user", "start it as the user that it should run as"),
        later("drain_delay", "draining begins at once"),
    ],
    near: &[
        ("set_real_ip_from", "trusted_proxies"),
        ("server_name", "names"),
        ("port", "listen"),
        ("bind", "listen"),
        ("host", "names"),
        ("hosts", "names"),
        ("address", "listen"),
        ("dns", "resolver"),
        ("nameserver", "resolver"),
    ],
};

pub(in super::super) const TLS: Keys = Keys {
    title: "[tls]",
    keys: &[
        key("dev", "true"),
        key("cert", "\"certs/tls.crt\""),
        key("key", "\"certs/tls.key\""),
        later("min_version", "TLS 1.2 and 1.3 are spoken"),
        later("curves", ""),
        later("ocsp", ""),
        later("tickets", ""),
        later("early_data", "0-RTT is off"),
        later("client_ca", "clients are not asked for certificates"),
        later("client_auth", "clients are not asked for certificates"),
        later("acme", "give `cert` and `key`, made by an ACME client such as lego or certbot"),
    ],
    near: &[("ssl_certificate", "cert"), ("ssl_certificate_key", "key"), ("certificate", "cert"), ("private_key", "key")],
};

pub(in super::super) const LIMITS: Keys = Keys {
    title: "[limits]",
    keys: &[
        key("body", "\"16MiB\""),
        key("header", "\"32KiB\""),
        key("header_count", "100"),
        key("uri", "\"8KiB\""),
        key("assets_memory", "\"256MiB\""),
        later("connections", ""),
        later("connections_per_ip", "connections are not counted by address"),
        key("upstream_header", "\"64KiB\""),
        key("buffer_memory", "\"64KiB\""),
        key("buffer_disk", "\"1GiB\""),
        key("buffer_folder", "\"/tmp\""),
    ],
    near: &[
        ("client_max_body_size", "body"),
        ("headers", "header"),
        ("url", "uri"),
        ("proxy_buffer_size", "upstream_header"),
        ("client_body_buffer_size", "buffer_memory"),
        ("client_body_temp_path", "buffer_folder"),
    ],
};

pub(in super::super) const TIMEOUTS: Keys = Keys {
    title: "[timeouts]",
    keys: &[
        key("header", "\"10s\""),
        key("body_idle", "\"60s\""),
        key("keepalive", "\"75s\""),
        key("connect", "\"3s\""),
        key("response", "\"60s\""),
        key("idle", "\"60s\""),
        key("stream", "\"0s\""),
        key("tcp_keepalive", "\"30s\""),
    ],
    near: &[
        ("proxy_read_timeout", "response"),
        ("proxy_connect_timeout", "connect"),
        ("keepalive_timeout", "keepalive"),
        ("read", "response"),
        ("body", "body_idle"),
        ("websocket", "stream"),
    ],
};

pub(in super::super) const COMPRESSION: Keys = Keys {
    title: "[compression]",
    keys: &[
        key("dynamic", "[\"zstd\", \"br\", \"gzip\"]"),
        key("level", "{ zstd = 3, br = 3, gzip = 2 }"),
        key("min_size", "\"1KiB\""),
        key("skip", "[\"image/*\"]"),
        key("precompressed", "true"),
        key("static", "true"),
    ],
    near: &[
        ("codings", "dynamic"),
        ("encodings", "dynamic"),
        ("gzip", "dynamic"),
        ("br", "dynamic"),
        ("zstd", "dynamic"),
        ("gzip_comp_level", "level"),
        ("gzip_min_length", "min_size"),
        ("min_length", "min_size"),
        ("exclude", "skip"),
        ("gzip_static", "precompressed"),
        ("brotli_static", "precompressed"),
        ("files", "static"),
    ],
};

pub(in super::super) const COMPRESSION_LEVEL: Keys =
    Keys { title: "level = { … }", keys: &[key("zstd", "3"), key("br", "3"), key("gzip", "2")], near: &[("brotli", "br")] };

pub(in super::super) const HEADERS: Keys = Keys {
    title: "[headers]",
    keys: &[
        key("preset", "\"spa\""),
        key("set", "{ \"X-Frame-Options\" = \"DENY\" }"),
        key("remove", "[\"Server\"]"),
        key("csp", "{ policy = \"default-src 'self'\" }"),
        later("hsts", "set it yourself: set = { \"Strict-Transport-Security\" = \"max-age=31536000\" }"),
    ],
    near: &[("add", "set"), ("add_header", "set"), ("delete", "remove")],
};

pub(in super::super) const CSP: Keys = Keys {
    title: "[headers.csp]",
    keys: &[key("policy", "\"default-src 'self'\""), key("nonce", "true"), key("report_only", "true")],
    near: &[("value", "policy"), ("nonces", "nonce")],
};

pub(in super::super) const UPSTREAM: Keys = Keys {
    title: "[upstream.NAME]",
    keys: &[
        key("to", "\"http://127.0.0.1:3000\""),
        key("wait", "\"10s\""),
        key("proxy_protocol", "\"v2\""),
        key("balance", "\"least_conn\""),
        key("queue", "100"),
        key("tls", "{ ca = \"/run/secrets/ca.pem\" }"),
        later("keepalive", ""),
        key("retry", "{ tries = 2, on = [\"connect\", \"reset_before_response\"] }"),
        key("breaker", "{ failures = 5, open = \"10s\" }"),
        key("slow_start", "\"30s\""),
        key("health", "{ path = \"/healthz\" }"),
    ],
    near: &[
        ("server", "to"),
        ("servers", "to"),
        ("url", "to"),
        ("address", "to"),
        ("timeout", "wait"),
        ("policy", "balance"),
        ("health_check", "health"),
        ("check", "health"),
        ("circuit_breaker", "breaker"),
        ("proxy_next_upstream", "retry"),
        ("retries", "retry"),
        ("lb_policy", "balance"),
    ],
};

pub(in super::super) const BREAKER: Keys = Keys {
    title: "breaker = { … }",
    keys: &[key("failures", "5"), key("open", "\"10s\"")],
    near: &[("max_fails", "failures"), ("errors", "failures"), ("fail_timeout", "open"), ("timeout", "open"), ("duration", "open")],
};

pub(in super::super) const HEALTH: Keys = Keys {
    title: "[upstream.NAME.health]",
    keys: &[
        key("path", "\"/healthz\""),
        key("host", "\"api.example.com\""),
        key("expect", "[200, 204]"),
        key("interval", "\"5s\""),
        key("timeout", "\"1s\""),
        key("rise", "1"),
        key("fall", "3"),
    ],
    near: &[("uri", "path"), ("url", "path"), ("status", "expect"), ("passes", "rise"), ("fails", "fall"), ("every", "interval")],
};

pub(in super::super) const RETRY: Keys = Keys {
    title: "retry = { … }",
    keys: &[
        key("tries", "2"),
        key("on", "[\"connect\", \"reset_before_response\", 503]"),
        key("methods", "\"idempotent\""),
        key("within", "\"10s\""),
    ],
    near: &[("count", "tries"), ("attempts", "tries"), ("retries", "tries"), ("timeout", "within"), ("statuses", "on")],
};

pub(in super::super) const UPSTREAM_SERVER: Keys = Keys {
    title: "to = { … }",
    keys: &[key("url", "\"http://127.0.0.1:3000\""), key("weight", "3"), key("backup", "true"), key("max_conns", "100")],
    near: &[("server", "url"), ("to", "url"), ("address", "url"), ("max_connections", "max_conns")],
};

pub(in super::super) const UPSTREAM_TLS: Keys = Keys {
    title: "tls = { … } of [upstream.NAME]",
    keys: &[
        key("ca", "\"/run/secrets/ca.pem\""),
        key("cert", "\"/run/secrets/client.crt\""),
        key("key", "\"/run/secrets/client.key\""),
        key("sni", "\"api.internal\""),
        key("verify", "true"),
    ],
    near: &[("server_name", "sni"), ("root", "ca"), ("cafile", "ca"), ("certificate", "cert")],
};

pub(in super::super) const BALANCE: Keys = Keys {
    title: "balance = { … }",
    keys: &[key("header", "\"X-Tenant\""), key("cookie", "\"srv\""), key("secret", "\"${STICKY_SECRET}\"")],
    near: &[("hash", "header"), ("sticky", "cookie"), ("name", "cookie")],
};

pub(in super::super) const PROCESS: Keys = Keys {
    title: "[process.NAME]",
    keys: &[
        key("command", "[\"node\", \"server.js\"]"),
        key("cwd", "\"/srv/api\""),
        key("env", "{ NODE_ENV = \"production\" }"),
        key("env_pass", "[\"DATABASE_URL\"]"),
        key("ready", "{ upstream = \"api\" }"),
        later("user", "processes run as the user that starts Transom"),
        later("start_timeout", ""),
        later("restart", ""),
        later("on_exit", ""),
        later("stop", ""),
        later("log", ""),
        later("depends_on", ""),
    ],
    near: &[("directory", "cwd"), ("environment", "env"), ("cmd", "command"), ("exec", "command"), ("args", "command")],
};

pub(in super::super) const READY: Keys = Keys {
    title: "ready = { … }",
    keys: &[
        key("upstream", "\"api\""),
        key("socket", "\"unix:/run/app/api.sock\""),
        later("http", "use `socket` with the same address: ready = { socket = \"http://127.0.0.1:3000\" }"),
        later("log", "use `upstream` or `socket`"),
        later("notify", "use `upstream` or `socket`"),
    ],
    near: &[],
};

pub(in super::super) const LOG: Keys = Keys {
    title: "[log]",
    keys: &[key("level", "\"info\""), key("access", "{ format = \"json\", to = \"stdout\" }")],
    near: &[("access_log", "access"), ("format", "access")],
};

pub(in super::super) const METRICS: Keys = Keys {
    title: "[metrics]",
    keys: &[key("listen", "\"127.0.0.1:9090\""), later("otlp", "Prometheus asks for `/metrics`, and `traceparent` passes traces on")],
    near: &[("address", "listen"), ("bind", "listen"), ("port", "listen"), ("prometheus", "listen")],
};

pub(in super::super) const ACCESS: Keys = Keys {
    title: "access = { … }",
    keys: &[
        key("format", "\"json\""),
        key("to", "\"stdout\""),
        key("skip", "[\"/livez\"]"),
        later("redact_query", "the access log has no way to hide parts of a query"),
    ],
    near: &[("file", "to"), ("path", "to"), ("output", "to"), ("ignore", "skip")],
};

/// Where "belongs in" looks, in the order in which it names them.
pub(in super::super) const TABLES: &[&Keys] = &[
    &SERVER,
    &TLS,
    &LIMITS,
    &TIMEOUTS,
    &COMPRESSION,
    &HEADERS,
    &CSP,
    &UPSTREAM,
    &UPSTREAM_SERVER,
    &UPSTREAM_TLS,
    &BALANCE,
    &BREAKER,
    &RETRY,
    &HEALTH,
    &PROCESS,
    &ROUTE,
    &ROUTE_TIMEOUTS,
    &ENV,
    &REWRITE,
    &ACCEL,
    &REDIRECT,
    &RESPOND,
    &LOG,
    &ACCESS,
    &READY,
];
