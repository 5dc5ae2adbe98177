//! Several parts of a file, sent on an HTTP/2 stream. What they are, `assets::Parts` says.

use std::io;

use super::{Http2Responder, Then};
use crate::assets::{PartData, Parts};

impl Http2Responder {
    /// Sends all parts; the head of the response has been sent.
    pub(super) async fn send_parts(&mut self, parts: Parts) -> io::Result<()> {
        for part in parts.parts {
            self.send_data(part.head, Then::More).await?;
            match part.data {
                PartData::Memory(bytes) => self.send_data(bytes, Then::More).await?,
                PartData::Stored { file, range } => match file.copy(range.first, range.length()) {
                    Some(bytes) => self.send_data(bytes, Then::More).await?,
                    None => self.send_file(&file, (range.first, range.length()), Then::More).await?,
                },
            }
        }
        self.send_data(parts.end, Then::End).await
    }
}
