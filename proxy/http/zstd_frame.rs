//! The header of a Zstandard frame (RFC 8878 §3.1.1.1): how much memory its reader needs, and how much comes out.
//!
//! It reads the header alone; whether what follows is sound, a decoder says.

/// The largest window that a client has to take (RFC 9659 §3). Browsers refuse more, and show an empty page.
pub const WINDOW_BYTES_MAX: u64 = 8 << 20;

/// The most bytes that a header has, its magic number included.
pub const HEADER_BYTES_MAX: usize = 18;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The memory that decoding needs, in bytes.
    pub window_bytes: u64,
    /// The length of what it was made from, where it says so.
    pub content_bytes: Option<u64>,
}

/// What the first bytes of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A frame.
    Frame(FrameHeader),
    /// A skippable frame (§3.1.2); what comes behind it is not known.
    Skippable,
    /// Neither, or too short.
    Unknown,
}

/// Reads the header at the start of `bytes`, of which [`HEADER_BYTES_MAX`] are always enough.
pub fn read(bytes: &[u8]) -> Start {
    let Some((&magic, rest)) = bytes.split_first_chunk::<4>() else { return Start::Unknown };
    if magic == MAGIC {
        return frame(rest).map_or(Start::Unknown, Start::Frame);
    }
    // §3.1.2: 0x184D2A50 to 0x184D2A5F, little-endian.
    if matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) { Start::Skippable } else { Start::Unknown }
}

fn frame(rest: &[u8]) -> Option<FrameHeader> {
    let (&descriptor, rest) = rest.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let (window_bytes, rest) = if is_single_segment {
        (None, rest)
    } else {
        let (&byte, rest) = rest.split_first()?;
        // §3.1.1.1.2: the exponent counts from 1 KiB, the mantissa in eighths.
        let base = 1_u64 << (10 + (byte >> 3));
        (Some(base + base / 8 * u64::from(byte & 7)), rest)
    };
    let dictionary_id_length = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let rest = rest.get(dictionary_id_length..)?;
    let content_bytes = match descriptor >> 6 {
        0 if is_single_segment => Some(u64::from(*rest.first()?)),
        0 => None,
        // §3.1.1.1.4: a field of two bytes counts from 256.
        1 => Some(u64::from(u16::from_le_bytes(*rest.first_chunk()?)) + 256),
        2 => Some(u64::from(u32::from_le_bytes(*rest.first_chunk()?))),
        _ => Some(u64::from_le_bytes(*rest.first_chunk()?)),
    };
    // §3.1.1.1.2: of a single segment, the content is the window.
    Some(FrameHeader { window_bytes: window_bytes.or(content_bytes)?, content_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(bytes: &[u8]) -> Start {
        read(&[&MAGIC, bytes].concat())
    }

    fn is(bytes: &[u8], window_bytes: u64, content_bytes: Option<u64>) {
        assert_eq!(header(bytes), Start::Frame(FrameHeader { window_bytes, content_bytes }), "{bytes:x?}");
    }

    #[test]
    fn a_window_is_an_exponent_and_a_mantissa() {
        is(&[0x00, 0x00], 1024, None);
        is(&[0x00, 13 << 3], WINDOW_BYTES_MAX, None);
        is(&[0x00, 13 << 3 | 1], WINDOW_BYTES_MAX + (1 << 20), None);
        is(&[0x00, 14 << 3], 16 << 20, None);
        is(&[0x00, 0xff], (1 << 41) + 7 * (1 << 38), None);
    }

    #[test]
    fn the_content_of_a_single_segment_is_its_window() {
        is(&[0x20, 77], 77, Some(77));
        is(&[0x60, 0, 0], 256, Some(256));
        is(&[0xa0, 0, 0, 0, 1], 16 << 20, Some(16 << 20));
        is(&[0xe0, 1, 0, 0, 0, 1, 0, 0, 0], (1 << 32) + 1, Some((1 << 32) + 1));
    }

    #[test]
    fn a_dictionary_id_is_stepped_over() {
        is(&[0x43, 0x58, 9, 9, 9, 9, 1, 0], 2 << 20, Some(257));
        is(&[0x21, 9, 5], 5, Some(5));
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_unknown() {
        for bytes in [&b""[..], b"\x28\xb5\x2f", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\0", b"\x28\xb5\x2f\xfd\xe0\0", b"<!doctype html>"]
        {
            assert_eq!(read(bytes), Start::Unknown, "{bytes:x?}");
        }
        assert_eq!(read(&[0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Start::Skippable);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_and_eighteen_are_enough(bytes: Vec<u8>) {
            let whole = header(&bytes);
            let cut = header(bytes.get(..HEADER_BYTES_MAX - 4).unwrap_or(&bytes));
            prop_assert_eq!(whole, cut);
        }
    }
}
