//! Whether, where and how long the bodies of a route wait before its upstream gets any of them.

use std::sync::Arc;

use super::spool::Spool;
use crate::config::{BufferRequest, Buffering, Diagnostic, Diagnostics, Retry, RetryMethods};
use crate::http::request::Method;
use crate::plan::{Action, Plan, Route};
use crate::serve::exchange::{BodyLength, RequestBody};

/// How a route waits for bodies.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// Where they wait.
    pub(crate) spool: Arc<Spool>,
    /// How much of one is waited for.
    pub(crate) until: BufferRequest,
    /// Which wait.
    bodies: Bodies,
}

/// Which bodies wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bodies {
    /// All, because the route says so (`buffer_request`).
    All,
    /// Short ones of requests that may be sent again, so that they can be: a PUT is to outlast the restart of its server as a GET does.
    Repeatable { bytes_max: u64 },
}

/// Bodies of repeatable requests up to this length wait: they come in one or two reads, and in memory.
const REPEATABLE_BYTES_MAX: u64 = 64 * 1024;

impl Waiting {
    /// How a route waits, if it does.
    pub(crate) fn new(route: &Route, plan: &Plan, spool: &Arc<Spool>) -> Option<Self> {
        if let Some(until) = &route.buffer_request {
            return Some(Self { spool: Arc::clone(spool), until: until.value, bodies: Bodies::All });
        }
        let Action::Proxy { upstream, .. } = &route.action else { return None };
        let upstream = plan.upstreams.get(*upstream)?;
        let Retry { tries, on, methods, within: _ } = &upstream.retry;
        let repeats = !upstream.wait.is_zero() && on.reset && *tries != Some(1) && *methods == RetryMethods::Idempotent;
        let bytes_max = plan.buffering.memory.0.min(REPEATABLE_BYTES_MAX);
        repeats.then(|| Self { spool: Arc::clone(spool), until: BufferRequest::Whole, bodies: Bodies::Repeatable { bytes_max } })
    }

    /// `true` when this body waits.
    pub(crate) fn includes(&self, method: Method, body: &impl RequestBody) -> bool {
        match (self.bodies, body.length()) {
            (_, BodyLength::Empty) => false,
            (Bodies::All, _) => true,
            // One that is withheld is asked for by the upstream itself.
            (Bodies::Repeatable { bytes_max }, BodyLength::Known(length)) => {
                length <= bytes_max && method.is_idempotent() && !body.is_withheld()
            }
            (Bodies::Repeatable { .. }, BodyLength::Unknown) => false,
        }
    }

    /// Bodies may need a file: whether one can be made is found out at start, and not by the first client with a large one.
    pub(crate) fn check(plan: &Plan, spool: &Spool, diagnostics: &mut Diagnostics) {
        let Buffering { memory, disk, folder } = &plan.buffering;
        let needs_file = |until: &BufferRequest| match until {
            BufferRequest::Whole => disk.0 > 0,
            BufferRequest::UpTo(size) => disk.0 > 0 && size > memory,
        };
        let mut bounds = plan.routes.iter().filter_map(|route| route.buffer_request.as_ref());
        let Some(until) = bounds.find(|until| needs_file(&until.value)) else { return };
        let Err(error) = spool.probe() else { return };
        let folder = folder.display();
        let help = format!(
            "mount a tmpfs there (`docker run --tmpfs {folder}`), name another folder in limits.buffer_folder,\nor keep bodies in memory alone: limits.buffer_disk = 0"
        );
        let message = format!("bodies cannot be buffered in {folder}: {error}");
        diagnostics.push(Diagnostic::new(until.span, message).label("may need a file").help(help));
    }
}
