//! The encoders of one worker: what is kept of them from one body to the next, and how many may be at work.

use std::cell::{Cell, RefCell};

use super::encoder::{EncodeError, Encoder};
use super::whole::WholeGzip;
use crate::http::encoding::Coding;

/// Encoders that a worker keeps for the next response: they cost more to make than a small body to compress.
const KEPT_MAX: usize = 8;
/// Bodies that a worker compresses at once; further ones are sent as they are. Each takes up to a megabyte for as long as its client likes.
const ACTIVE_MAX: usize = 64;

/// Encoders that wait for their next body, and how many are at work; one set a worker.
#[derive(Default)]
pub(crate) struct Encoders {
    kept: RefCell<Vec<Encoder>>,
    /// One is enough: a whole body is compressed in one go.
    whole_gzip: RefCell<Option<WholeGzip>>,
    active: Cell<usize>,
}

/// The right to compress one body.
pub(crate) struct Permit<'a>(&'a Encoders);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
    }
}

impl Encoders {
    /// The right to compress a body; `None` when too many are under way.
    pub(super) fn permit(&self) -> Option<Permit<'_>> {
        let active = self.active.get();
        (active < ACTIVE_MAX).then(|| {
            self.active.set(active + 1);
            Permit(self)
        })
    }

    /// An encoder that was given back, or a new one; not started.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn take(&self, coding: Coding, level: u8) -> Result<Encoder, EncodeError> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().rposition(|encoder| encoder.is_of(coding, level));
        match at {
            Some(at) => Ok(kept.swap_remove(at)),
            None => Encoder::new(coding, level),
        }
    }

    /// Takes an encoder back that has ended its body.
    pub(super) fn give(&self, encoder: Encoder) {
        let mut kept = self.kept.borrow_mut();
        if encoder.lasts() && kept.len() < KEPT_MAX {
            kept.push(encoder);
        }
    }

    /// Compresses a body that is all here, and appends what comes of it to `out`.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub(super) fn encode_whole(&self, (coding, level): (Coding, u8), body: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if coding == Coding::Gzip {
            let mut kept = self.whole_gzip.borrow_mut();
            return match kept.as_mut().filter(|encoder| encoder.level() == level) {
                Some(encoder) => encoder.encode(body, out),
                // The level changes with the config.
                None => kept.insert(WholeGzip::new(level)).encode(body, out),
            };
        }
        let mut encoder = self.take(coding, level)?;
        encoder.encode_whole(body, out)?;
        self.give(encoder);
        Ok(())
    }
}

#[cfg(test)]
impl Encoders {
    /// How many there are.
    pub(super) fn kept(&self) -> usize {
        self.kept.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::Then;
    use super::super::encoder::tests::{ALL, decode, text};
    use super::*;

    #[test]
    fn an_encoder_that_ended_a_body_begins_anew() {
        let encoders = Encoders::default();
        for (coding, level) in ALL {
            for size in [None, Some(5000)] {
                let mut encoder = encoders.take(coding, level).expect("an encoder");
                encoder.start(Some(70_000)).expect("started");
                encoder.encode(&text(70_000), Then::End, &mut Vec::new()).expect("encoded");
                encoders.give(encoder);
                let mut encoder = encoders.take(coding, level).expect("an encoder");
                let mut coded = Vec::new();
                encoder.start(size).expect("started");
                encoder.encode(&text(5000), Then::End, &mut coded).expect("encoded");
                encoders.give(encoder);
                assert!(decode(coding, &coded) == text(5000), "{coding:?} {level}");
            }
        }
    }

    #[test]
    fn no_more_encoders_are_kept_than_the_limit_says() {
        let encoders = Encoders::default();
        let taken: Vec<_> = (0..KEPT_MAX + 3).map(|_| encoders.take(Coding::Gzip, 1).expect("an encoder")).collect();
        taken.into_iter().for_each(|encoder| encoders.give(encoder));
        assert_eq!(encoders.kept(), KEPT_MAX);
    }

    #[test]
    fn whole_bodies_come_one_after_another_at_any_level() {
        let encoders = Encoders::default();
        for (coding, level) in ALL.into_iter().chain(ALL) {
            let mut coded = Vec::new();
            encoders.encode_whole((coding, level), &text(5000), &mut coded).expect("encoded");
            assert!(decode(coding, &coded) == text(5000), "{coding:?} {level}");
        }
    }
}
