//! Compression of HTTP/2 heads (RFC 7541), as pure functions: `decoder` reads what clients send, `encoder` writes what we answer.
//!
//! The encoder keeps no dynamic table: what it writes depends on the field alone, so that constant fields are encoded once for all connections.

pub mod decoder;
mod dynamic_table;
pub mod encoder;
mod huffman;
mod integer;
mod static_table;

pub use decoder::Decoder;

/// Why a header block cannot be read. The connection cannot go on (RFC 9113 §4.3): its table is not the client's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HpackError {
    /// The block ends inside a field.
    Truncated,
    /// An integer that no table or string can be as large as.
    Overflow,
    /// An index that neither table has.
    BadIndex,
    /// Huffman code that ends or pads wrongly.
    BadHuffman,
    /// A size of the table that was not offered, or is said too late in the block.
    BadTableSize,
}

impl HpackError {
    /// For the log.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Truncated => "HPACK: a block that ends inside a field",
            Self::Overflow => "HPACK: an integer that is too large",
            Self::BadIndex => "HPACK: an index that is in no table",
            Self::BadHuffman => "HPACK: malformed Huffman code",
            Self::BadTableSize => "HPACK: a table size that was not offered",
        }
    }
}
