//! Several parts of a file, sent on an HTTP/1 connection. What they are, `assets::Parts` says.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWrite;

use super::Http1Responder;
use crate::assets::{PartData, Parts, Stored};
use crate::serve::exchange::Responder;
use crate::serve::file;
use crate::serve::plain::SendFile;

/// Whether the head of the response is still to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Waiting,
    Sent,
}

impl<S: AsyncWrite + SendFile + Unpin> Http1Responder<'_, S> {
    /// Sends the head of the response and all parts.
    pub(super) async fn send_parts(&mut self, parts: Parts) -> io::Result<()> {
        let mut head = Head::Waiting;
        for part in parts.parts {
            match part.data {
                PartData::Memory(bytes) => self.write_span(head, &part.head, &bytes).await?,
                PartData::Stored { file, range } => match file.copy(range.first, range.length()) {
                    Some(bytes) => self.write_span(head, &part.head, &bytes).await?,
                    None => self.write_file(head, &part.head, &file, (range.first, range.length())).await?,
                },
            }
            head = Head::Sent;
        }
        self.write_span(head, &[], &parts.end).await?;
        self.finish();
        Ok(())
    }

    async fn write_span(&mut self, head: Head, before: &[u8], data: &[u8]) -> io::Result<()> {
        self.write_pieces(head == Head::Waiting, before, data, &[]).await?;
        // The length of the response counts what stands between the parts, as the client does.
        self.sent.body_bytes += before.len() as u64;
        Ok(())
    }

    /// Sends the head of the response and a part of what is stored, read into memory piece by piece.
    pub(super) async fn send_read(&mut self, file: &Arc<Stored>, offset: u64, length: u64) -> io::Result<()> {
        self.write_file(Head::Waiting, &[], file, (offset, length)).await?;
        self.finish();
        Ok(())
    }

    async fn write_file(
        &mut self,
        mut head: Head,
        mut before: &[u8],
        file: &Arc<Stored>,
        (mut offset, mut left): (u64, u64),
    ) -> io::Result<()> {
        let mut buffer = vec![0; file::PIECE_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX))];
        while left > 0 {
            let (filled, bytes) = file::read_at(file, offset, buffer, self.disk).await?;
            if bytes == 0 {
                self.abort();
                return Err(file::became_shorter());
            }
            let bytes = bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= bytes as u64;
            offset += bytes as u64;
            self.write_span(head, before, filled.get(..bytes).unwrap_or_default()).await?;
            (head, before) = (Head::Sent, &[]);
            buffer = filled;
        }
        Ok(())
    }
}
