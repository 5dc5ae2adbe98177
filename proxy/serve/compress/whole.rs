//! A whole body at once. Who has all of it at hand can spare gzip what a stream costs: half the time for the same size, and for JSON a quarter.
//!
//! Bodies that come in pieces are for [`Encoder`]: nothing here can flush, and no body is waited for so that it might come here.

use libdeflater::{CompressionLvl, Compressor};

use super::encoder::{EncodeError, Encoder};
use super::igzip::Igzip;
use crate::http::encoding::Coding;

/// The highest level for which less time is worth a few bytes.
const QUICK_LEVEL_MAX: u8 = 2;
/// Below it libdeflate takes the same time, for less.
const QUICK_BYTES_MIN: usize = 8 << 10;

/// Compresses whole bodies with gzip; nothing is left over from one to the next.
pub(super) struct WholeGzip {
    level: u8,
    compressor: Compressor,
    quick: Option<Igzip>,
    /// Where a body is compressed to; as long as the longest was, so that it is not cleared each time.
    room: Vec<u8>,
}

impl WholeGzip {
    /// At this level, as [`Encoder`] counts them; for one body after another, while their clients wait.
    pub(super) fn new(level: u8) -> Self {
        let quick = if level <= QUICK_LEVEL_MAX { Igzip::new() } else { None };
        Self { quick, ..Self::patient(level) }
    }

    /// At this level, for what is compressed once and sent often.
    fn patient(level: u8) -> Self {
        let compressor = Compressor::new(CompressionLvl::new(library_level(level)).unwrap_or_default());
        Self { level, compressor, quick: None, room: Vec::new() }
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
        let quick = self.quick.as_mut().filter(|_| is_for_quick(body));
        let bytes_max = if quick.is_some() { Igzip::bytes_max(body.len()) } else { self.compressor.gzip_compress_bound(body.len()) };
        if self.room.len() < bytes_max {
            self.room.resize(bytes_max, 0);
        }
        let bytes = match quick {
            Some(quick) => quick.encode(body, &mut self.room)?,
            None => self.compressor.gzip_compress(body, &mut self.room).map_err(|_| EncodeError("no room for gzip"))?,
        };
        out.extend_from_slice(self.room.get(..bytes).unwrap_or_default());
        Ok(())
    }
}

/// Lists and records of JSON repeat themselves within a few kilobytes, and ISA-L makes of them about what libdeflate does. Pages, scripts and styles, which repeat
/// themselves over longer ways, it makes up to 10 % larger.
fn is_for_quick(body: &[u8]) -> bool {
    body.len() >= QUICK_BYTES_MIN && matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
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
        Coding::Gzip => WholeGzip::patient(level).encode(body, &mut out)?,
        Coding::Zstd | Coding::Brotli => Encoder::new(coding, level)?.encode_whole(body, &mut out)?,
    }
    // It stays.
    out.shrink_to_fit();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

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

    /// A list as an API sends it.
    fn records(bytes: usize) -> Vec<u8> {
        let mut text = String::from(" [");
        for id in 0.. {
            if text.len() >= bytes {
                break;
            }
            let _ = write!(
                text,
                r#"{{"id":{},"name":"item {}","state":"open","created":"2026-{:02}-11"}},"#,
                id * 7919 % 10_007,
                id % 97,
                id % 12 + 1
            );
        }
        text.truncate(bytes);
        text.into_bytes()
    }

    #[test]
    fn records_are_about_as_small_for_those_who_wait_as_for_what_stays() {
        for bytes in [0, 1, 2, 100, QUICK_BYTES_MIN - 1, QUICK_BYTES_MIN, QUICK_BYTES_MIN + 1, 50_000, 65_535, 65_536, 300_000] {
            let body = records(bytes);
            for level in [1, 2, 6] {
                let (mut quick, patient) = (Vec::new(), encode_whole(Coding::Gzip, level, &body).expect("encoded"));
                WholeGzip::new(level).encode(&body, &mut quick).expect("encoded");
                assert!(decode(Coding::Gzip, &quick) == body && decode(Coding::Gzip, &patient) == body, "{level} {bytes}");
                assert!(quick.len() <= patient.len() + patient.len() / 10, "{level} {bytes}: {} and {}", quick.len(), patient.len());
            }
        }
    }

    #[test]
    fn long_json_is_for_isa_l_and_nothing_else_is() {
        assert!(is_for_quick(&records(QUICK_BYTES_MIN)));
        assert!(!is_for_quick(&records(QUICK_BYTES_MIN - 1)));
        assert!(is_for_quick(&text(50_000)) && !is_for_quick(&b"<p>a text</p>".repeat(5000)));
        assert!(!is_for_quick(&[b' '; 50_000]) && !is_for_quick(b""));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bodies_come_back_from_one_encoder(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 1..4),
            level in 1..10_u8,
        ) {
            let mut encoder = WholeGzip::new(level);
            for mut body in bodies {
                // Some go one way and some the other.
                if body.len() % 2 == 0 {
                    body = [b"[".as_slice(), &body.repeat(4)].concat();
                }
                let mut coded = Vec::new();
                encoder.encode(&body, &mut coded).expect("encoded");
                prop_assert!(decode(Coding::Gzip, &coded) == body);
            }
        }
    }
}
