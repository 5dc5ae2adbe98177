//! Writing the chunked transfer coding (RFC 9112 §7.1): what stands before and behind the data of a piece.

use std::borrow::Cow;

use super::body::Piece;

/// Sixteen hexadecimal digits and a line end.
const SIZE_LINE_BYTES_MAX: usize = 18;

/// The coding around one piece.
pub(crate) struct ChunkFrame {
    line: [u8; SIZE_LINE_BYTES_MAX],
    line_bytes: usize,
    end: Cow<'static, [u8]>,
}

impl ChunkFrame {
    /// The coding around this piece. A piece without data has none, unless it is the last.
    pub(crate) fn new(piece: &Piece<'_>) -> Self {
        let mut line = [0; SIZE_LINE_BYTES_MAX];
        let line_bytes = if piece.data.is_empty() { 0 } else { write_size_line(piece.data.len(), &mut line) };
        let data_end: &[u8] = if piece.data.is_empty() { b"" } else { b"\r\n" };
        let end = match (piece.is_last, piece.data.is_empty(), piece.trailers.is_empty()) {
            (false, true, _) => Cow::Borrowed(&b""[..]),
            (false, false, _) => Cow::Borrowed(&b"\r\n"[..]),
            (true, true, true) => Cow::Borrowed(&b"0\r\n\r\n"[..]),
            (true, false, true) => Cow::Borrowed(&b"\r\n0\r\n\r\n"[..]),
            (true, _, false) => Cow::Owned([data_end, b"0\r\n", piece.trailers, b"\r\n"].concat()),
        };
        Self { line, line_bytes, end }
    }

    /// What stands before the data.
    pub(crate) fn size_line(&self) -> &[u8] {
        self.line.get(..self.line_bytes).unwrap_or_default()
    }

    /// What stands behind it.
    pub(crate) fn end(&self) -> &[u8] {
        &self.end
    }
}

/// `1f4\r\n` for 500; gives the length of the line.
fn write_size_line(size: usize, line: &mut [u8; SIZE_LINE_BYTES_MAX]) -> usize {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1) as usize;
    for (index, slot) in line.iter_mut().enumerate().take(digits) {
        let nibble = (size >> (4 * (digits - 1 - index))) & 0xF;
        *slot = b"0123456789abcdef".get(nibble).copied().unwrap_or(b'0');
    }
    if let Some(end) = line.get_mut(digits..digits + 2) {
        end.copy_from_slice(b"\r\n");
    }
    digits + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_the_formatter_writes_them() {
        for size in [0_usize, 1, 15, 16, 255, 256, 500, 65_536, 0x1234_5678_9abc, usize::MAX] {
            let mut line = [0; SIZE_LINE_BYTES_MAX];
            let bytes = write_size_line(size, &mut line);
            assert_eq!(line.get(..bytes), Some(format!("{size:x}\r\n").as_bytes()));
        }
    }

    #[test]
    fn the_end_travels_with_the_last_data() {
        for (data, is_last, trailers, before, behind) in [
            (&b""[..], false, &b""[..], "", ""),
            (b"abc", false, b"", "3\r\n", "\r\n"),
            (b"abc", true, b"", "3\r\n", "\r\n0\r\n\r\n"),
            (b"", true, b"", "", "0\r\n\r\n"),
            (b"abc", true, b"x: y\r\n", "3\r\n", "\r\n0\r\nx: y\r\n\r\n"),
            (b"", true, b"x: y\r\n", "", "0\r\nx: y\r\n\r\n"),
        ] {
            let frame = ChunkFrame::new(&Piece { data, is_last, trailers });
            assert_eq!((frame.size_line(), frame.end()), (before.as_bytes(), behind.as_bytes()));
        }
    }
}
