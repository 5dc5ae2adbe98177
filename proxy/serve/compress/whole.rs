//! A whole body at once. Who has all of it at hand can spare gzip what a stream costs: half the time for the same size.
//!
//! Bodies that come in pieces are for [`Encoder`]: nothing here can flush, and no body is waited for so that it might come here.

use libdeflater::{CompressionLvl, Compressor};

use super::encoder::{EncodeError, Encoder};
use crate::http::encoding::Coding;

/// Compresses whole bodies with gzip; nothing is left over from one to the next.
pub(super) struct WholeGzip {
    level: u8,
    compressor: Compressor,
    /// Where a body is compressed to; as long as the longest was, so that it is not cleared each time.
    room: Vec<u8>,
}

impl WholeGzip {
    /// At this level, as [`Encoder`] counts them.
    pub(super) fn new(level: u8) -> Self {
        let compressor = Compressor::new(CompressionLvl::new(library_level(level)).unwrap_or_default());
        Self { level, compressor, room: Vec::new() }
    }

    /// The level that it was made for.
    pub(super) fn level(&self) -> u8 {
        self.level
    }

    /// Compresses a body and appends what comes of it to `out`.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub(super) fn encode(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let bytes_max = self.compressor.gzip_compress_bound(body.len());
        if self.room.len() < bytes_max {
            self.room.resize(bytes_max, 0);
        }
        let bytes = self.compressor.gzip_compress(body, &mut self.room).map_err(|_| EncodeError("no room for gzip"))?;
        out.extend_from_slice(self.room.get(..bytes).unwrap_or_default());
        Ok(())
    }
}

/// The level of libdeflate that makes a body about as small as this one of zlib-ng, or smaller (measured with lists of JSON, HTML and scripts of 50 KiB), in
/// less time for all but the last. Its first takes hardly longer than zlib-ng's first and makes of a body what that needs its second for; its ninth takes
/// three times as long as zlib-ng's, and makes nothing smaller than its eighth.
fn library_level(level: u8) -> i32 {
    match level {
        0..=2 => 1,
        3 => 2,
        _ => i32::from(level.min(8)),
    }
}

/// A body that is there before anybody asks for it.
///
/// # Errors
/// [`EncodeError`].
pub(super) fn encode_whole(coding: Coding, level: u8, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    match coding {
        Coding::Gzip => WholeGzip::new(level).encode(body, &mut out)?,
        Coding::Zstd | Coding::Brotli => Encoder::new(coding, level)?.encode_whole(body, &mut out)?,
    }
    // It stays.
    out.shrink_to_fit();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encoder::tests::{ALL, decode, text};
    use super::*;

    #[test]
    fn every_coding_gives_the_body_back_and_makes_it_smaller() {
        for size in [0, 1, 1000, 50_000, 3_000_000] {
            let body = text(size);
            for (coding, level) in ALL {
                let coded = encode_whole(coding, level, &body).expect("encoded");
                assert!(size < 1000 || coded.len() * 3 < size, "{coding:?} {level}: {} of {size}", coded.len());
                assert!(decode(coding, &coded) == body, "{coding:?} {level} {size}");
            }
        }
    }

    #[test]
    fn every_level_is_about_as_small_as_that_of_a_stream() {
        let body = text(50_000);
        for level in 1..=9 {
            let whole = encode_whole(Coding::Gzip, level, &body).expect("encoded").len();
            let mut stream = Vec::new();
            Encoder::new(Coding::Gzip, level).expect("an encoder").encode_whole(&body, &mut stream).expect("encoded");
            assert!(whole < stream.len() + stream.len() / 10, "{level}: {whole} and {}", stream.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bodies_come_back_from_one_encoder(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 1..4),
            level in 1..10_u8,
        ) {
            let mut encoder = WholeGzip::new(level);
            for body in bodies {
                let mut coded = Vec::new();
                encoder.encode(&body, &mut coded).expect("encoded");
                prop_assert!(decode(Coding::Gzip, &coded) == body);
            }
        }
    }
}
