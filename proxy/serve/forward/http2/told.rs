//! What a server was told of a request body, kept while it is short: a server that refuses a stream, or says goodbye, has begun with nothing of it
//! (RFC 9113 §8.7), and another one is told the same. Bodies that were waited for (`buffer_request`) are kept where they are.

use crate::serve::http1::body::Piece;

/// Bytes of a body that are kept: most calls have less. Of a longer one nothing is kept, and it is sent once.
const KEPT_BYTES_MAX: usize = 32 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::serve::forward) struct Told {
    bytes: Vec<u8>,
    /// With the end of the body.
    is_whole: bool,
    keeping: Keeping,
}

/// Where what was told is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Keeping {
    /// Nobody asked for that.
    #[default]
    None,
    Here,
    /// With the body itself, as far as anything was told.
    Elsewhere,
    /// More was told than is kept.
    Lost,
}

impl Told {
    /// Keeps a piece that is about to be sent.
    pub(super) fn note(&mut self, piece: Piece<'_>) {
        match self.keeping {
            Keeping::Lost => {}
            Keeping::None | Keeping::Here if self.bytes.len() + piece.data.len() <= KEPT_BYTES_MAX && piece.trailers.is_empty() => {
                self.bytes.extend_from_slice(piece.data);
                self.is_whole = piece.is_last;
            }
            // What comes behind a beginning that is elsewhere is not put together with it.
            Keeping::None | Keeping::Here | Keeping::Elsewhere => *self = Self { keeping: Keeping::Lost, ..Self::default() },
        }
    }

    /// Does not keep a piece that the body keeps itself.
    pub(super) fn pass(&mut self) {
        if self.keeping == Keeping::Here {
            self.keeping = Keeping::Elsewhere;
        }
    }

    /// The body is told from its beginning, by itself.
    pub(super) fn begin(&mut self) {
        *self = Self { keeping: Keeping::Here, ..Self::default() };
    }

    /// `true` when all that was told can be told again.
    pub(in crate::serve::forward) fn is_kept(&self) -> bool {
        match self.keeping {
            Keeping::Here | Keeping::Elsewhere => true,
            Keeping::None | Keeping::Lost => false,
        }
    }

    /// What was told before, if anything was.
    pub(super) fn again(&self) -> Option<Piece<'_>> {
        (self.is_whole || !self.bytes.is_empty()).then_some(Piece { data: &self.bytes, is_last: self.is_whole, trailers: &[] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_is_told_again_and_a_long_one_is_not_kept() {
        let mut told = Told::default();
        assert!(!told.is_kept(), "nobody keeps what is told in HTTP/1");
        told.begin();
        assert!(told.is_kept() && told.again().is_none());
        told.note(Piece { data: b"one", is_last: false, trailers: &[] });
        told.note(Piece { data: b"two", is_last: true, trailers: &[] });
        assert_eq!(told.again().map(|piece| (piece.data, piece.is_last)), Some((&b"onetwo"[..], true)));
        told.note(Piece { data: &[0; KEPT_BYTES_MAX], is_last: false, trailers: &[] });
        told.note(Piece { data: b"", is_last: true, trailers: &[] });
        assert!(!told.is_kept() && told.again().is_none());
        told.begin();
        assert!(told.is_kept());
    }

    #[test]
    fn what_the_body_keeps_is_not_kept_twice() {
        let mut told = Told::default();
        told.begin();
        told.pass();
        assert!(told.is_kept() && told.again().is_none());
        told.note(Piece { data: b"behind it", is_last: true, trailers: &[] });
        assert!(!told.is_kept());
    }
}
