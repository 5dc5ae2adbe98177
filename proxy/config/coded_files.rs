//! `precompressed` and `static` of `[compression]`, as the operator wrote them: where the compressed forms of files come from.

/// Where the compressed forms of files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodedFiles {
    /// `precompressed`: from the `.br`, `.zst` and `.gz` files beside them. Without it these are files like any other.
    pub precompressed: bool,
    /// `static`: those that have none are compressed once, in the background.
    pub compress: bool,
}
