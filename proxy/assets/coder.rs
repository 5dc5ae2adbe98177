//! The three codings as streams: bytes go in as they are and come out coded, or the other way round.
//!
//! Every stream has bounded memory, whatever it is given. Which files are worth it is for `compressible` to say.

use std::io::{self, BufReader, Read};

use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, GzBuilder};

use crate::http::encoding::Coding;
use crate::http::zstd_frame::WINDOW_BYTES_MAX;

/// How much a stream reads at once.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Brotli beyond this length is made with less effort when a server makes it beside its work: the highest takes about a second a megabyte.
const HIGHEST_BROTLI_BYTES_MAX: u64 = 256 * 1024;

/// The windows that Brotli has (RFC 7932 §9.1), as powers of two. Its encoder takes memory by the window, so it is no larger than the file.
const BROTLI_WINDOW_LOG: std::ops::RangeInclusive<u32> = 16..=24;

/// Level 19 is the last whose window is no larger than [`WINDOW_BYTES_MAX`].
const ZSTD_LEVEL: i32 = 19;

/// How hard an encoder tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As hard as pays while the machine has other work.
    Background,
    /// As hard as it can: the result is kept.
    Highest,
}

/// The coded form of `input`, which has `length` bytes. The same input has the same form each time: nothing of the time or of the
/// machine is in it.
pub(super) fn encode<'a>(coding: Coding, effort: Effort, input: impl Read + 'a, length: u64) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match coding {
        Coding::Brotli => {
            let parameters = BrotliEncoderParams {
                quality: if effort == Effort::Background && length > HIGHEST_BROTLI_BYTES_MAX { 9 } else { 11 },
                lgwin: i32::try_from(window_log(length)).unwrap_or_default(),
                size_hint: usize::try_from(length).unwrap_or_default(),
                ..BrotliEncoderParams::default()
            };
            Box::new(brotli::CompressorReader::with_params(input, CHUNK_BYTES, &parameters))
        }
        Coding::Zstd => {
            let mut encoder = zstd::stream::read::Encoder::with_buffer(BufReader::with_capacity(CHUNK_BYTES, input), ZSTD_LEVEL)?;
            encoder.set_pledged_src_size(Some(length))?;
            encoder.include_contentsize(true)?;
            encoder.include_checksum(true)?;
            encoder.window_log(window_log(length).min(WINDOW_BYTES_MAX.ilog2()))?;
            Box::new(encoder)
        }
        // RFC 1952 §2.3.1: an MTIME of zero is none.
        Coding::Gzip => Box::new(GzBuilder::new().mtime(0).read(input, Compression::best())),
    })
}

/// The bytes that `input` is the coded form of. What no browser would take is an error: a zstd window over [`WINDOW_BYTES_MAX`].
pub(super) fn decode<'a>(coding: Coding, input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match coding {
        Coding::Brotli => Box::new(brotli::Decompressor::new(input, CHUNK_BYTES)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(CHUNK_BYTES, input))?;
            decoder.window_log_max(WINDOW_BYTES_MAX.ilog2())?;
            Box::new(decoder)
        }
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(input)),
    })
}

/// The power of two that holds `length` bytes, and what Brotli keeps of its window for itself.
fn window_log(length: u64) -> u32 {
    let log = length.saturating_add(16).checked_next_power_of_two().map_or(u64::BITS, u64::ilog2);
    log.clamp(*BROTLI_WINDOW_LOG.start(), *BROTLI_WINDOW_LOG.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::zstd_frame::{self, Start};

    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    fn encoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(coding, Effort::Highest, bytes, bytes.len() as u64).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    fn decoded(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decode(coding, bytes)?.read_to_end(&mut out).map(|_| out)
    }

    fn text(length: usize) -> Vec<u8> {
        b"a transom is the beam above a door; ".iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same_bytes() {
        for coding in ALL {
            for length in [0, 1, 1000, 300_000] {
                assert_eq!(decoded(coding, &encoded(coding, &text(length))).unwrap(), text(length), "{coding:?} {length}");
            }
        }
    }

    #[test]
    fn the_same_bytes_are_encoded_alike_each_time_and_gzip_names_no_time() {
        for coding in ALL {
            assert_eq!(encoded(coding, &text(5000)), encoded(coding, &text(5000)), "{coding:?}");
        }
        assert_eq!(encoded(Coding::Gzip, &text(5000))[4..8], [0; 4]);
    }

    #[test]
    fn a_coded_form_that_was_cut_short_is_an_error() {
        for coding in ALL {
            let whole = encoded(coding, &text(5000));
            assert!(decoded(coding, &whole[..whole.len() - 1]).is_err(), "{coding:?}");
            assert!(decoded(coding, &whole[..whole.len() / 2]).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn zstd_says_how_long_it_is_and_stays_below_what_browsers_take() {
        let Start::Frame(header) = zstd_frame::read(&encoded(Coding::Zstd, &text(9 << 20))) else { panic!("no frame") };
        assert_eq!(header.content_bytes, Some(9 << 20));
        assert!(header.window_bytes <= WINDOW_BYTES_MAX, "{header:?}");
    }
}
