//! ISA-L: gzip of a whole body in vector instructions. The one place where the edge calls a library that takes pointers.
//!
//! Which bodies are for it, [`super::whole`] says.
#![allow(unsafe_code, reason = "ISA-L has no safe interface that keeps its tables from one body to the next")]

use std::ptr::null_mut;

use isal_sys::igzip_lib::{
    COMP_OK, IGZIP_GZIP, ISAL_DEF_LVL2_DEFAULT, NO_FLUSH, isal_deflate_stateless, isal_deflate_stateless_init, isal_zstream,
};

use super::encoder::EncodeError;

/// Its levels 1 and 2 take the same time; the second has the larger table. (The third takes longer than libdeflate where there is no AVX-512.)
const LEVEL: u32 = 2;
/// How far back it looks, as a power of two: 8 KiB. It takes the last place where four bytes were, however far that is, and four bytes from far away take more
/// bits than they save: lists of JSON get 2 to 3 % smaller by this than with 32 KiB.
const WINDOW_LOG: u16 = 13;
/// What its second level needs for tables and for a block of 64 Ki tokens.
const TABLES_BYTES: usize = ISAL_DEF_LVL2_DEFAULT as usize;
/// Bytes around a stored body: the header and the trailer of gzip.
const FRAME_BYTES: usize = 18;
/// A stored block.
const STORED_BYTES_MAX: usize = 65_535;
const STORED_HEADER_BYTES: usize = 5;

/// Compresses one whole body after another; 0.4 MB.
pub(super) struct Igzip {
    /// Some 80 KB, of which no pointer outlives a call.
    stream: Box<isal_zstream>,
    /// Words, as the library keeps structs in it.
    tables: Vec<u64>,
}

impl Igzip {
    /// `None` where the processor has no AVX2: without, it is no faster than others.
    pub(super) fn new() -> Option<Self> {
        if !std::arch::is_x86_feature_detected!("avx2") {
            return None;
        }
        let mut stream = Box::<isal_zstream>::new_uninit();
        // SAFETY: one struct is written where one is allocated. It is of numbers, arrays of them, and raw pointers, for all of which zero is a value.
        let stream = unsafe {
            stream.as_mut_ptr().write_bytes(0, 1);
            stream.assume_init()
        };
        Some(Self { stream, tables: vec![0; TABLES_BYTES.div_ceil(size_of::<u64>())] })
    }

    /// The most bytes that come of so many: what cannot be compressed is stored.
    pub(super) const fn bytes_max(body_bytes: usize) -> usize {
        let blocks = body_bytes.div_ceil(STORED_BYTES_MAX);
        FRAME_BYTES + body_bytes + STORED_HEADER_BYTES * if blocks == 0 { 1 } else { blocks }
    }

    /// Compresses a body into `room`; gives the bytes that it took.
    ///
    /// # Errors
    /// When the room is too small, or one of both longer than the library counts.
    pub(super) fn encode(&mut self, body: &[u8], room: &mut [u8]) -> Result<usize, EncodeError> {
        let too_long = |_| EncodeError("too long for gzip");
        let (body_bytes, room_bytes) = (u32::try_from(body.len()).map_err(too_long)?, u32::try_from(room.len()).map_err(too_long)?);
        let stream = &mut *self.stream;
        // SAFETY: it writes the fields of the struct that it is given, and keeps nothing of it.
        unsafe { isal_deflate_stateless_init(stream) };
        stream.level = LEVEL;
        stream.level_buf = self.tables.as_mut_ptr().cast();
        stream.level_buf_size = ISAL_DEF_LVL2_DEFAULT;
        stream.hist_bits = WINDOW_LOG;
        stream.gzip_flag = IGZIP_GZIP as u16;
        stream.flush = NO_FLUSH as u16;
        stream.end_of_stream = 1;
        // It is declared as mutable, and only read.
        stream.next_in = body.as_ptr().cast_mut();
        stream.avail_in = body_bytes;
        stream.next_out = room.as_mut_ptr();
        stream.avail_out = room_bytes;
        // SAFETY: the three buffers are borrowed until after the call, are as long as is said (`tables` is at least `TABLES_BYTES`, and aligned for what the
        // library keeps there), and do not overlap. It reads no other byte of `room` or `tables` than such that it wrote or that we set to zero.
        let code = unsafe { isal_deflate_stateless(stream) };
        (stream.next_in, stream.next_out, stream.level_buf) = (null_mut(), null_mut(), null_mut());
        if u32::try_from(code) != Ok(COMP_OK) || stream.avail_in != 0 {
            return Err(EncodeError("no room for gzip"));
        }
        usize::try_from(stream.total_out).map_err(|_| EncodeError("too long for gzip"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encoder::tests::{decode, text};
    use super::*;
    use crate::http::encoding::Coding;

    /// What comes of a body where there is exactly as much room as it may take.
    fn encode(igzip: &mut Igzip, body: &[u8]) -> Vec<u8> {
        let mut room = vec![0; Igzip::bytes_max(body.len())];
        let bytes = igzip.encode(body, &mut room).expect("room enough");
        room.truncate(bytes);
        room
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let next = |_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 56) as u8
        };
        (0..bytes).map(next).collect()
    }

    #[test]
    fn every_length_comes_back_in_the_room_that_it_may_take() {
        let Some(mut igzip) = Igzip::new() else { return };
        for size in [0, 1, 2, 3, 7, 8, 9, 257, 258, 259, 8191, 8192, 65_534, 65_535, 65_536, 131_070, 131_071, 1_000_000] {
            for body in [text(size), noise(size), vec![0; size]] {
                let coded = encode(&mut igzip, &body);
                assert!(decode(Coding::Gzip, &coded) == body, "{size}");
            }
        }
    }

    #[test]
    fn what_cannot_be_compressed_is_stored() {
        let Some(mut igzip) = Igzip::new() else { return };
        for size in [1000, 65_535, 65_536, 200_000] {
            assert_eq!(encode(&mut igzip, &noise(size)).len(), Igzip::bytes_max(size), "{size}");
        }
    }

    #[test]
    fn too_little_room_is_an_error_and_the_next_body_comes_back() {
        let Some(mut igzip) = Igzip::new() else { return };
        for room_bytes in [0, 1, 9, 10, 17, 100, 1000] {
            assert!(igzip.encode(&noise(5000), &mut vec![0; room_bytes]).is_err(), "{room_bytes}");
            let body = text(50_000);
            assert!(decode(Coding::Gzip, &encode(&mut igzip, &body)) == body);
        }
    }

    #[test]
    fn a_body_gives_the_same_bytes_whatever_was_before_it() {
        let (Some(mut fresh), Some(mut used)) = (Igzip::new(), Igzip::new()) else { return };
        for before in [text(100), noise(70_000), vec![b'{'; 300_000]] {
            encode(&mut used, &before);
            assert!(encode(&mut used, &text(60_000)) == encode(&mut fresh, &text(60_000)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn any_bodies_come_back_from_one_encoder(
            bodies in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..700), 0..200_usize, 1..9_usize), 1..5),
        ) {
            let Some(mut igzip) = Igzip::new() else { return Ok(()) };
            for (part, times, step) in bodies {
                // Repetitions near and far, some with a difference in between.
                let body: Vec<u8> = (0..times).flat_map(|time| part.iter().map(move |byte| byte.wrapping_add((time % step) as u8 / 7))).collect();
                let coded = encode(&mut igzip, &body);
                prop_assert!(coded.len() <= Igzip::bytes_max(body.len()));
                prop_assert!(decode(Coding::Gzip, &coded) == body);
            }
        }
    }
}
