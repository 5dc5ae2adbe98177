//! What Transom tells of itself: the access log, the event log, and how things stand.
//!
//! The logs go through threads of their own, so that a slow reader never holds up serving. The access log has its own formats
//! and buffers (`access`, `writer`) because it is on the path of every request; everything else is `tracing` (`event_log`). `status` is
//! asked for, and read when it is.
//! Nothing here decides what happens to a request.

mod access;
mod background;
mod event;
mod event_log;
mod status;
mod text;
mod timestamp;
mod writer;

use std::time::Duration;

pub use access::{Record, UpstreamRecord};
pub use event::EventFormat;
pub use event_log::{EventLog, OUTPUT_TARGET};
pub use status::{METRICS_TYPE, ProcessStatus, STYLE, Status, Traffic};
pub use writer::{AccessLog, FLUSH_TICK, Recorder};

/// How long the end of the program waits for a reader that does not take the last lines.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
