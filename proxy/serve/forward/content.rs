//! The content of a response as it comes from an upstream, whatever protocol carries it.

use tokio::io::AsyncRead;

use crate::serve::http1::body::{BodyError, BodyReader, Piece};

/// What is read piece by piece.
pub(super) trait Content {
    /// `true` when a next piece need not be waited for.
    fn is_at_hand(&mut self) -> bool;

    /// The next piece.
    async fn next(&mut self) -> Result<Piece<'_>, BodyError>;
}

impl<S: AsyncRead + Unpin> Content for BodyReader<'_, S> {
    fn is_at_hand(&mut self) -> bool {
        self.is_done() || self.has_buffered()
    }

    async fn next(&mut self) -> Result<Piece<'_>, BodyError> {
        BodyReader::next(self).await
    }
}
