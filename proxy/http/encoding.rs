//! Choosing a content coding by `Accept-Encoding` (RFC 9110 §12.5.3).

/// A content coding that Transom knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
    /// `gzip` (`x-gzip` is the same, §8.4.1.3).
    Gzip,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// The best of `available` (in the server's order of preference) for this `Accept-Encoding` value (list lines joined with `, `);
/// `None` is identity. The highest weight wins, the server's order breaks ties; `q=0` forbids; `*` stands for what is not named;
/// identity wins only when it is named with a higher weight. A malformed member is ignored.
pub fn choose(accept_encoding: Option<&[u8]>, available: &[Coding]) -> Option<Coding> {
    let _ = (accept_encoding, available);
    todo!()
}
