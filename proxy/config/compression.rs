//! `[compression]`, as the operator wrote it: how responses without a compressed file beside them are compressed on their way.

use crate::http::encoding::Coding;
use crate::http::media_range::MediaRange;
use crate::units::ByteSize;

/// `[compression]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Compression {
    /// `dynamic`: the codings that are offered, the most wanted first; empty: nothing is compressed on its way.
    pub dynamic: Vec<Coding>,
    /// `level`.
    pub level: CompressionLevel,
    /// `min_size`: shorter bodies are sent as they are.
    pub min_size: ByteSize,
    /// `skip`: media types that are left alone.
    pub skip: Vec<MediaRange>,
}

/// `compression.level`: how hard each coding tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionLevel {
    /// `zstd`.
    pub zstd: u8,
    /// `br`.
    pub brotli: u8,
    /// `gzip`.
    pub gzip: u8,
}

impl CompressionLevel {
    /// The level of one coding.
    pub const fn of(self, coding: Coding) -> u8 {
        match coding {
            Coding::Zstd => self.zstd,
            Coding::Brotli => self.brotli,
            Coding::Gzip => self.gzip,
        }
    }
}
