//! Every default of the config language, each with its reason.

use std::time::Duration;

/// How long requests are held while an upstream cannot be reached.
pub const UPSTREAM_WAIT: Duration = Duration::from_secs(10);
