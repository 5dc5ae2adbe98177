//! Several parts of a file, sent on an HTTP/2 stream. What they are, `assets::Parts` says.

use std::io;

use super::Http2Responder;
use crate::assets::{PartData, Parts};

impl Http2Responder {
    /// Sends all parts; the head of the response has been sent.
    pub(super) async fn send_parts(&mut self, parts: Parts) -> io::Result<()> {
        for part in parts.parts {
            self.send_data(part.head, false).await?;
            match part.data {
                PartData::Memory(bytes) => self.send_data(bytes, false).await?,
                PartData::Stored { file, range } => match file.copy(range.first, range.length()) {
                    Some(bytes) => self.send_data(bytes, false).await?,
                    None => self.send_file(&file, (range.first, range.length()), false).await?,
                },
            }
        }
        self.send_data(parts.end, true).await
    }
}
