//! The chunked transfer coding (RFC 9112 §7.1), read strictly: sizes are hexadecimal digits only, lines end in CRLF,
//! extensions and trailers are bounded.

use crate::http::hop;
use crate::serve::exchange::push_line;

/// A chunk-size line with its extensions.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// All trailers together.
const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Hexadecimal digits of a chunk size: 2^60 bytes are enough.
const SIZE_DIGITS_MAX: usize = 15;

/// The state of a decoder.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// `name: value\r\n` of each trailer.
    trailers: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A chunk-size line is next.
    #[default]
    Size,
    /// This many bytes of a chunk are to come.
    Data(u64),
    /// The CRLF behind a chunk is next.
    DataEnd,
    /// Trailers, or the empty line, are next.
    Trailers,
    /// All is read.
    Done,
}

impl Chunked {
    /// Reads the coding at the start of `bytes`, as far as it has come in, and gives its length, which the caller uses up. Behind it is data
    /// ([`data`](Self::data) says how much), the end ([`is_done`](Self::is_done)), or something that has not come in yet.
    ///
    /// # Errors
    /// A short cause when the coding is malformed or too long.
    pub(crate) fn coding(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let line = match self.state {
                State::Size => size_line(rest)?.map(|(line, size)| {
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                    line
                }),
                State::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.state = State::Size;
                        Some(2)
                    }
                    [] | [b'\r'] => None,
                    _ => return Err("no CRLF behind a chunk"),
                },
                State::Trailers => self.trailer(rest)?,
                State::Data(_) | State::Done => None,
            };
            match line {
                Some(line) => at += line,
                None => return Ok(at),
            }
        }
    }

    /// Says how many of the next `available` bytes are data, and counts them as read.
    pub(crate) fn data(&mut self, available: usize) -> usize {
        let State::Data(left) = self.state else { return 0 };
        let data = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - data as u64;
        self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
        data
    }

    /// `true` when all is read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailers as lines; complete when all is read.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Takes in one trailer line, or the empty line that ends them.
    fn trailer(&mut self, rest: &[u8]) -> Result<Option<usize>, &'static str> {
        let Some(newline) = memchr::memchr(b'\n', rest) else {
            return if rest.len() > TRAILER_BYTES_MAX { Err("trailers are too long") } else { Ok(None) };
        };
        let line = rest.get(..newline).and_then(|line| line.strip_suffix(b"\r")).ok_or("a trailer line ends without CR")?;
        if line.is_empty() {
            self.state = State::Done;
            return Ok(Some(newline + 1));
        }
        let colon = memchr::memchr(b':', line).ok_or("a trailer without a colon")?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if http::HeaderName::from_bytes(name).is_err() || http::HeaderValue::from_bytes(value).is_err() {
            return Err("a malformed trailer");
        }
        if self.trailers.len() + line.len() > TRAILER_BYTES_MAX {
            return Err("trailers are too long");
        }
        if hop::may_trail(name) {
            push_line(&mut self.trailers, name, value);
        }
        Ok(Some(newline + 1))
    }
}

/// Reads a chunk-size line: the length of the line and the size. `None` when it is not complete.
fn size_line(bytes: &[u8]) -> Result<Option<(usize, u64)>, &'static str> {
    let window = bytes.get(..SIZE_LINE_BYTES_MAX.min(bytes.len())).unwrap_or_default();
    let Some(newline) = memchr::memchr(b'\n', window) else {
        // Said at once, so that garbage is not waited for.
        let garbage = window.first().is_some_and(|byte| !byte.is_ascii_hexdigit());
        return if garbage || window.len() == SIZE_LINE_BYTES_MAX { Err("malformed chunk size") } else { Ok(None) };
    };
    // A bare LF is refused here though heads may have it: chunk lines are where parsers that disagree are attacked.
    let line = window.get(..newline).and_then(|line| line.strip_suffix(b"\r")).ok_or("a chunk size ends without CR")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 || digits > SIZE_DIGITS_MAX {
        return Err("malformed chunk size");
    }
    let (size, extension) = line.split_at(digits);
    let extension_ok = extension.is_empty() || extension.trim_ascii_start().first() == Some(&b';');
    if !extension_ok || extension.iter().any(|&byte| byte != b'\t' && (byte < 0x20 || byte == 0x7F)) {
        return Err("malformed chunk extension");
    }
    let size = size.iter().fold(0_u64, |size, &digit| size * 16 + u64::from((digit as char).to_digit(16).unwrap_or(0)));
    Ok(Some((newline + 1, size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `piece` bytes and gives the body, the trailers and what is left.
    fn decode(input: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, usize), &'static str> {
        let mut decoder = Chunked::default();
        let (mut body, mut window, mut fed) = (Vec::new(), Vec::new(), 0);
        loop {
            let coding = decoder.coding(&window)?;
            window.drain(..coding);
            if decoder.is_done() {
                return Ok((body, decoder.trailers().to_vec(), window.len() + input.len() - fed));
            }
            let data = decoder.data(window.len());
            body.extend(window.drain(..data));
            if data == 0 {
                if fed == input.len() {
                    return Err("incomplete");
                }
                let end = (fed + piece).min(input.len());
                window.extend_from_slice(&input[fed..end]);
                fed = end;
            }
        }
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let input = b"5\r\nhello\r\n6;x=y\r\n world\r\n00\r\nX-Sum: 1\r\nY:2\r\n\r\nGET /";
        for piece in 1..=input.len() {
            let (body, trailers, left) = decode(input, piece).expect("valid");
            assert_eq!((body.as_slice(), trailers.as_slice(), left), (&b"hello world"[..], &b"X-Sum: 1\r\nY: 2\r\n"[..], 5), "{piece}");
        }
    }

    #[test]
    fn malformed_codings_are_errors_however_they_are_cut() {
        let cases: &[&[u8]] = &[
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"1000000000000000\r\n",
            b"5;\x00\r\nhello\r\n0\r\n\r\n",
            b"0\r\nbad trailer\r\n\r\n",
            b"0\r\nX y: 1\r\n\r\n",
            b"0\r\nX: 1\n\r\n",
        ];
        for case in cases {
            for piece in [1, 2, case.len()] {
                let error = decode(case, piece).expect_err("malformed");
                assert_ne!(error, "incomplete", "{:?} in pieces of {piece}", String::from_utf8_lossy(case));
            }
        }
    }

    #[test]
    fn endless_size_lines_and_trailers_are_cut_off() {
        let mut long = b"5;".to_vec();
        long.resize(100_000, b'a');
        assert!(decode(&long, 100).is_err_and(|error| error != "incomplete"));
        let mut trailers = b"0\r\n".to_vec();
        for _ in 0..2000 {
            trailers.extend_from_slice(b"X-A: 12345678\r\n");
        }
        assert_eq!(decode(&trailers, 1000), Err("trailers are too long"));
    }
}
