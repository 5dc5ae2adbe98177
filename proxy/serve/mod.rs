//! Serving: from an accepted connection to a recorded response.
//!
//! `listener` accepts, `connection` finds the protocol, `http1` and `http2` make an `Exchange` of each request, `handler` decides, `forward` sends on,
//! `compress` makes content smaller, `finish` dresses every response, `worker` records it. `live` is what all of it reads, `current` where that is
//! replaced. `operations` tells how all of it stands, on a listener of its own.

mod changed_file;
mod client;
mod clock;
mod compress;
mod connection;
mod counters;
mod current;
mod deadline;
mod disk;
mod early_hints;
mod error_page;
mod exchange;
mod explain;
mod file;
mod finish;
mod forward;
mod grpc;
mod handler;
mod http1;
mod http2;
mod inherited;
mod listener;
mod live;
mod nonce;
mod operations;
mod origin;
mod plain;
mod pool;
mod preamble;
mod redirect;
mod refusal;
mod request_id;
mod siphon;
mod template;
mod worker;
mod workers;

pub use counters::Meters;
pub use current::Current;
pub use explain::{Explanation, File, Outcome, Response, explain};
pub use listener::{Bound, bind};
pub use live::{Live, LoadReport, OF_REFUSALS, Root, begin_coding};
pub use operations::{OperationsServer, Survey};
pub use workers::{Stopped, Workers};
