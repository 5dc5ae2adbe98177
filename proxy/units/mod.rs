//! The small typed values that config files are written in: sizes, durations and addresses.
//!
//! Pure text to value and back; no I/O. Who needs a new unit adds a file here.

mod address;
mod duration;
mod network;
mod size;

pub use address::{Listen, ListenAddress, Protocol, Scheme, ServerAddress, ServerUrl};
pub use duration::parse_duration;
pub use network::Network;
pub use size::ByteSize;

/// Why a text is not the value that it should be: one sentence for the person, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong, without a full stop: "\"16MB/s\" is not a size".
    pub message: String,
    /// What to write instead: "write a number and B, KiB, MiB or GiB, such as \"16MiB\"".
    pub help: String,
}
