//! `Range` (RFC 9110 §14.2) and `Content-Range` (§14.4).

/// What a `Range` asks of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it: no range, another unit, a malformed one, or several ranges (which a server may ignore, §14.2).
    Whole,
    /// The bytes `first..=last`.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// 416: well-formed, but nothing of it lies within.
    Unsatisfiable,
}

/// Reads a `Range` value for a representation of `length` bytes.
pub fn select(value: &[u8], length: u64) -> Selection {
    let _ = (value, length);
    todo!()
}
