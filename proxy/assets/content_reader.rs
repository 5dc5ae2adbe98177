//! Reading the bytes of a file from their beginning, wherever they are.

use std::io::{self, Read};

use super::content::Content;

/// A content, read from its beginning. Of a file on disk no more is read than it had when it was loaded.
#[derive(Debug)]
pub(super) struct ContentReader<'a> {
    content: &'a Content,
    offset: u64,
}

impl<'a> ContentReader<'a> {
    pub(super) const fn new(content: &'a Content) -> Self {
        Self { content, offset: 0 }
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(self.offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let mut rest = rest;
                rest.read(buffer)?
            }
            Content::Stored(stored) => stored.read_at(buffer, self.offset)?,
        };
        self.offset += count as u64;
        Ok(count)
    }
}

/// Reads until `buffer` is full or there is no more, and returns how much was read.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match from.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
