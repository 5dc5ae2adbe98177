//! The coded siblings of a file (`app.js.br`, `app.js.zst`, `app.js.gz`): their names, and whether one is what it claims to be.
//!
//! A sibling that was left behind when its file changed would be served as that file, to some clients and not to others. Neither its
//! time (images and archives set all to one) nor its length tells, and Brotli has no checksum. So each is decoded once and compared
//! byte for byte; what differs is not served. [`inspect`] looks at the ends alone, [`verify`] decodes.

use super::coder::{self, CHUNK_BYTES};
use super::content::Content;
use super::content_reader::{ContentReader, fill};
use super::media_type::MediaType;
use super::problem::WarningReason;
use crate::http::encoding::Coding;
use crate::http::zstd_frame::{self, HEADER_BYTES_MAX, Start, WINDOW_BYTES_MAX};

/// The codings that siblings may have, and how their names end.
pub(super) const SUFFIXES: [(Coding, &str); 3] = [(Coding::Brotli, ".br"), (Coding::Zstd, ".zst"), (Coding::Gzip, ".gz")];

/// The key of the file that the file at `key` may be the coded form of. Compressed archives are nobody's.
pub(super) fn base_of(key: &[u8]) -> Option<&[u8]> {
    let base = SUFFIXES.iter().find_map(|(_, suffix)| key.strip_suffix(suffix.as_bytes()))?;
    (!MediaType::of(base).is_archive()).then_some(base)
}

/// Whether a content can be the coded form of one of `base_length` bytes, by what its ends say.
pub(super) fn inspect(content: &Content, coding: Coding, base_length: u64) -> Result<(), WarningReason> {
    if content.length() == 0 {
        return Err(WarningReason::CodedEmpty);
    }
    match coding {
        Coding::Gzip => inspect_gzip(content, base_length),
        Coding::Zstd => inspect_zstd(content, base_length),
        Coding::Brotli => {
            // RFC 7932 §9.1: these bits are no window. Encoders mark a "large window" with them, which no browser reads.
            let is_large_window = |first: u8| first & 0x7f == 0x11;
            let mut first = [0; 1];
            fill(&mut ContentReader::new(content), &mut first).map_err(unreadable)?;
            if first.into_iter().any(is_large_window) { Err(WarningReason::CodedLargeWindow) } else { Ok(()) }
        }
    }
}

fn inspect_gzip(content: &Content, base_length: u64) -> Result<(), WarningReason> {
    let Some(([0x1f, 0x8b, ..], isize_field)) = content.ends::<4>().map_err(unreadable)? else {
        return Err(WarningReason::CodedNotGzip);
    };
    // RFC 1952 §2.3.1: ISIZE is the length modulo 2³².
    let says = u64::from(u32::from_le_bytes(isize_field));
    if says == base_length % (1 << 32) { Ok(()) } else { Err(WarningReason::CodedLengthDiffers { says, file: base_length }) }
}

fn inspect_zstd(content: &Content, base_length: u64) -> Result<(), WarningReason> {
    let mut start = [0; HEADER_BYTES_MAX];
    let count = fill(&mut ContentReader::new(content), &mut start).map_err(unreadable)?;
    match zstd_frame::read(start.get(..count).unwrap_or_default()) {
        Start::Unknown => Err(WarningReason::CodedNotZstd),
        Start::Skippable => Ok(()),
        Start::Frame(header) if header.window_bytes > WINDOW_BYTES_MAX => {
            Err(WarningReason::CodedWindowTooLarge { window: header.window_bytes })
        }
        // Of several frames, each has a part of it.
        Start::Frame(header) => match header.content_bytes {
            Some(says) if says > base_length => Err(WarningReason::CodedLengthDiffers { says, file: base_length }),
            Some(_) | None => Ok(()),
        },
    }
}

/// Decodes a content and compares it with `base`. Takes bounded memory, and ends at the first byte that differs: what would unpack to
/// more than its file has is not unpacked.
pub(super) fn verify(content: &Content, coding: Coding, base: &Content) -> Result<(), WarningReason> {
    let undecodable = |error: std::io::Error| WarningReason::CodedUndecodable(error.to_string());
    let mut decoded = coder::decode(coding, ContentReader::new(content)).map_err(undecodable)?;
    let mut original = ContentReader::new(base);
    // One byte more than a short file has: its decoder is read to the end in one go.
    let chunk_bytes = usize::try_from(base.length()).map_or(CHUNK_BYTES, |length| length.saturating_add(1).min(CHUNK_BYTES));
    let (mut one, mut other) = (vec![0; chunk_bytes], vec![0; chunk_bytes]);
    loop {
        let decoded_count = fill(&mut decoded, &mut one).map_err(undecodable)?;
        let original_count = fill(&mut original, &mut other).map_err(unreadable)?;
        if one.get(..decoded_count) != other.get(..original_count) {
            return Err(WarningReason::CodedStale);
        }
        if decoded_count == 0 {
            return Ok(());
        }
    }
}

fn unreadable(error: std::io::Error) -> WarningReason {
    WarningReason::CodedUnreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::coder::Effort;
    use super::*;
    use bytes::Bytes;
    use std::io::Read;

    const TEXT: &[u8] = b"a transom is the beam above a door; everything that comes in passes under it";

    fn memory(bytes: &[u8]) -> Content {
        Content::Memory(Bytes::copy_from_slice(bytes))
    }

    fn encoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        coder::encode(coding, Effort::Highest, bytes, bytes.len() as u64).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    fn judged(coding: Coding, coded: &[u8], base: &[u8]) -> Result<(), WarningReason> {
        let coded = memory(coded);
        inspect(&coded, coding, base.len() as u64).and_then(|()| verify(&coded, coding, &memory(base)))
    }

    #[test]
    fn a_sibling_of_the_same_bytes_is_right_in_every_coding() {
        for (coding, _) in SUFFIXES {
            for base in [&b""[..], TEXT, &TEXT.repeat(5000)] {
                assert_eq!(judged(coding, &encoded(coding, base), base), Ok(()), "{coding:?}");
            }
        }
    }

    #[test]
    fn one_changed_byte_of_the_file_makes_every_sibling_stale() {
        for (coding, _) in SUFFIXES {
            for length in [TEXT.len(), 300_000] {
                let mut base: Vec<u8> = TEXT.iter().copied().cycle().take(length).collect();
                let coded = encoded(coding, &base);
                base[length / 2] ^= 1;
                assert_eq!(judged(coding, &coded, &base), Err(WarningReason::CodedStale), "{coding:?} {length}");
            }
        }
    }

    #[test]
    fn a_sibling_of_a_longer_or_shorter_file_is_stale() {
        for (coding, _) in SUFFIXES {
            for base in [&TEXT[..TEXT.len() - 1], &[TEXT, b"!"].concat()] {
                let reason = judged(coding, &encoded(coding, TEXT), base).unwrap_err();
                assert!(matches!(reason, WarningReason::CodedStale | WarningReason::CodedLengthDiffers { .. }), "{coding:?}: {reason:?}");
            }
        }
    }

    #[test]
    fn what_is_cut_or_of_another_format_is_not_served() {
        for (coding, _) in SUFFIXES {
            let coded = encoded(coding, TEXT);
            assert!(judged(coding, &coded[..coded.len() - 1], TEXT).is_err(), "{coding:?}");
            assert!(judged(coding, b"brotli, as far as anybody can tell", TEXT).is_err(), "{coding:?}");
            assert_eq!(judged(coding, b"", TEXT), Err(WarningReason::CodedEmpty));
        }
    }

    #[test]
    fn a_small_sibling_that_unpacks_to_very_much_is_left_at_its_first_bytes() {
        for (coding, _) in SUFFIXES {
            let mut bomb = Vec::new();
            let length = 64 << 20;
            coder::encode(coding, Effort::Background, std::io::repeat(b'0').take(length), length).unwrap().read_to_end(&mut bomb).unwrap();
            assert!(judged(coding, &bomb, b"0").is_err(), "{coding:?}");
        }
    }

    #[test]
    fn a_window_that_browsers_refuse_is_named_with_its_size() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(24).unwrap();
        std::io::Write::write_all(&mut encoder, TEXT).unwrap();
        let coded = encoder.finish().unwrap();
        assert_eq!(judged(Coding::Zstd, &coded, TEXT), Err(WarningReason::CodedWindowTooLarge { window: 16 << 20 }));
        assert_eq!(judged(Coding::Brotli, &[0x11, 0x16, 0x06], TEXT), Err(WarningReason::CodedLargeWindow));
    }

    #[test]
    fn the_compressed_form_of_an_archive_is_nobodys_sibling() {
        assert_eq!(base_of(b"/data.tar.gz"), None);
        assert_eq!(base_of(b"/app.js.zst"), Some(&b"/app.js"[..]));
        assert_eq!(base_of(b"/app.js"), None);
    }
}
