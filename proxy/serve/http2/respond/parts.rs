//! Several parts of a file, sent on an HTTP/2 stream. What they are, `assets::Parts` says.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::{Http2Responder, PIECE_BYTES_MAX};
use crate::assets::{PartData, Parts, Stored};
use crate::http::range::ByteRange;
use crate::serve::exchange::Responder;
use crate::serve::file;

impl Http2Responder {
    /// Sends all parts; the head of the response has been sent.
    pub(super) async fn send_parts(&mut self, parts: Parts) -> io::Result<()> {
        for part in parts.parts {
            self.send_data(part.head, false).await?;
            match part.data {
                PartData::Memory(bytes) => self.send_data(bytes, false).await?,
                PartData::Stored { file, range } => match file.copy(range.first, range.length()) {
                    Some(bytes) => self.send_data(bytes, false).await?,
                    None => self.send_range(&file, range).await?,
                },
            }
        }
        self.send_data(parts.end, true).await
    }

    async fn send_range(&mut self, file: &Arc<Stored>, range: ByteRange) -> io::Result<()> {
        let (mut offset, mut left) = (range.first, range.length());
        while left > 0 {
            let buffer = vec![0; PIECE_BYTES_MAX.min(usize::try_from(left).unwrap_or(usize::MAX))];
            let (mut filled, bytes) = file::read_at(file, offset, buffer).await?;
            if bytes == 0 {
                self.abort();
                return Err(file::became_shorter());
            }
            filled.truncate(bytes);
            offset += bytes as u64;
            left = left.saturating_sub(bytes as u64);
            self.send_data(Bytes::from(filled), false).await?;
        }
        Ok(())
    }
}
