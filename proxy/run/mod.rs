//! Wires everything: a file is read, compiled, brought to life and served; processes are started before and stopped after.
//!
//! `load` turns a file into a plan, `prepare` opens what the plan names, `check` does both and starts nothing, `explain` asks what a request would
//! get, `serve` runs until a signal, `status` finds out how things stand, `watch` swaps new builds in meanwhile. `compress` makes the compressed forms of files before they are served.

mod announce;
mod check;
mod compress;
mod explain;
mod fatal;
mod load;
mod prepare;
mod question;
mod recovery;
mod serve;
mod status;
mod watch;

pub use check::check;
pub use compress::{Compressed, compress};
pub use explain::{Explained, explain};
pub use fatal::Fatal;
pub use load::{Loaded, load};
pub use question::Question;
pub use serve::serve;
