//! One body while it is compressed, piece by piece: what is gathered while more comes at once, and what waits to be sent.
//!
//! What comes at once is gathered before it is compressed: a body that ends before anything was to be sent is compressed as a whole, which takes less time
//! and knows its length; one that is too short stays as it is. Gathering delays nothing: what is to be sent before the end goes through an encoder first.

use std::mem;

use super::Choice;
use super::encoder::{EncodeError, Encoder, Then};
use super::encoders::{Encoders, Permit};
use super::fields::dress;
use crate::serve::exchange::{ContentLength, ResponseHead};

/// Compressed bytes after which they are sent, though more could be had at once.
const OUT_BYTES_MAX: usize = 32 * 1024;
/// The same, of bytes that went in: nothing stays here while that many follow it, and no other connection waits longer than for these.
const IN_BYTES_MAX: usize = 128 * 1024;

/// Compresses one body.
pub(crate) struct Flow<'a> {
    choice: Choice,
    encoders: &'a Encoders,
    encoder: Option<Encoder>,
    /// The content is compressed; the encoder may have ended its work.
    is_coded: bool,
    _permit: Permit<'a>,
    /// To be sent: compressed bytes; or what is gathered, while nothing is compressed.
    out: Vec<u8>,
    /// Bytes that went in since something was sent.
    in_bytes: usize,
    /// All that went in came out.
    is_flushed: bool,
}

impl<'a> Flow<'a> {
    /// Nothing yet. `None` when the worker compresses as many bodies as it may: this one is sent as it is.
    pub(crate) fn new(choice: Choice, encoders: &'a Encoders) -> Option<Self> {
        let permit = encoders.permit()?;
        Some(Self { choice, encoders, encoder: None, is_coded: false, _permit: permit, out: Vec::new(), in_bytes: 0, is_flushed: false })
    }

    /// Takes a piece that is not the last.
    ///
    /// # Errors
    /// [`EncodeError`]; the body cannot be completed then.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<(), EncodeError> {
        self.in_bytes += data.len();
        if self.encoder.is_none() && self.in_bytes < self.gathered_bytes_max() {
            self.gather(data);
            return Ok(());
        }
        self.encode(data, Then::More)
    }

    /// What is known to be longer than may be gathered need not be copied.
    fn gathered_bytes_max(&self) -> usize {
        if self.choice.size.is_some_and(|size| size >= IN_BYTES_MAX as u64) { 0 } else { IN_BYTES_MAX }
    }

    fn gather(&mut self, data: &[u8]) {
        if self.out.is_empty() {
            // Not more than a full flow has, whatever length the upstream tells.
            let size = self.choice.size.and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
            self.out.reserve(size.min(IN_BYTES_MAX));
        }
        self.out.extend_from_slice(data);
    }

    /// Makes all that went in ready to be sent. What is gathered is compressed, however short: more of it will come, and nobody knows when.
    ///
    /// # Errors
    /// See [`push`](Self::push).
    pub(crate) fn flush(&mut self) -> Result<(), EncodeError> {
        if self.is_flushed { Ok(()) } else { self.encode(&[], Then::Flush) }
    }

    /// Takes the last piece. A body that is all here is compressed in one go, or stays as it is when it is short.
    ///
    /// # Errors
    /// See [`push`](Self::push).
    pub(crate) fn end(&mut self, data: &[u8]) -> Result<(), EncodeError> {
        if self.encoder.is_none() {
            return self.end_whole(data);
        }
        self.encode(data, Then::End)?;
        // Only one that has ended its body is used again: zlib-ng at level 1 does not forget its open block when it is reset.
        if let Some(encoder) = self.encoder.take() {
            self.encoders.give(encoder);
        }
        Ok(())
    }

    fn end_whole(&mut self, data: &[u8]) -> Result<(), EncodeError> {
        if self.out.len() + data.len() < self.choice.held_bytes {
            self.gather(data);
            return Ok(());
        }
        let mut gathered = mem::take(&mut self.out);
        let body = if gathered.is_empty() {
            data
        } else {
            gathered.extend_from_slice(data);
            &gathered
        };
        self.encoders.encode_whole((self.choice.coding, self.choice.level), body, &mut self.out)?;
        self.is_coded = true;
        Ok(())
    }

    fn encode(&mut self, data: &[u8], then: Then) -> Result<(), EncodeError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let mut encoder = self.encoders.take(self.choice.coding, self.choice.level)?;
                encoder.start(self.choice.size)?;
                let gathered = mem::take(&mut self.out);
                if !gathered.is_empty() {
                    encoder.encode(&gathered, Then::More, &mut self.out)?;
                }
                none.insert(encoder)
            }
        };
        encoder.encode(data, then, &mut self.out)?;
        self.is_coded = true;
        self.is_flushed = then == Then::Flush || (data.is_empty() && self.is_flushed);
        Ok(())
    }

    /// Compressed content has this head; what is too short keeps its own. The length is known when all of it is here.
    pub(crate) fn dress(&self, response: &mut ResponseHead<'_>, is_whole: bool) {
        if self.is_coded {
            dress(&mut response.lines, self.choice.coding.name());
        }
        response.length = if is_whole { ContentLength::Known(self.out.len() as u64) } else { ContentLength::Unknown };
    }

    /// `true` when it is time to flush and send.
    pub(crate) fn is_full(&self) -> bool {
        self.encoder.is_some() && (self.out.len() >= OUT_BYTES_MAX || self.in_bytes >= IN_BYTES_MAX)
    }

    /// What is to be sent.
    pub(crate) fn out(&self) -> &[u8] {
        &self.out
    }

    /// It was sent.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.in_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::tests::decode;
    use super::*;
    use crate::http::encoding::Coding;

    fn flow(encoders: &Encoders, held_bytes: usize) -> Flow<'_> {
        Flow::new(Choice { coding: Coding::Gzip, level: 2, size: None, held_bytes }, encoders).expect("a permit")
    }

    #[test]
    fn a_body_that_ends_early_stays_as_it_is() {
        let encoders = Encoders::default();
        let mut flow = flow(&encoders, 10);
        flow.push(b"1234").expect("held");
        flow.end(b"56789").expect("held");
        assert!(flow.encoder.is_none());
        assert_eq!(flow.out(), b"123456789");
    }

    #[test]
    fn a_body_that_is_long_enough_or_whose_end_is_not_in_sight_is_compressed() {
        let encoders = Encoders::default();
        let mut long = flow(&encoders, 10);
        long.push(b"1234").expect("held");
        long.end(b"567890").expect("encoded");
        assert_eq!(decode(Coding::Gzip, long.out()), b"1234567890");
        let mut slow = flow(&encoders, 10);
        slow.push(b"1234").expect("held");
        slow.flush().expect("encoded");
        assert_eq!(decode(Coding::Gzip, slow.out()), b"1234");
        let flushed = slow.out().len();
        slow.flush().expect("nothing");
        assert_eq!(slow.out().len(), flushed, "nothing went in, nothing comes out");
        slow.push(b"5").expect("encoded");
        slow.flush().expect("encoded");
        assert_eq!(decode(Coding::Gzip, slow.out()), b"12345");
    }

    #[test]
    fn a_body_that_is_all_here_needs_no_encoder_of_its_own() {
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
            for pieces in [&["", "1234567890"][..], &["1234", "567890"], &["1234", "5678", "90"], &["1234567890", ""]] {
                let encoders = Encoders::default();
                let mut flow = Flow::new(Choice { coding, level: 2, size: Some(10), held_bytes: 0 }, &encoders).expect("a permit");
                let (last, first) = pieces.split_last().expect("pieces");
                for piece in first {
                    flow.push(piece.as_bytes()).expect("gathered");
                    assert!(!flow.is_full());
                }
                flow.end(last.as_bytes()).expect("encoded");
                assert!(flow.encoder.is_none() && flow.is_coded);
                assert_eq!(decode(coding, flow.out()), b"1234567890");
            }
        }
    }

    #[test]
    fn no_more_is_gathered_than_one_turn_may_take() {
        let encoders = Encoders::default();
        for size in [None, Some(3 * IN_BYTES_MAX as u64)] {
            let choice = Choice { coding: Coding::Gzip, level: 2, size, held_bytes: 0 };
            let mut flow = Flow::new(choice, &encoders).expect("a permit");
            let mut gathered_bytes_max = 0;
            for _ in 0..5 {
                flow.push(&[b'a'; IN_BYTES_MAX / 4]).expect("taken");
                gathered_bytes_max = gathered_bytes_max.max(if flow.encoder.is_none() { flow.out().len() } else { 0 });
            }
            assert!(flow.is_full() && gathered_bytes_max < IN_BYTES_MAX);
            flow.end(b"b").expect("encoded");
            assert_eq!(decode(Coding::Gzip, flow.out()).len(), 5 * (IN_BYTES_MAX / 4) + 1);
        }
    }

    #[test]
    fn an_encoder_that_was_left_in_the_middle_is_not_used_again() {
        let encoders = Encoders::default();
        let mut cut = flow(&encoders, 0);
        cut.push(b"1234").expect("taken");
        cut.flush().expect("encoded");
        drop(cut);
        assert_eq!(encoders.kept(), 0);
        let mut next = flow(&encoders, 0);
        next.flush().expect("encoded");
        next.end(b"5678").expect("encoded");
        assert_eq!(decode(Coding::Gzip, next.out()), b"5678");
        drop(next);
        assert_eq!(encoders.kept(), 1);
    }

    #[test]
    fn no_more_bodies_are_compressed_at_once_than_there_is_memory_for() {
        let encoders = Encoders::default();
        let choice = || Choice { coding: Coding::Gzip, level: 2, size: None, held_bytes: 0 };
        let mut flows: Vec<_> = std::iter::from_fn(|| Flow::new(choice(), &encoders)).take(10_000).collect();
        assert!(flows.len() < 10_000);
        assert!(Flow::new(choice(), &encoders).is_none());
        flows.pop();
        assert!(Flow::new(choice(), &encoders).is_some());
    }

    #[test]
    fn much_that_becomes_little_is_still_sent_in_time() {
        let encoders = Encoders::default();
        let mut flow = flow(&encoders, 0);
        assert!(!flow.is_full());
        flow.push(&[b'a'; IN_BYTES_MAX]).expect("encoded");
        assert!(flow.is_full());
        flow.clear();
        assert!(!flow.is_full() && flow.out().is_empty());
    }
}
