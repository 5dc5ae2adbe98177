//! Whether, where and how long the bodies of a route wait before its upstream gets any of them.

use std::sync::Arc;

use super::spool::Spool;
use crate::config::{BufferRequest, Buffering, Diagnostic, Diagnostics};
use crate::plan::Plan;

/// How a route waits for bodies.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// Where they wait.
    pub(crate) spool: Arc<Spool>,
    /// How much of one is waited for.
    pub(crate) until: BufferRequest,
}

impl Waiting {
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
