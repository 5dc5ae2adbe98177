//! A plan brought to life: files loaded, servers known, certificate ready. Built whole or not at all; read by every request, written by none: a
//! change is a new one (`current`).

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::compress::Fixed;
use super::forward::{Spool, Target, Waiting};
use super::operations::Operations;
use crate::assets::{self, Assets, Delivery, Kept, LoadError, PageOptions, Storage, Summary, Taken, Vault};
use crate::config::{CodedFiles, Diagnostic, Diagnostics, Folder, PublicEnvironment, Timeouts};
use crate::http::fields::FieldBlock;
use crate::http::{host, path};
use crate::plan::{self, Forwarding, Plan, RequestRules, ResponsePolicy};
use crate::tls::Acceptor;
use crate::units::Scheme;
use crate::upstream::{self, Group};

/// Larger files stay on disk: a folder of films must not become memory.
const MEMORY_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Files on disk that are kept open at most: each takes about a kilobyte of the kernel's memory.
const OPEN_FILES_MAX: usize = 4096;
/// And at most one of so many descriptors: connections need them, and while a new build is loaded there are two sets.
const DESCRIPTORS_PER_OPEN_FILE: u64 = 4;

/// The fields that refusals say for themselves, whatever a route sets for its files.
pub const OF_REFUSALS: [HeaderName; 4] = [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER, header::ALLOW];

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

/// A route that can be served.
pub(crate) struct LiveRoute {
    pub(crate) action: LiveAction,
    /// Files of earlier builds that pages which are still open may ask for.
    pub(crate) kept: Kept,
    /// What its responses have beside their own fields.
    pub(crate) policy: ResponsePolicy,
    /// The policy alone, for refusals and other answers of our own.
    pub(crate) block: FieldBlock,
    /// The policy for refusals, whose type and lifetime are not the operator's to set: an error must not be kept for a year because the files beside
    /// it are.
    pub(crate) refusal_block: FieldBlock,
    /// What requests get on their way to an upstream.
    pub(crate) request_rules: RequestRules,
    /// Where and how long bodies wait before the upstream gets any of them.
    pub(crate) waiting: Option<Waiting>,
    /// Deadlines.
    pub(crate) timeouts: Timeouts,
}

/// What a route does.
pub(crate) enum LiveAction {
    Assets(Arc<Assets>),
    Forward {
        group: usize,
        strip: String,
        forwarding: Forwarding,
        vault: Option<Arc<Vault>>,
    },
    Redirect {
        status: StatusCode,
        to: HeaderValue,
        keeps_query: bool,
    },
    Respond {
        status: StatusCode,
        content: Fixed,
    },
    /// Tell how things stand.
    Operations(Operations),
    NotFound,
}

/// A root that is served.
#[derive(Debug, Clone)]
pub struct Root {
    /// Index of its route.
    pub route: usize,
    /// Where its files are, and how they are served.
    pub folder: Folder,
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
        let mut storage = storage(&plan);
        let mut routes = Vec::with_capacity(plan.routes.len());
        let spool = Arc::new(Spool::new(&plan.buffering));
        for route in &plan.routes {
            if let Some(action) = load_action(route, (&plan, now, &mut storage), &mut report, &mut diagnostics) {
                let mut live = LiveRoute::new(route, action, Kept::default());
                live.waiting = Waiting::new(route, &plan, &spool);
                routes.push(Arc::new(live));
            }
        }
        Waiting::check(&plan, &spool, &mut diagnostics);
        let resolver = upstream::Resolver::new(&plan.resolver);
        let settings = upstream::Settings { tcp_keepalive: plan.timeouts.tcp_keepalive, resolver };
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

    /// The roots that are served.
    pub fn roots(&self) -> Vec<Root> {
        let folder = |route: &plan::Route| match &route.action {
            plan::Action::Root(folder) => Some(folder.clone()),
            plan::Action::NotFound | plan::Action::Proxy { .. } | plan::Action::Redirect { .. } | plan::Action::Respond { .. } => None,
        };
        self.plan.routes.iter().enumerate().filter_map(|(route, planned)| Some(Root { route, folder: folder(planned)? })).collect()
    }

    /// What the route with this index serves its files from, and the files of earlier builds that it still has.
    pub fn build_of(&self, route: usize) -> Option<(&Arc<Assets>, &Kept)> {
        let route = self.routes.get(route)?;
        match &route.action {
            LiveAction::Assets(assets) => Some((assets, &route.kept)),
            LiveAction::Forward { .. }
            | LiveAction::Redirect { .. }
            | LiveAction::Respond { .. }
            | LiveAction::Operations(_)
            | LiveAction::NotFound => None,
        }
    }

    /// Loads a root as it is now, beside what serves; of that, what is unchanged is taken over.
    ///
    /// # Errors
    /// When it cannot be read, or is not what the plan says.
    pub fn load_root(&self, root: &Root, now: SystemTime) -> Result<(Assets, Summary), LoadError> {
        let left = self.left_beside(root.route);
        load_folder(
            &root.folder,
            &self.route(root.route).policy,
            (self.plan.coded_files, now, left),
            self.build_of(root.route).map(|(assets, _)| &**assets),
        )
    }

    /// What the files of one root may take, beside all that those of the others do.
    fn left_beside(&self, route: usize) -> Storage {
        let mut left = storage(&self.plan);
        for (_, other) in self.routes.iter().enumerate().filter(|&(index, _)| index != route) {
            if let LiveAction::Assets(assets) = &other.action {
                left.take(assets.taken());
                left.take(Taken { memory_bytes: other.kept.memory_bytes(), open_files: 0 });
            }
        }
        left
    }

    /// Bytes of memory that are left for more than the files of this build at a route.
    pub fn room_beside(&self, route: usize, assets: &Assets) -> u64 {
        let mut left = self.left_beside(route);
        left.take(assets.taken());
        left.memory_bytes_max
    }

    /// Bytes of memory that all files take, with what is kept about them.
    pub fn memory_bytes(&self) -> u64 {
        let all = storage(&self.plan).memory_bytes_max;
        all.saturating_sub(self.left_beside(usize::MAX).memory_bytes_max)
    }

    /// What the page of a build asks for at once that the build does not have, as far as it is this root that would answer.
    pub fn missing_references(&self, root: &Root, assets: &Assets) -> Vec<String> {
        let is_missing = |reference: &String| {
            let Ok(path) = path::normalize(reference.as_bytes()) else { return false };
            let matched = self.plan.router.route(&path);
            matched.route == root.route && path.get(matched.covered_bytes..).is_some_and(|below| !assets.has_file(below))
        };
        assets.page_references().into_iter().filter(is_missing).collect()
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

    /// Begins what is done for the files while they are served. A plan that is only checked does not need it.
    pub fn begin_coding(&self) {
        for (index, route) in self.routes.iter().enumerate() {
            if let LiveAction::Assets(assets) = &route.action {
                begin_coding(assets, self.room_beside(index, assets));
            }
        }
    }

    /// Begins to look whether servers are well, on the runtime that this is called on; they are shared by all that is made from this.
    pub fn begin_checks(&self) -> upstream::Checks {
        upstream::Checks::start(&self.groups, self.plan.timeouts.connect)
    }

    /// The groups of servers, for whoever knows something of them.
    pub fn shared_groups(&self) -> Arc<[Group]> {
        Arc::clone(&self.groups)
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

    /// All groups of servers.
    pub fn groups(&self) -> &[Group] {
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

impl LiveRoute {
    fn new(route: &plan::Route, action: LiveAction, kept: Kept) -> Self {
        Self {
            action,
            kept,
            policy: route.response.clone(),
            block: route.response.block(Vec::new()),
            refusal_block: refusal_block(&route.response),
            request_rules: route.request.clone(),
            waiting: None,
            timeouts: route.timeouts,
        }
    }

    /// Where the route forwards to, if it does.
    pub(crate) fn target(&self) -> Option<Target<'_>> {
        match &self.action {
            LiveAction::Forward { group, strip, forwarding, vault } => {
                Some(Target { group: *group, strip, forwarding, vault: vault.as_ref() })
            }
            LiveAction::Assets(_)
            | LiveAction::Redirect { .. }
            | LiveAction::Respond { .. }
            | LiveAction::Operations(_)
            | LiveAction::NotFound => None,
        }
    }
}

/// Begins what is done for the files of one root while they are served, in no more memory than `room_bytes`.
pub fn begin_coding(assets: &Assets, room_bytes: u64) {
    if let Err(error) = assets.begin_coding(room_bytes) {
        tracing::warn!(%error, "no thread to compress files in: those without siblings are served as they are");
    }
}

fn refusal_block(policy: &ResponsePolicy) -> FieldBlock {
    FieldBlock::new(policy.decorate(Vec::new()).into_iter().filter(|(name, _)| !OF_REFUSALS.contains(name)))
}

/// What all roots together may take.
fn storage(plan: &Plan) -> Storage {
    let listens = |scheme| plan.listeners.iter().any(|listener| listener.scheme == scheme);
    let delivery = match (listens(Scheme::Http), listens(Scheme::Https)) {
        (true, true) if plan.https_redirect.is_none() => Delivery::Both,
        (_, true) => Delivery::Encrypted,
        (_, false) => Delivery::Plain,
    };
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let open_files_max = usize::try_from(descriptors / DESCRIPTORS_PER_OPEN_FILE).unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX);
    Storage { memory_bytes_max: plan.limits.assets_memory.0, open_files_max, delivery }
}

fn load_folder(
    folder: &Folder,
    policy: &ResponsePolicy,
    (coded, now, storage): (CodedFiles, SystemTime, Storage),
    previous: Option<&Assets>,
) -> Result<(Assets, Summary), LoadError> {
    let decorate = |fields| policy.decorate(fields);
    let options = assets::Options {
        index: &folder.index,
        spa: folder.spa.as_ref().map(|spa| spa.value.as_str()),
        errors: &folder.errors,
        listing: folder.listing,
        environment: folder.env.as_ref(),
        pages: PageOptions { early_hints: folder.early_hints, nonce: policy.nonced.is_some() },
        decorate: &decorate,
        memory_file_bytes_max: MEMORY_FILE_BYTES_MAX,
        storage,
        now,
        selection: &folder.selection,
        coded: assets::CodedSources { siblings: coded.precompressed, compress: coded.compress },
        previous,
    };
    Assets::load(&folder.root.value, &options)
}

/// Brings the action of a route to life. What it stores is taken from `storage`, and is not there for the routes that follow.
fn load_action(
    route: &plan::Route,
    (plan, now, storage): (&Plan, SystemTime, &mut Storage),
    report: &mut LoadReport,
    diagnostics: &mut Diagnostics,
) -> Option<LiveAction> {
    Some(match &route.action {
        plan::Action::NotFound => LiveAction::NotFound,
        plan::Action::Proxy { upstream, strip, forwarding } => {
            let vault = match forwarding.accel.as_ref().map(|accel| (accel, Vault::open(accel))) {
                None => None,
                Some((_, Ok(vault))) => Some(Arc::new(vault)),
                Some((accel, Err(error))) => {
                    diagnostics.push(Diagnostic::new(accel.root.span, error.to_string()).help("make the folder, or correct the path"));
                    return None;
                }
            };
            LiveAction::Forward { group: *upstream, strip: strip.clone(), forwarding: forwarding.clone(), vault }
        }
        plan::Action::Redirect { to, status } => {
            let keeps_query = !to.as_bytes().contains(&b'?');
            LiveAction::Redirect { status: *status, to: to.clone(), keeps_query }
        }
        plan::Action::Respond { status, body, content_type } => {
            let block = route.response.block(vec![(header::CONTENT_TYPE, content_type.clone())]);
            let body = Bytes::copy_from_slice(body.as_bytes());
            LiveAction::Respond { status: *status, content: Fixed::new(block, body, &plan.compression) }
        }
        plan::Action::Root(folder) => match load_folder(folder, &route.response, (plan.coded_files, now, *storage), None) {
            Ok((assets, summary)) => {
                storage.take(assets.taken());
                report.files += summary.files;
                report.bytes += summary.memory_bytes + summary.disk_bytes;
                report.warnings.extend(folder.env.iter().flat_map(PublicEnvironment::warnings));
                report.warnings.extend(summary.warnings.iter().map(ToString::to_string));
                LiveAction::Assets(Arc::new(assets))
            }
            Err(error) => {
                let span = error.span().unwrap_or(folder.root.span);
                diagnostics.push(Diagnostic::new(span, error.to_string()).help("build the app, or correct the path"));
                return None;
            }
        },
    })
}
