//! Integers with a prefix (RFC 7541 §5.1).

use super::HpackError;

/// No length or index that we take is larger; five bytes behind the prefix say more than that.
const VALUE_MAX: u32 = 1 << 28;

/// Reads an integer whose first byte has `prefix_bits` of it; gives it and what is behind.
pub(super) fn read(block: &[u8], prefix_bits: u8) -> Result<(u32, &[u8]), HpackError> {
    let (&first, mut rest) = block.split_first().ok_or(HpackError::Truncated)?;
    let mask = u32::from(u8::MAX >> (8 - prefix_bits));
    let mut value = u32::from(first) & mask;
    if value < mask {
        return Ok((value, rest));
    }
    let mut shift = 0;
    loop {
        let (&byte, behind) = rest.split_first().ok_or(HpackError::Truncated)?;
        rest = behind;
        if shift > 21 {
            return Err(HpackError::Overflow);
        }
        value += u32::from(byte & 0x7F) << shift;
        if value > VALUE_MAX {
            return Err(HpackError::Overflow);
        }
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
        shift += 7;
    }
}

/// Appends an integer; `first` has the bits before the prefix.
pub(super) fn write(out: &mut Vec<u8>, first: u8, prefix_bits: u8, mut value: usize) {
    let mask = usize::from(u8::MAX >> (8 - prefix_bits));
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    value -= mask;
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7F) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        // RFC 7541 §C.1.
        for (bytes, prefix, value) in [(&[0x0A_u8][..], 5, 10), (&[0x1F, 0x9A, 0x0A], 5, 1337), (&[0x2A], 8, 42)] {
            assert_eq!(read(bytes, prefix), Ok((value, &[][..])));
            let mut out = Vec::new();
            write(&mut out, 0, prefix, value as usize);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn what_is_too_large_or_cut_is_refused() {
        assert_eq!(read(&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 7), Err(HpackError::Overflow));
        assert_eq!(read(&[0x7F, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 7), Err(HpackError::Overflow));
        assert_eq!(read(&[0x7F, 0xFF], 7), Err(HpackError::Truncated));
        assert_eq!(read(&[], 7), Err(HpackError::Truncated));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 0_u32..VALUE_MAX, prefix in 4_u8..=8) {
            let mut out = Vec::new();
            write(&mut out, 0, prefix, value as usize);
            prop_assert_eq!(read(&out, prefix), Ok((value, &[][..])));
        }
    }
}
