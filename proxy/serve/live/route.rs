//! A route that can be served: its action brought to life, and all that its responses have.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::LoadReport;
use super::roots::load_folder;
use crate::assets::{Assets, Kept, Storage, Vault};
use crate::config::{Diagnostic, Diagnostics, PublicEnvironment, Timeouts};
use crate::http::fields::FieldBlock;
use crate::plan::{self, Forwarding, Plan, RequestRules, ResponsePolicy};
use crate::serve::compress::Fixed;
use crate::serve::forward::{Target, Waiting};
use crate::serve::operations::Operations;

/// The fields that refusals say for themselves, whatever a route sets for its files.
pub const OF_REFUSALS: [HeaderName; 4] = [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER, header::ALLOW];

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

impl LiveAction {
    /// Brings the action of a route to life. What it stores is taken from `storage`, and is not there for the routes that follow.
    pub(super) fn load(
        route: &plan::Route,
        (plan, now, storage): (&Plan, SystemTime, &mut Storage),
        report: &mut LoadReport,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        Some(match &route.action {
            plan::Action::NotFound => Self::NotFound,
            plan::Action::Proxy { upstream, strip, forwarding } => {
                let vault = match forwarding.accel.as_ref().map(|accel| (accel, Vault::open(accel))) {
                    None => None,
                    Some((_, Ok(vault))) => Some(Arc::new(vault)),
                    Some((accel, Err(error))) => {
                        diagnostics.push(Diagnostic::new(accel.root.span, error.to_string()).help("make the folder, or correct the path"));
                        return None;
                    }
                };
                Self::Forward { group: *upstream, strip: strip.clone(), forwarding: forwarding.clone(), vault }
            }
            plan::Action::Redirect { to, status } => {
                let keeps_query = !to.as_bytes().contains(&b'?');
                Self::Redirect { status: *status, to: to.clone(), keeps_query }
            }
            plan::Action::Respond { status, body, content_type } => {
                let block = route.response.block(vec![(header::CONTENT_TYPE, content_type.clone())]);
                let body = Bytes::copy_from_slice(body.as_bytes());
                Self::Respond { status: *status, content: Fixed::new(block, body, &plan.compression) }
            }
            plan::Action::Root(folder) => match load_folder(folder, &route.response, (plan.coded_files, now, *storage), None) {
                Ok((assets, summary)) => {
                    storage.take(assets.taken());
                    report.files += summary.files;
                    report.bytes += summary.memory_bytes + summary.disk_bytes;
                    report.warnings.extend(folder.env.iter().flat_map(PublicEnvironment::warnings));
                    report.warnings.extend(summary.warnings.iter().map(ToString::to_string));
                    Self::Assets(Arc::new(assets))
                }
                Err(error) => {
                    let span = error.span().unwrap_or(folder.root.span);
                    diagnostics.push(Diagnostic::new(span, error.to_string()).help("build the app, or correct the path"));
                    return None;
                }
            },
        })
    }
}

impl LiveRoute {
    pub(super) fn new(route: &plan::Route, action: LiveAction, kept: Kept) -> Self {
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

fn refusal_block(policy: &ResponsePolicy) -> FieldBlock {
    FieldBlock::new(policy.decorate(Vec::new()).into_iter().filter(|(name, _)| !OF_REFUSALS.contains(name)))
}
