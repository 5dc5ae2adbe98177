//! A plan brought to life: files loaded, servers known, certificate ready. Built whole or not at all; read by every request, written by none.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::assets::{self, Assets};
use crate::config::{Diagnostic, Diagnostics, Folder};
use crate::http::fields::FieldBlock;
use crate::http::host;
use crate::plan::{self, Plan, RequestRules, ResponsePolicy};
use crate::tls::Acceptor;
use crate::upstream::Server;

/// Larger files stay on disk: a folder of films must not become memory.
const MEMORY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What serves.
pub struct Live {
    plan: Plan,
    routes: Vec<LiveRoute>,
    servers: Vec<Server>,
    tls: Option<Acceptor>,
    https_port: Option<u16>,
    /// Index of the route that answers `/`.
    site: usize,
}

/// A route that can be served.
pub(crate) struct LiveRoute {
    pub(crate) action: LiveAction,
    /// What its responses have beside their own fields.
    pub(crate) policy: ResponsePolicy,
    /// The policy alone, for refusals and other answers of our own.
    pub(crate) block: FieldBlock,
    /// The policy for refusals, whose type and lifetime are not the operator's to set: an error must not be kept for a year because the files beside
    /// it are.
    pub(crate) refusal_block: FieldBlock,
    /// What requests get on their way to an upstream.
    pub(crate) request_rules: RequestRules,
}

/// What a route does.
pub(crate) enum LiveAction {
    Assets(Box<Assets>),
    Forward { server: usize, strip: String },
    Redirect { status: StatusCode, to: HeaderValue, keeps_query: bool },
    Respond { status: StatusCode, block: FieldBlock, body: Bytes },
    NotFound,
}

/// What was loaded, for the start log.
#[derive(Debug, Default)]
pub struct LoadReport {
    /// Files and bytes of all roots.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What the operator should know: skipped files, odd certificates.
    pub warnings: Vec<String>,
}

impl Live {
    /// Loads what the plan names. `tls` is the acceptor for the TLS listeners, if there are any.
    ///
    /// # Errors
    /// Everything that is missing or cannot be read, with the place that names it.
    pub fn build(plan: Plan, tls: Option<Acceptor>, now: SystemTime) -> Result<(Self, LoadReport), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let mut report = LoadReport::default();
        let mut routes = Vec::with_capacity(plan.routes.len());
        for route in &plan.routes {
            if let Some(action) = load_action(route, now, &mut report, &mut diagnostics) {
                routes.push(LiveRoute {
                    action,
                    policy: route.response.clone(),
                    block: route.response.block(Vec::new()),
                    refusal_block: refusal_block(&route.response),
                    request_rules: route.request.clone(),
                });
            }
        }
        let mut servers = Vec::with_capacity(plan.upstreams.len());
        for upstream in &plan.upstreams {
            match Server::new(upstream, plan.timeouts.tcp_keepalive) {
                Ok(server) => servers.push(server),
                Err(error) => {
                    diagnostics.push(Diagnostic::new(upstream.span, error.message).help("use a shorter path, such as one below /run"))
                }
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let site = plan.router.route(b"/").route;
        Ok((Self { plan, routes, servers, tls, https_port: None, site }, report))
    }

    /// Tells the port that redirects to TLS name, once it is bound.
    pub fn set_https_port(&mut self, port: Option<u16>) {
        self.https_port = port;
    }

    /// The plan it was built from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn tls(&self) -> Option<&Acceptor> {
        self.tls.as_ref()
    }

    pub(crate) fn https_port(&self) -> Option<u16> {
        self.https_port
    }

    /// The route with this index; the plan's router gives no other.
    pub(crate) fn route(&self, index: usize) -> &LiveRoute {
        self.routes.get(index).unwrap_or_else(|| self.fallback())
    }

    /// The index of a route of this plan.
    pub(crate) fn index_of(&self, route: &LiveRoute) -> Option<usize> {
        self.routes.iter().position(|known| std::ptr::eq(known, route))
    }

    /// The route of last resort, whose policy also dresses what is refused before it is routed.
    #[expect(clippy::expect_used, reason = "a plan is compiled with a last route, whatever the config says")]
    pub(crate) fn fallback(&self) -> &LiveRoute {
        self.routes.last().expect("a plan has a last route")
    }

    /// The route that answers `/`: what is not said elsewhere about the whole site, is said there.
    pub(crate) fn site(&self) -> Option<&LiveRoute> {
        self.routes.get(self.site)
    }

    /// The server with this index.
    pub(crate) fn server(&self, index: usize) -> Option<&Server> {
        self.servers.get(index)
    }

    /// `true` when clients can trust the certificate: not the development one.
    pub(crate) fn has_real_certificate(&self) -> bool {
        matches!(self.plan.tls, Some(crate::config::Tls::Files { .. }))
    }

    /// `true` when this authority is served.
    pub(crate) fn serves(&self, authority: Option<&[u8]>) -> bool {
        if self.plan.names.is_empty() {
            return true;
        }
        let Some(host) = authority.and_then(host::parse) else { return false };
        let name = host.name.strip_suffix(b".").unwrap_or(host.name);
        self.plan.names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
    }
}

fn refusal_block(policy: &ResponsePolicy) -> FieldBlock {
    let ours = [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER, header::ALLOW];
    FieldBlock::new(policy.decorate(Vec::new()).into_iter().filter(|(name, _)| !ours.contains(name)))
}

fn load_action(route: &plan::Route, now: SystemTime, report: &mut LoadReport, diagnostics: &mut Diagnostics) -> Option<LiveAction> {
    Some(match &route.action {
        plan::Action::NotFound => LiveAction::NotFound,
        plan::Action::Proxy { upstream, strip } => LiveAction::Forward { server: *upstream, strip: strip.clone() },
        plan::Action::Redirect { to, status } => {
            let keeps_query = !to.as_bytes().contains(&b'?');
            LiveAction::Redirect { status: *status, to: to.clone(), keeps_query }
        }
        plan::Action::Respond { status, body, content_type } => LiveAction::Respond {
            status: *status,
            block: route.response.block(vec![(header::CONTENT_TYPE, content_type.clone())]),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
        plan::Action::Root(Folder { root, index, spa, errors, listing }) => {
            let decorate = |fields| route.response.decorate(fields);
            let options = assets::Options {
                index,
                spa: spa.as_ref().map(|spa| spa.value.as_str()),
                errors,
                listing: *listing,
                decorate: &decorate,
                memory_file_bytes_max: MEMORY_FILE_BYTES_MAX,
                now,
            };
            match Assets::load(&root.value, &options) {
                Ok((assets, summary)) => {
                    report.files += summary.files;
                    report.bytes += summary.memory_bytes + summary.disk_bytes;
                    report.warnings.extend(summary.warnings.iter().map(ToString::to_string));
                    LiveAction::Assets(Box::new(assets))
                }
                Err(error) => {
                    let span = error.span().unwrap_or(root.span);
                    diagnostics.push(Diagnostic::new(span, error.to_string()).help("build the app, or correct the path"));
                    return None;
                }
            }
        }
    })
}
