//! The Huffman code of strings (RFC 7541 §5.2, Appendix B). It is canonical: the lengths of its codes say all of it, and the tables are made of them
//! when this is compiled.

#![allow(clippy::indexing_slicing, reason = "tables that are made at compile time, and indices of four or eight bits into them")]

use super::HpackError;

/// Bytes and the end-of-string symbol.
const SYMBOL_COUNT: usize = 257;
const END_OF_STRING: usize = 256;
const CODE_BITS_MAX: u8 = 30;

/// Bits of the code of each symbol.
const LENGTHS: [u8; SYMBOL_COUNT] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

static CODES: [u32; SYMBOL_COUNT] = codes();
static STEPS: [[Step; 16]; 256] = steps();

/// What four bits do to the decoder.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The node of the tree that they lead to.
    node: u8,
    outcome: Outcome,
    symbol: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// They are in the middle of a code.
    Nothing,
    /// They end one.
    Symbol,
    /// They end that of the end of the string, which must not be in it.
    End,
}

const fn codes() -> [u32; SYMBOL_COUNT] {
    let mut codes = [0; SYMBOL_COUNT];
    let mut code = 0;
    let mut bits = 1;
    while bits <= CODE_BITS_MAX {
        code <<= 1;
        let mut symbol = 0;
        while symbol < SYMBOL_COUNT {
            if LENGTHS[symbol] == bits {
                codes[symbol] = code;
                code += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    codes
}

/// The tree: the two children of each inner node. Below 256 it is another inner node, above it is a symbol (plus 256). 0 is none: nothing leads back
/// to the root.
const fn tree() -> [[u16; 2]; 256] {
    let codes = codes();
    let mut tree = [[0_u16; 2]; 256];
    let mut nodes = 1;
    let mut symbol = 0;
    while symbol < SYMBOL_COUNT {
        let mut node = 0;
        let mut left = LENGTHS[symbol];
        while left > 0 {
            left -= 1;
            let bit = (codes[symbol] >> left & 1) as usize;
            if left == 0 {
                tree[node][bit] = 256 + symbol as u16;
            } else {
                if tree[node][bit] == 0 {
                    tree[node][bit] = nodes;
                    nodes += 1;
                }
                node = tree[node][bit] as usize;
            }
        }
        symbol += 1;
    }
    tree
}

const fn steps() -> [[Step; 16]; 256] {
    let tree = tree();
    let mut steps = [[Step { node: 0, outcome: Outcome::Nothing, symbol: 0 }; 16]; 256];
    let mut from = 0;
    while from < 256 {
        let mut nibble = 0;
        while nibble < 16 {
            let mut node = from;
            let mut outcome = Outcome::Nothing;
            let mut symbol = 0;
            let mut left = 4;
            while left > 0 {
                left -= 1;
                let next = tree[node][nibble >> left & 1] as usize;
                if next < 256 {
                    node = next;
                } else {
                    node = 0;
                    // No code is shorter than five bits, so four end one at most.
                    if next - 256 == END_OF_STRING {
                        outcome = Outcome::End;
                    } else {
                        outcome = Outcome::Symbol;
                        symbol = (next - 256) as u8;
                    }
                }
            }
            steps[from][nibble] = Step { node: node as u8, outcome, symbol };
            nibble += 1;
        }
        from += 1;
    }
    steps
}

/// Nodes that up to seven one-bits lead to from the root: what may be left at the end of a string (RFC 7541 §5.2).
static IS_PADDING: [bool; 256] = {
    let tree = tree();
    let mut is_padding = [false; 256];
    let mut node = 0;
    let mut bits = 0;
    while bits < 8 {
        is_padding[node] = true;
        node = tree[node][1] as usize;
        bits += 1;
    }
    is_padding
};

/// Appends what `coded` says.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    out.reserve(coded.len() * 8 / 5);
    let mut node = 0;
    for &byte in coded {
        for nibble in [byte >> 4, byte & 0x0F] {
            let step = STEPS[usize::from(node)][usize::from(nibble)];
            match step.outcome {
                Outcome::Nothing => {}
                Outcome::Symbol => out.push(step.symbol),
                Outcome::End => return Err(HpackError::BadHuffman),
            }
            node = step.node;
        }
    }
    if IS_PADDING[usize::from(node)] { Ok(()) } else { Err(HpackError::BadHuffman) }
}

/// How many bytes `text` takes.
pub(super) fn coded_bytes(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|&byte| usize::from(LENGTHS[usize::from(byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the code of `text`.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut pending = 0_u64;
    let mut pending_bits = 0_u32;
    for &byte in text {
        let bits = u32::from(LENGTHS[usize::from(byte)]);
        pending = pending << bits | u64::from(CODES[usize::from(byte)]);
        pending_bits += bits;
        while pending_bits >= 8 {
            pending_bits -= 8;
            out.push((pending >> pending_bits) as u8);
        }
    }
    if pending_bits > 0 {
        out.push((pending << (8 - pending_bits)) as u8 | u8::MAX >> pending_bits);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        // RFC 7541 §C.4.1, §C.6.1.
        let cases: [(&[u8], &[u8]); 3] = [
            (b"www.example.com", &[0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF]),
            (b"no-cache", &[0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF]),
            (b"private", &[0xAE, 0xC3, 0x77, 0x1A, 0x4B]),
        ];
        for (text, coded) in cases {
            let mut out = Vec::new();
            encode(text, &mut out);
            assert_eq!((&out[..], coded_bytes(text)), (coded, coded.len()));
            out.clear();
            assert_eq!(decode(coded, &mut out), Ok(()));
            assert_eq!(out, text);
        }
    }

    #[test]
    fn wrong_padding_and_an_end_of_string_are_refused() {
        // RFC 7541 §5.2: padding of more than seven bits, of zeros, and the symbol itself.
        for coded in [&[0x1F_u8, 0xFF][..], &[0x18], &[0xFF, 0xFF, 0xFF, 0xFF], &[0xFF]] {
            assert_eq!(decode(coded, &mut Vec::new()), Err(HpackError::BadHuffman), "{coded:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut coded = Vec::new();
            encode(&text, &mut coded);
            prop_assert_eq!(coded.len(), coded_bytes(&text));
            let mut out = Vec::new();
            prop_assert_eq!(decode(&coded, &mut out), Ok(()));
            prop_assert_eq!(out, text);
        }
    }
}
