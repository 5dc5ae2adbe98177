//! What Transom tells of itself: the access log, and the event log.
//!
//! Both go through threads of their own, so that a slow reader never holds up serving. The access log has its own formats
//! and buffers (`access`, `writer`) because it is on the path of every request; everything else is `tracing` (`event_log`).
//! Nothing here decides what happens to a request.

mod access;
mod background;
mod event;
mod event_log;
mod text;
mod timestamp;
mod writer;

use std::time::Duration;

pub use access::{Record, UpstreamRecord};
pub use event::EventFormat;
pub use event_log::{EventLog, OUTPUT_TARGET};
pub use writer::{AccessLog, FLUSH_TICK, Recorder};

/// How long the end of the program waits for a reader that does not take the last lines.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
