//! The keys of a route, and of the tables within it.

use super::Keys;
use super::tables::{key, later};

pub(in super::super) const ROUTE: Keys = Keys {
    title: "[[route]]",
    keys: &[
        key("path", "\"/api\""),
        key("exact", "\"/livez\""),
        key("proxy", "\"http://127.0.0.1:3000\""),
        key("strip", "\"/api\""),
        key("host", "\"keep\""),
        key("rewrite", "{ from = \"^/v1/(.*)$\", to = \"/$1\" }"),
        key("accel", "{ prefix = \"/protected/\", root = \"/srv/files\" }"),
        key("root", "\"dist\""),
        key("index", "[\"index.html\"]"),
        key("spa", "true"),
        key("watch", "false"),
        key("keep_previous", "\"1h\""),
        key("try", "[\"{path}\", \"{path}.html\", \"{path}/\"]"),
        key("hidden", "false"),
        key("symlinks", "\"inside\""),
        key("mime", "{ \".webmanifest\" = \"application/manifest+json\" }"),
        key("immutable", "[\"/assets/*\", \"*.[hash].*\"]"),
        key("html_cache", "\"no-cache\""),
        key("early_hints", "true"),
        key("env", "{ file = \"/env.js\", keys = [\"PUBLIC_*\"] }"),
        key("errors", "{ 404 = \"/404.html\", 5xx = \"/50x.html\" }"),
        key("listing", "true"),
        key("redirect", "\"/new\""),
        key("respond", "{ status = 200, body = \"ok\\n\" }"),
        key("headers", "{ response = { set = { \"Cache-Control\" = \"no-store\" } } }"),
        key("buffer_request", "true"),
        key("timeouts", "{ response = \"5m\" }"),
        later("limits", "`[limits]` counts for every route"),
        later("rate", "requests are not counted"),
        later("cors", "answer it in the API, or set the headers in `headers.response.set`"),
        later("cache", "responses of upstreams are not kept"),
        later("allow", "every address is served"),
        later("auth", "ask for credentials in the API"),
        later("etag", "ETags are made from the content"),
        later("compression", "`[compression]` counts for every route; `Cache-Control: no-transform` in a response turns it off"),
    ],
    near: &[
        ("proxy_pass", "proxy"),
        ("proxy_request_buffering", "buffer_request"),
        ("timeout", "timeouts"),
        ("location", "path"),
        ("prefix", "path"),
        ("upstream", "proxy"),
        ("return", "redirect"),
        ("proxy_set_header", "headers"),
        ("internal", "accel"),
        ("sendfile", "accel"),
        ("try_files", "spa"),
        ("fallback", "spa"),
        ("keep", "keep_previous"),
        ("reload", "watch"),
        ("alias", "root"),
        ("error_page", "errors"),
        ("autoindex", "listing"),
        ("static", "root"),
        ("header", "headers"),
        ("add_header", "headers"),
        ("strip_prefix", "strip"),
        ("types", "mime"),
        ("dotfiles", "hidden"),
        ("response", "respond"),
    ],
};

pub(in super::super) const ROUTE_TIMEOUTS: Keys = Keys {
    title: "timeouts of [[route]]",
    keys: &[
        key("response", "\"5m\""),
        key("idle", "\"60s\""),
        key("stream", "\"0s\""),
        later("connect", "`[timeouts]` counts for every route"),
    ],
    near: &[("proxy_read_timeout", "response"), ("read", "response"), ("websocket", "stream")],
};

pub(in super::super) const REWRITE: Keys = Keys {
    title: "rewrite = { … }",
    keys: &[key("from", "\"^/v1/(.*)$\""), key("to", "\"/$1\"")],
    near: &[("pattern", "from"), ("regex", "from"), ("match", "from"), ("replacement", "to"), ("with", "to")],
};

pub(in super::super) const ACCEL: Keys = Keys {
    title: "accel = { … }",
    keys: &[key("prefix", "\"/protected/\""), key("root", "\"/srv/files\"")],
    near: &[("location", "prefix"), ("alias", "root"), ("path", "prefix")],
};

pub(in super::super) const ROUTE_HEADERS: Keys = Keys {
    title: "headers of [[route]]",
    keys: &[key("request", "{ set = { \"X-Real-Route\" = \"api\" } }"), key("response", "{ set = { \"Cache-Control\" = \"no-store\" } }")],
    near: &[("set", "response.set"), ("remove", "response.remove")],
};

pub(in super::super) const HEADER_RULES: Keys = Keys {
    title: "headers.response of [[route]]",
    keys: &[key("set", "{ \"Cache-Control\" = \"no-store\" }"), key("remove", "[\"Server\"]")],
    near: &[("add", "set"), ("delete", "remove")],
};

pub(in super::super) const ENV: Keys = Keys {
    title: "env = { … }",
    keys: &[key("file", "\"/env.js\""), key("global", "\"__ENV__\""), key("keys", "[\"PUBLIC_*\"]")],
    near: &[("names", "keys"), ("allow", "keys"), ("vars", "keys"), ("path", "file"), ("variable", "global")],
};

pub(in super::super) const REDIRECT: Keys = Keys {
    title: "redirect = { … }",
    keys: &[key("to", "\"/new\""), key("status", "308")],
    near: &[("code", "status"), ("url", "to"), ("location", "to")],
};

pub(in super::super) const RESPOND: Keys = Keys {
    title: "respond = { … }",
    keys: &[key("status", "200"), key("body", "\"ok\\n\""), key("type", "\"text/plain; charset=utf-8\"")],
    near: &[("code", "status"), ("text", "body"), ("content_type", "type")],
};
