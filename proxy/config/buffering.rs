//! Bodies that are waited for before an upstream is troubled with them.

use std::path::PathBuf;

use crate::units::ByteSize;

/// `limits.buffer_*`: what the bodies that wait may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffering {
    /// `buffer_memory`: bytes of one body that stay in memory.
    pub memory: ByteSize,
    /// `buffer_disk`: bytes that all of them together may take in files; 0: none.
    pub disk: ByteSize,
    /// `buffer_folder`: where those files are made, without a name.
    pub folder: PathBuf,
}

/// `route.buffer_request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferRequest {
    /// `true`: the whole body is waited for.
    Whole,
    /// So much of it is waited for; the rest is passed on as it comes.
    UpTo(ByteSize),
}
