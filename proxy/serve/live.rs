//! A plan brought to life: files loaded, servers known, certificate ready. Built whole or not at all; read by every request, written by none: a
//! change is a new one (`current`). A `route` is what requests are answered by, and `roots` are those of them that have files.

mod roots;
mod route;

use std::sync::Arc;
use std::time::SystemTime;

use super::forward::{Spool, Waiting};
use super::operations::Operations;
use crate::assets::{Assets, Kept};
use crate::config::Diagnostics;
use crate::http::host;
use crate::plan::{self, Plan};
use crate::tls::Acceptor;
use crate::upstream::{self, Group};

pub use roots::{Root, begin_coding};
pub use route::OF_REFUSALS;
pub(crate) use route::{LiveAction, LiveRoute};

/// What serves. Its parts are shared with the one that it was made from, so that a new build of one root costs that root alone.
pub struct Live {
    plan: Arc<Plan>,
    routes: Vec<Arc<LiveRoute>>,
    groups: Arc<[Group]>,
    tls: Option<Acceptor>,
    https_port: Option<u16>,
    /// Index of the route that answers `/`.
    site: usize,
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
        let mut storage = roots::storage(&plan);
        let mut routes = Vec::with_capacity(plan.routes.len());
        let spool = Arc::new(Spool::new(&plan.buffering));
        for route in &plan.routes {
            if let Some(action) = LiveAction::load(route, (&plan, now, &mut storage), &mut report, &mut diagnostics) {
                let mut live = LiveRoute::new(route, action, Kept::default());
                live.waiting = Waiting::new(route, &plan, &spool);
                routes.push(Arc::new(live));
            }
        }
        Waiting::check(&plan, &spool, &mut diagnostics);
        let resolver = upstream::Resolver::new(&plan.resolver);
        let settings = upstream::Settings { tcp_keepalive: plan.timeouts.tcp_keepalive, resolver, roots: upstream::SystemRoots::default() };
        let mut groups = Vec::with_capacity(plan.upstreams.len());
        for upstream in &plan.upstreams {
            match Group::new(upstream, &settings) {
                Ok(group) => groups.push(group),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let site = plan.router.route(b"/").route;
        Ok((Self { plan: Arc::new(plan), routes, groups: groups.into(), tls, https_port: None, site }, report))
    }

    /// The same with another build behind one route.
    #[must_use]
    pub fn with_build(&self, route: usize, assets: Arc<Assets>, kept: Kept) -> Self {
        let mut routes = self.routes.clone();
        if let (Some(live), Some(planned)) = (routes.get_mut(route), self.plan.routes.get(route)) {
            *live = Arc::new(LiveRoute::new(planned, LiveAction::Assets(assets), kept));
        }
        self.with_routes(routes)
    }

    /// The same with this behind every path that no route has.
    pub(super) fn answering(mut self, operations: Operations) -> Self {
        if let (Some(live), Some(planned)) = (self.routes.last_mut(), self.plan.routes.last()) {
            *live = Arc::new(LiveRoute::new(planned, LiveAction::Operations(operations), Kept::default()));
        }
        self
    }

    /// The same without its files: where they were, nothing is found.
    pub(super) fn without_files(&self) -> Self {
        let without = |(live, planned): (&Arc<LiveRoute>, &plan::Route)| match live.action {
            LiveAction::Assets(_) => Arc::new(LiveRoute::new(planned, LiveAction::NotFound, Kept::default())),
            LiveAction::Forward { .. }
            | LiveAction::Redirect { .. }
            | LiveAction::Respond { .. }
            | LiveAction::Operations(_)
            | LiveAction::NotFound => Arc::clone(live),
        };
        self.with_routes(self.routes.iter().zip(&self.plan.routes).map(without).collect())
    }

    fn with_routes(&self, routes: Vec<Arc<LiveRoute>>) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            routes,
            groups: Arc::clone(&self.groups),
            tls: self.tls.clone(),
            https_port: self.https_port,
            site: self.site,
        }
    }

    /// Tells the port that redirects to TLS name, once it is bound.
    pub fn set_https_port(&mut self, port: Option<u16>) {
        self.https_port = port;
    }

    /// Begins to look whether servers are well, on the runtime that this is called on; they are shared by all that is made from this.
    pub fn begin_checks(&self) -> upstream::Checks {
        upstream::Checks::start(&self.groups, self.plan.timeouts.connect)
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
        self.routes.get(index).map_or_else(|| self.fallback(), Arc::as_ref)
    }

    /// The index of a route of this plan.
    pub(crate) fn index_of(&self, route: &LiveRoute) -> Option<usize> {
        self.routes.iter().position(|known| std::ptr::eq(known.as_ref(), route))
    }

    /// The route of last resort, whose policy also dresses what is refused before it is routed.
    #[expect(clippy::expect_used, reason = "a plan is compiled with a last route, whatever the config says")]
    pub(crate) fn fallback(&self) -> &LiveRoute {
        self.routes.last().expect("a plan has a last route")
    }

    /// The route that answers `/`: what is not said elsewhere about the whole site, is said there.
    pub(crate) fn site(&self) -> Option<&LiveRoute> {
        self.routes.get(self.site).map(Arc::as_ref)
    }

    /// All groups of servers; they outlive this, for they are shared by all that is made from it.
    pub fn groups(&self) -> &Arc<[Group]> {
        &self.groups
    }

    /// The group of servers with this index.
    pub(crate) fn group(&self, index: usize) -> Option<&Group> {
        self.groups.get(index)
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
