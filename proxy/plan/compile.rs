//! Config → plan: every reference between tables is resolved, every mistake between them is told.

use super::headers::{RequestRules, ResponsePolicy};
use super::upstreams::Upstreams;
use super::{Action, Forwarding, Plan, PlannedProcess, Route, RouteOrigin, Router, listeners, metrics};
use crate::config::{self, Config, Diagnostic, Diagnostics, HeaderRules, PathPattern, Ready, Span, Spanned};
use crate::units::ServerUrl;

/// Compiles a config.
///
/// # Errors
/// All mistakes that only show between tables, with their places.
pub fn compile(config: Config) -> Result<Plan, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let listeners = listeners::compile(&config, &mut diagnostics);
    let metrics = metrics::compile(&config, &listeners, &mut diagnostics);
    let mut upstreams = Upstreams::new(&config.upstreams);
    let mut router = Router::new(config.routes.len());
    let mut routes = Vec::with_capacity(config.routes.len() + 1);
    let mut spans: Vec<Span> = Vec::with_capacity(config.routes.len());
    for (index, route) in config.routes.iter().enumerate() {
        add_patterns(&mut router, route, index, &spans, &mut diagnostics);
        spans.push(route.span);
        routes.push(compile_route(route, &config, &mut upstreams, &mut diagnostics));
    }
    routes.push(Route {
        action: Action::NotFound,
        response: ResponsePolicy::merge(&config.headers, &HeaderRules::default()),
        request: RequestRules::default(),
        buffer_request: None,
        timeouts: config.timeouts,
        origin: None,
    });
    let processes = config.processes.iter().map(|process| compile_process(process, &upstreams, &mut diagnostics)).collect();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    Ok(Plan {
        listeners,
        names: config.server.names.into_iter().map(|name| name.value).collect(),
        http: config.server.http,
        tls_span: config.tls.as_ref().map_or_else(Span::default, |tls| tls.span),
        tls: config.tls.map(|tls| tls.value),
        https_redirect: config.server.https_redirect,
        trusted_proxies: config.server.trusted_proxies,
        proxy_protocol: config.server.proxy_protocol,
        traceparent: config.server.traceparent,
        grace: config.server.grace,
        limits: config.limits,
        buffering: config.buffering,
        timeouts: config.timeouts,
        coded_files: config.coded_files,
        compression: config.compression,
        router,
        routes,
        upstreams: upstreams.into_list(),
        resolver: config.server.resolver,
        processes,
        log_level: config.log.level,
        access_log: config.log.access,
        metrics,
    })
}

fn add_patterns(router: &mut Router, route: &config::Route, index: usize, spans: &[Span], diagnostics: &mut Diagnostics) {
    for pattern in &route.patterns {
        let (taken, path) = match &pattern.value {
            PathPattern::Exact(path) => (router.add_exact(path, index), path),
            PathPattern::Prefix(path) => (router.add_prefix(path, index), path),
        };
        let Some(taken) = taken else { continue };
        let diagnostic = Diagnostic::new(pattern.span, format!("two routes match `{path}`")).label("matched here again");
        diagnostics.push(match spans.get(taken) {
            Some(&span) => {
                diagnostic.related(span, "first in this route").help("the longest match wins, so each path can stand once: remove one")
            }
            None => diagnostic.help("the same path stands twice in this route: remove one"),
        });
    }
}

fn compile_route(route: &config::Route, config: &Config, upstreams: &mut Upstreams, diagnostics: &mut Diagnostics) -> Route {
    let action = match &route.action.value {
        config::Action::Proxy { target, strip, options } => {
            let strip = strip.as_ref().map(|strip| check_strip(strip, route, diagnostics)).unwrap_or_default();
            let upstream = upstreams.resolve(target, diagnostics);
            let forwarding = Forwarding::new(options, upstreams.servers(upstream));
            Action::Proxy { upstream, strip, forwarding }
        }
        config::Action::Root(folder) => Action::Root(folder.clone()),
        config::Action::Redirect { to, status } => Action::Redirect { to: to.clone(), status: *status },
        config::Action::Respond { status, body, content_type } => {
            Action::Respond { status: *status, body: body.clone(), content_type: content_type.clone() }
        }
    };
    Route {
        action,
        response: ResponsePolicy::merge(&config.headers, &route.response_headers),
        request: RequestRules::new(&route.request_headers),
        buffer_request: route.buffer_request.clone(),
        timeouts: route.timeouts.over(config.timeouts),
        origin: Some(RouteOrigin { patterns: route.patterns.clone(), action: route.action.span }),
    }
}

/// A prefix that some pattern of the route does not begin with would be stripped from some requests and not from others.
fn check_strip(strip: &Spanned<String>, route: &config::Route, diagnostics: &mut Diagnostics) -> String {
    let prefix = strip.value.trim_end_matches('/');
    for pattern in &route.patterns {
        let (PathPattern::Exact(path) | PathPattern::Prefix(path)) = &pattern.value;
        if !crate::http::path::is_below(path.as_bytes(), if prefix.is_empty() { b"/" } else { prefix.as_bytes() }) {
            diagnostics.push(
                Diagnostic::new(strip.span, format!("`strip` cannot take `{prefix}` off paths that match `{path}`"))
                    .related(pattern.span, "this path does not begin with it")
                    .help("strip a prefix that every path of the route begins with"),
            );
        }
    }
    prefix.to_owned()
}

fn compile_process(process: &config::Process, upstreams: &Upstreams, diagnostics: &mut Diagnostics) -> PlannedProcess {
    let ready = process.ready.as_ref().and_then(|ready| match &ready.value {
        Ready::Socket(ServerUrl { address, .. }) => Some(address.clone()),
        Ready::Upstream(name) => upstreams.only_server(name, ready.span, diagnostics),
    });
    PlannedProcess { process: process.clone(), ready }
}
