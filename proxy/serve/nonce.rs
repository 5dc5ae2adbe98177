//! Nonces of Content-Security-Policy: what a script must know to run, and nobody may guess.

use std::cell::RefCell;

/// Random bytes of a nonce (CSP3 §7.1 asks for 128 bits).
const NONCE_BYTES: usize = 16;
/// Random bytes that are drawn at once, for sixteen nonces: as many as the system gives in one piece (getrandom(2)).
const DRAWN_BYTES: usize = 256;

/// A nonce in hexadecimal digits, which need no quoting in a header or a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; NONCE_BYTES * 2]);

impl Nonce {
    fn new(bytes: &[u8]) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut digits = [0; NONCE_BYTES * 2];
        let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (digit, nibble) in digits.iter_mut().zip(nibbles) {
            *digit = DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
        }
        Self(digits)
    }

    /// As it is written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The nonces of one worker.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    /// Drawn and not used; used bytes are gone.
    drawn: RefCell<Vec<u8>>,
}

impl Nonces {
    /// A nonce that was never given before; `None` when the system has no randomness to give.
    pub(crate) fn fresh(&self) -> Option<Nonce> {
        let mut drawn = self.drawn.borrow_mut();
        if drawn.len() < NONCE_BYTES {
            drawn.resize(DRAWN_BYTES, 0);
            if getrandom::fill(drawn.as_mut_slice()).is_err() {
                drawn.clear();
            }
        }
        let rest = drawn.len().checked_sub(NONCE_BYTES)?;
        let nonce = Nonce::new(drawn.get(rest..)?);
        drawn.truncate(rest);
        Some(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let nonces = Nonces::default();
        let mut given: Vec<Vec<u8>> = (0..1000).map(|_| nonces.fresh().expect("randomness").as_bytes().to_vec()).collect();
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 1000);
        assert!(given.iter().flatten().all(u8::is_ascii_hexdigit));
    }

    #[test]
    fn every_bit_of_a_nonce_is_random() {
        assert_eq!(
            Nonce::new(&[0x00, 0x1f, 0xf0, 0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]).as_bytes(),
            b"001ff0ab0000000000000000000000ff"
        );
    }
}
