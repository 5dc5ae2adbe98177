//! Reading header blocks (RFC 7541 §3, §6).

use super::dynamic_table::DynamicTable;
use super::static_table::{self, FIELD_COUNT};
use super::{HpackError, huffman, integer};

/// The table that both sides begin with, and that clients may fill: the default, which nothing needs to be said for (RFC 9113 §6.5.2).
pub const TABLE_BYTES_MAX: usize = 4096;

/// The decoder of one connection.
#[derive(Debug)]
pub struct Decoder {
    table: DynamicTable,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: DynamicTable::new(TABLE_BYTES_MAX) }
    }
}

/// Where a string stands.
#[derive(Clone, Copy)]
enum Text<'a> {
    /// In the block or in a table.
    Plain(&'a [u8]),
    /// It was decoded: this many bytes at the end of what the scratch memory had in it.
    Decoded(usize, usize),
}

impl<'a> Text<'a> {
    fn get(self, scratch: &'a [u8]) -> &'a [u8] {
        match self {
            Text::Plain(bytes) => bytes,
            Text::Decoded(start, end) => scratch.get(start..end).unwrap_or_default(),
        }
    }
}

impl Decoder {
    /// Reads a whole block, and shows each field. `scratch` is memory for what is decoded.
    ///
    /// # Errors
    /// The decoder is of no use any more.
    pub fn decode(&mut self, mut block: &[u8], scratch: &mut Vec<u8>, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), HpackError> {
        let mut may_resize = true;
        while let Some(&first) = block.first() {
            if first & 0x80 != 0 {
                // §6.1: an indexed field.
                let (index, rest) = integer::read(block, 7)?;
                block = rest;
                let (name, value) = self.field(index)?;
                visit(name, value);
            } else if first & 0xE0 == 0x20 {
                // §6.3: the size of the table, before all fields (§4.2).
                let (size, rest) = integer::read(block, 5)?;
                block = rest;
                if !may_resize || size as usize > TABLE_BYTES_MAX {
                    return Err(HpackError::BadTableSize);
                }
                self.table.resize(size as usize);
                continue;
            } else {
                // §6.2: a literal, with incremental indexing (01), without (0000), or never indexed (0001).
                let is_kept = first & 0x40 != 0;
                block = self.literal(block, is_kept, scratch, &mut visit)?;
            }
            may_resize = false;
        }
        Ok(())
    }

    fn literal<'b>(
        &mut self,
        block: &'b [u8],
        is_kept: bool,
        scratch: &mut Vec<u8>,
        visit: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<&'b [u8], HpackError> {
        scratch.clear();
        let (index, rest) = integer::read(block, if is_kept { 6 } else { 4 })?;
        let (name, rest) = match index {
            0 => string(rest, scratch)?,
            index => (Text::Plain(self.field(index)?.0), rest),
        };
        let (value, rest) = string(rest, scratch)?;
        let (name, value) = (name.get(scratch), value.get(scratch));
        visit(name, value);
        if is_kept {
            let name_bytes = name.len();
            let entry = [name, value].concat().into_boxed_slice();
            self.table.insert(entry, name_bytes);
        }
        Ok(rest)
    }

    fn field(&self, index: u32) -> Result<(&[u8], &[u8]), HpackError> {
        let index = index as usize;
        let found = if index <= FIELD_COUNT { static_table::field(index) } else { self.table.get(index - FIELD_COUNT - 1) };
        found.ok_or(HpackError::BadIndex)
    }
}

/// Reads a string (§5.2).
fn string<'b>(block: &'b [u8], scratch: &mut Vec<u8>) -> Result<(Text<'b>, &'b [u8]), HpackError> {
    let is_coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let (length, rest) = integer::read(block, 7)?;
    let (bytes, rest) = rest.split_at_checked(length as usize).ok_or(HpackError::Truncated)?;
    if !is_coded {
        return Ok((Text::Plain(bytes), rest));
    }
    let start = scratch.len();
    huffman::decode(bytes, scratch)?;
    Ok((Text::Decoded(start, scratch.len()), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encoder;
    use super::*;

    fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, HpackError> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, &mut Vec::new(), |name, value| fields.push((text(name), text(value))))?;
        Ok(fields)
    }

    fn fields(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_requests_of_the_rfc_are_read_with_what_they_leave_in_the_table() {
        // RFC 7541 §C.4: three requests on one connection, with Huffman code.
        let mut decoder = Decoder::default();
        let start = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(read(&mut decoder, first), Ok(fields(&start)));
        let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
        assert_eq!(read(&mut decoder, second), Ok(fields(&[&start[..], &[("cache-control", "no-cache")]].concat())));
        let third = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        let expected = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        assert_eq!(read(&mut decoder, third), Ok(fields(&expected)));
        assert_eq!(read(&mut decoder, b"\xbe\xc0"), Ok(fields(&[("custom-key", "custom-value"), (":authority", "www.example.com")])));
    }

    #[test]
    fn what_no_table_has_is_refused() {
        assert_eq!(read(&mut Decoder::default(), b"\x80"), Err(HpackError::BadIndex));
        assert_eq!(read(&mut Decoder::default(), b"\xbe"), Err(HpackError::BadIndex));
        assert_eq!(read(&mut Decoder::default(), b"\x82\x20"), Err(HpackError::BadTableSize), "behind a field");
        assert_eq!(read(&mut Decoder::default(), b"\x3f\xe2\x1f"), Err(HpackError::BadTableSize), "4097");
        assert_eq!(read(&mut Decoder::default(), b"\x3f\xe1\x1f\x82"), Ok(fields(&[(":method", "GET")])), "4096");
        assert_eq!(read(&mut Decoder::default(), b"\x40\x05ab"), Err(HpackError::Truncated));
    }

    #[test]
    fn the_table_lets_go_of_what_is_too_much() {
        let mut decoder = Decoder::default();
        let large = [&b"\x40\x01a\x7f\xa1\x1f"[..], &[b'x'; 4128]].concat();
        assert!(read(&mut decoder, b"\x40\x01b\x01c").is_ok());
        assert_eq!(read(&mut decoder, b"\xbe"), Ok(fields(&[("b", "c")])));
        assert!(read(&mut decoder, &large).is_ok());
        assert_eq!(read(&mut decoder, b"\xbe"), Err(HpackError::BadIndex), "an entry above the size of the table empties it");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(block in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&mut Decoder::default(), &block);
        }

        #[test]
        fn what_the_encoder_writes_is_read(name in "[a-z][a-z0-9-]{0,30}|date|server|:status", value in "[ -~]{0,60}", constant in any::<bool>()) {
            let mut block = Vec::new();
            if constant {
                encoder::constant_field(&mut block, name.as_bytes(), value.as_bytes());
            } else {
                encoder::field(&mut block, name.as_bytes(), value.as_bytes());
            }
            prop_assert_eq!(read(&mut Decoder::default(), &block), Ok(fields(&[(&name, &value)])));
        }
    }
}
