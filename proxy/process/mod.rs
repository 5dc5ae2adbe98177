//! Child processes in the place of supervisord: each is started, its output is logged by name, it is started again when it
//! ends, and it is stopped with all that it started.
//!
//! One task for each process on the runtime that starts the [`Supervisor`]; no shell, and no more of our environment than was
//! asked for. It must not know what the processes are for: who holds requests until one is ready looks at [`Snapshot`].
//! Read on in `supervise.rs`, the life of one process.

mod backoff;
mod board;
mod output;
mod ready;
mod reap;
mod spawn;
mod spec;
mod supervise;
#[cfg(test)]
mod tests;

pub use backoff::BackoffPolicy;
pub use board::{Snapshot, State, Status};
pub use output::{Line, LineSink, Stream};
pub use spec::Spec;
pub use supervise::{Options, Orphans, Supervisor};
