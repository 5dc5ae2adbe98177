//! The three codings behind one face: bytes in, compressed bytes out, and nothing held back when a flush is asked for.
//!
//! Windows are small on purpose, so that what a stream costs does not depend on its length. In memory, for each response under way (measured): zstd
//! 0.7 MiB, br 0.9 MiB (1.5 MiB at level 4, 2 MiB at 5), gzip 0.35 MiB. A thousand at once are 0.4 to 0.9 GB at the default levels.

use std::io::Write;

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

    /// Compresses a body that is all here, from begin to end.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub(super) fn encode_whole(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.start(Some(body.len() as u64))?;
        if let State::Zstd(_) = self.state {
            // Where all of it has room, it is compressed from here to there, and not through buffers of its own.
            out.reserve(zstd_safe::compress_bound(body.len()));
        }
        self.encode(body, Then::End, out)
    }

    /// `true` when it compresses like this.
    pub(super) fn is_of(&self, coding: Coding, level: u8) -> bool {
        (self.coding, self.level) == (coding, level)
    }

    /// `true` when anything of it is of use for another body.
    pub(super) fn lasts(&self) -> bool {
        // The memory of br is of one body.
        !matches!(self.state, State::Brotli(_))
    }
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

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    pub(crate) const ALL: [(Coding, u8); 9] = [
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

    pub(crate) fn text(bytes: usize) -> Vec<u8> {
        (0..).flat_map(|number: u32| format!("{{\"id\":{number},\"name\":\"item {}\"}},", number % 97).into_bytes()).take(bytes).collect()
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
