//! Header blocks: whatever is read is bounded by what came in and the table, and is the same when we write it and read it again.

use crate::http::hpack::{Decoder, encoder};

/// What one byte of a block can stand for at most: an entry of the table.
const BYTES_PER_BYTE_MAX: usize = 4096;

/// Whether the promises hold for blocks of one connection.
///
/// # Panics
/// When one is broken.
pub fn check(blocks: &[&[u8]]) {
    let mut decoder = Decoder::default();
    for block in blocks {
        let mut fields = Vec::new();
        let mut bytes = 0;
        let decoded = decoder.decode(block, &mut Vec::new(), |name, value| {
            bytes += name.len() + value.len();
            if fields.len() < 64 {
                fields.push((name.to_ascii_lowercase(), value.to_vec()));
            }
        });
        assert!(bytes <= block.len().saturating_mul(BYTES_PER_BYTE_MAX));
        check_again(&fields);
        if decoded.is_err() {
            return;
        }
    }
}

fn check_again(fields: &[(Vec<u8>, Vec<u8>)]) {
    for write in [encoder::field, encoder::constant_field] {
        let mut block = Vec::new();
        fields.iter().for_each(|(name, value)| write(&mut block, name, value));
        let mut again = Vec::new();
        let decoded = Decoder::default().decode(&block, &mut Vec::new(), |name, value| again.push((name.to_vec(), value.to_vec())));
        assert_eq!(decoded, Ok(()));
        assert_eq!(again, fields);
    }
}
