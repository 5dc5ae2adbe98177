//! The three codings behind one face: bytes in, compressed bytes out, and nothing held back when a flush is asked for.
//!
//! Windows are small on purpose, so that what a stream costs does not depend on its length. In memory, for each response under way (measured): zstd
//! 0.7 MiB, br 0.9 MiB (1.5 MiB at level 4, 2 MiB at 5), gzip 0.35 MiB. A thousand at once are 0.4 to 0.9 GB at the default levels.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::mem;

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use flate2::{Compress, Compression, FlushCompress, Status};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, zstd_sys::ZSTD_EndDirective};

use crate::http::encoding::Coding;

/// zstd: 128 KiB, as little of a response looks back further. Decoders must take 8 MiB (RFC 8878 §3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 17;
/// zstd: entries of its two tables. Larger ones made nothing smaller within this window, and each response clears them.
const ZSTD_TABLE_LOG: u32 = 15;
/// br: the same window.
const BROTLI_WINDOW_LOG: i32 = 17;
/// br: compressed bytes on their way out of it.
const BROTLI_BUFFER_BYTES: usize = 8 * 1024;
/// gzip: the largest window that it has.
const GZIP_WINDOW_BITS: u8 = 15;
/// Room that is made in the output at a time.
const ROOM_BYTES: usize = 8 * 1024;
/// Calls of a library for one piece that bring nothing forward.
const IDLE_CALLS_MAX: usize = 4;
/// Encoders that a worker keeps for the next response: they cost more to make than a small body to compress.
const KEPT_MAX: usize = 8;

/// What follows a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// More, at once.
    More,
    /// Nothing for a while: all that went in comes out.
    Flush,
    /// Nothing.
    End,
}

/// A library refused its input or its memory; what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodeError(pub(crate) &'static str);

/// Compresses one body after another.
pub(crate) struct Encoder {
    coding: Coding,
    level: u8,
    state: State,
}

enum State {
    Zstd(CCtx<'static>),
    Gzip(Compress),
    /// Cannot be used again: made with each body.
    Brotli(Option<Box<CompressorWriter<Vec<u8>>>>),
}

impl Encoder {
    /// An encoder at this level.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn new(coding: Coding, level: u8) -> Result<Self, EncodeError> {
        let state = match coding {
            Coding::Zstd => State::Zstd(zstd(level)?),
            Coding::Gzip => State::Gzip(Compress::new_gzip(Compression::new(u32::from(level)), GZIP_WINDOW_BITS)),
            Coding::Brotli => State::Brotli(None),
        };
        Ok(Self { coding, level, state })
    }

    /// Begins a body; `size` is its length, where that is known.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub(crate) fn start(&mut self, size: Option<u64>) -> Result<(), EncodeError> {
        match &mut self.state {
            State::Zstd(context) => {
                context.reset(ResetDirective::SessionOnly).map_err(zstd_error)?;
                context.set_pledged_src_size(size).map_err(zstd_error)?;
            }
            State::Gzip(compress) => compress.reset(),
            State::Brotli(writer) => *writer = Some(Box::new(brotli(self.level, size))),
        }
        Ok(())
    }

    /// Compresses a piece and appends what comes of it to `out`.
    ///
    /// # Errors
    /// [`EncodeError`]; the body cannot be completed then.
    pub(crate) fn encode(&mut self, data: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &mut self.state {
            State::Zstd(context) => encode_zstd(context, data, then, out),
            State::Gzip(compress) => encode_gzip(compress, data, then, out),
            State::Brotli(writer) => encode_brotli(writer, data, then, out),
        }
    }
}

/// A whole body at once.
///
/// # Errors
/// [`EncodeError`].
pub(crate) fn encode_whole(coding: Coding, level: u8, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(coding, level)?;
    encoder.start(Some(body.len() as u64))?;
    encoder.encode(body, Then::End, &mut out)?;
    Ok(out)
}

fn zstd(level: u8) -> Result<CCtx<'static>, EncodeError> {
    let mut context = CCtx::try_create().ok_or(EncodeError("no memory for zstd"))?;
    for parameter in [
        CParameter::CompressionLevel(i32::from(level)),
        CParameter::WindowLog(ZSTD_WINDOW_LOG),
        CParameter::HashLog(ZSTD_TABLE_LOG),
        CParameter::ChainLog(ZSTD_TABLE_LOG),
    ] {
        context.set_parameter(parameter).map_err(zstd_error)?;
    }
    Ok(context)
}

fn zstd_error(code: usize) -> EncodeError {
    EncodeError(zstd_safe::get_error_name(code))
}

fn encode_zstd(context: &mut CCtx<'static>, data: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let directive = match then {
        Then::More => ZSTD_EndDirective::ZSTD_e_continue,
        Then::Flush => ZSTD_EndDirective::ZSTD_e_flush,
        Then::End => ZSTD_EndDirective::ZSTD_e_end,
    };
    let mut input = InBuffer::around(data);
    let mut idle_calls = 0;
    while idle_calls < IDLE_CALLS_MAX {
        out.reserve(ROOM_BYTES);
        let (taken, given) = (input.pos(), out.len());
        let mut output = OutBuffer::around_pos(out, given);
        let left = context.compress_stream2(&mut output, &mut input, directive).map_err(zstd_error)?;
        let is_done = if then == Then::More { input.pos() == data.len() } else { left == 0 };
        if is_done {
            return Ok(());
        }
        idle_calls = if (input.pos(), out.len()) == (taken, given) { idle_calls + 1 } else { 0 };
    }
    Err(EncodeError("zstd does not go on"))
}

fn encode_gzip(compress: &mut Compress, mut data: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let flush = match then {
        Then::More => FlushCompress::None,
        Then::Flush => FlushCompress::Sync,
        Then::End => FlushCompress::Finish,
    };
    let mut idle_calls = 0;
    while idle_calls < IDLE_CALLS_MAX {
        out.reserve(ROOM_BYTES);
        let (taken, given) = (compress.total_in(), out.len());
        let status = compress.compress_vec(data, out, flush).map_err(|_| EncodeError("zlib refuses its state"))?;
        let consumed = usize::try_from(compress.total_in() - taken).unwrap_or(usize::MAX);
        data = data.get(consumed..).unwrap_or_default();
        // Room that is left says that there was nothing more to write (zlib.h, deflate).
        let is_done = if then == Then::End { status == Status::StreamEnd } else { data.is_empty() && out.len() < out.capacity() };
        if is_done {
            return Ok(());
        }
        idle_calls = if (consumed, out.len()) == (0, given) { idle_calls + 1 } else { 0 };
    }
    Err(EncodeError("zlib does not go on"))
}

fn brotli(level: u8, size: Option<u64>) -> CompressorWriter<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: i32::from(level),
        lgwin: BROTLI_WINDOW_LOG,
        size_hint: size.and_then(|size| usize::try_from(size).ok()).unwrap_or_default(),
        ..BrotliEncoderParams::default()
    };
    CompressorWriter::with_params(Vec::new(), BROTLI_BUFFER_BYTES, &params)
}

fn encode_brotli(slot: &mut Option<Box<CompressorWriter<Vec<u8>>>>, data: &[u8], then: Then, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    const REFUSED: EncodeError = EncodeError("brotli refuses its state");
    let mut writer = slot.take().ok_or(REFUSED)?;
    writer.write_all(data).map_err(|_| REFUSED)?;
    if then == Then::End {
        out.append(&mut writer.into_inner());
        return Ok(());
    }
    if then == Then::Flush {
        writer.flush().map_err(|_| REFUSED)?;
    }
    out.append(writer.get_mut());
    *slot = Some(writer);
    Ok(())
}

/// Bodies that a worker compresses at once; further ones are sent as they are. Each takes up to a megabyte for as long as its client likes.
const ACTIVE_MAX: usize = 64;

/// Encoders that wait for their next body, and how many are at work; one set a worker.
#[derive(Default)]
pub(crate) struct Encoders {
    kept: RefCell<Vec<Encoder>>,
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
    pub(crate) fn permit(&self) -> Option<Permit<'_>> {
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
    pub(crate) fn take(&self, coding: Coding, level: u8) -> Result<Encoder, EncodeError> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().rposition(|encoder| (encoder.coding, encoder.level) == (coding, level));
        match at {
            Some(at) => Ok(kept.swap_remove(at)),
            None => Encoder::new(coding, level),
        }
    }

    /// Takes an encoder back that has ended its body.
    pub(crate) fn give(&self, mut encoder: Encoder) {
        let mut kept = self.kept.borrow_mut();
        if let State::Brotli(writer) = &mut encoder.state {
            // Its memory is of one body.
            drop(mem::take(writer));
        } else if kept.len() < KEPT_MAX {
            kept.push(encoder);
        }
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
pub(crate) mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    const ALL: [(Coding, u8); 9] = [
        (Coding::Zstd, 1),
        (Coding::Zstd, 3),
        (Coding::Zstd, 12),
        (Coding::Brotli, 1),
        (Coding::Brotli, 3),
        (Coding::Brotli, 9),
        (Coding::Gzip, 1),
        (Coding::Gzip, 2),
        (Coding::Gzip, 9),
    ];

    /// As much as can be decoded of what may be the begin of a body.
    pub(crate) fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Gzip => {
                let _ = flate2::read::GzDecoder::new(bytes).read_to_end(&mut out);
            }
            Coding::Brotli => {
                let _ = brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out);
            }
            Coding::Zstd => {
                let mut context = zstd_safe::DCtx::create();
                let mut input = InBuffer::around(bytes);
                loop {
                    let (taken, given) = (input.pos(), out.len());
                    out.reserve(ROOM_BYTES);
                    context.decompress_stream(&mut OutBuffer::around_pos(&mut out, given), &mut input).expect("valid zstd");
                    if (input.pos(), out.len()) == (taken, given) {
                        break;
                    }
                }
            }
        }
        out
    }

    fn text(bytes: usize) -> Vec<u8> {
        (0..).flat_map(|number: u32| format!("{{\"id\":{number},\"name\":\"item {}\"}},", number % 97).into_bytes()).take(bytes).collect()
    }

    #[test]
    fn every_coding_gives_the_body_back_and_makes_it_smaller() {
        for size in [0, 1, 1000, 50_000, 3_000_000] {
            let body = text(size);
            for (coding, level) in ALL {
                let coded = encode_whole(coding, level, &body).expect("encoded");
                assert!(size < 1000 || coded.len() * 3 < size, "{coding:?} {level}: {} of {size}", coded.len());
                assert!(decode(coding, &coded) == body, "{coding:?} {level} {size}");
            }
        }
    }

    #[test]
    fn what_was_flushed_can_be_read_before_the_body_ends() {
        for (coding, level) in ALL {
            let mut encoder = Encoder::new(coding, level).expect("an encoder");
            encoder.start(None).expect("started");
            let (mut coded, mut body) = (Vec::new(), Vec::new());
            for piece in [&b"{\"n\":1}\n"[..], b"x", &text(100_000), b"", b"{\"n\":2}\n"] {
                body.extend_from_slice(piece);
                encoder.encode(piece, Then::Flush, &mut coded).expect("encoded");
                assert!(decode(coding, &coded) == body, "{coding:?} {level}");
            }
            encoder.encode(b"", Then::End, &mut coded).expect("encoded");
            assert!(decode(coding, &coded) == body, "{coding:?} {level}");
        }
    }

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_in_any_pieces_come_back(
            pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9000), any::<bool>()), 0..8),
            which in 0..ALL.len(),
        ) {
            let (coding, level) = ALL[which];
            let mut encoder = Encoder::new(coding, level).expect("an encoder");
            encoder.start(None).expect("started");
            let mut coded = Vec::new();
            for (piece, flush) in &pieces {
                encoder.encode(piece, if *flush { Then::Flush } else { Then::More }, &mut coded).expect("encoded");
            }
            encoder.encode(b"", Then::End, &mut coded).expect("encoded");
            let body: Vec<u8> = pieces.into_iter().flat_map(|(piece, _)| piece).collect();
            prop_assert!(decode(coding, &coded) == body);
        }
    }
}
