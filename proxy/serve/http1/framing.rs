//! Where a message body ends (RFC 9112 §6).

use crate::http::hop;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    Empty,
    /// This many bytes.
    Length(u64),
    /// Chunks, the last of them empty.
    Chunked,
    /// Until the connection closes; responses only.
    UntilClose,
}

/// Why the fields that frame a body cannot be trusted; each is a smuggling attempt or a broken peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FramingError {
    /// `Content-Length` is no number, or stands more than once.
    BadLength,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.3: "ought to be handled as an error").
    LengthAndCoding,
    /// `Transfer-Encoding` stands more than once, or names `chunked` not alone and last.
    BadCoding,
    /// A transfer coding that is not known (501).
    UnknownCoding,
}

impl FramingError {
    /// For the log.
    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::BadLength => "malformed or repeated Content-Length",
            Self::LengthAndCoding => "both Content-Length and Transfer-Encoding",
            Self::BadCoding => "malformed Transfer-Encoding",
            Self::UnknownCoding => "unknown transfer coding",
        }
    }
}

/// The fields that frame a body, gathered while a head is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
    error: Option<FramingError>,
}

impl FramingFields {
    /// Takes in a `Content-Length`.
    pub(crate) fn content_length(&mut self, value: &[u8]) {
        match (parse_length(value), self.length) {
            (Some(length), None) => self.length = Some(length),
            // Even two that agree: nobody honest sends them, and not everybody reads them the same way.
            (Some(_), Some(_)) | (None, _) => self.fail(FramingError::BadLength),
        }
    }

    /// Takes in a `Transfer-Encoding`.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        if self.chunked {
            return self.fail(FramingError::BadCoding);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return;
        }
        let names_chunked = hop::members(value).any(|member| member.to_ascii_lowercase().starts_with(b"chunked"));
        self.fail(if names_chunked || value.is_empty() { FramingError::BadCoding } else { FramingError::UnknownCoding });
    }

    fn fail(&mut self, error: FramingError) {
        self.error.get_or_insert(error);
    }

    /// `Some(Length | Chunked)` where a field says so, `None` where none does.
    pub(crate) fn resolve(self) -> Result<Option<Framing>, FramingError> {
        match (self.error, self.length, self.chunked) {
            (Some(error), _, _) => Err(error),
            (None, Some(_), true) => Err(FramingError::LengthAndCoding),
            (None, None, true) => Ok(Some(Framing::Chunked)),
            (None, Some(0), false) => Ok(Some(Framing::Empty)),
            (None, Some(length), false) => Ok(Some(Framing::Length(length))),
            (None, None, false) => Ok(None),
        }
    }
}

/// Digits only (RFC 9110 §8.6): no sign, no white space, no list.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |length, &byte| byte.is_ascii_digit().then(|| length * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(lengths: &[&str], codings: &[&str]) -> Result<Option<Framing>, FramingError> {
        let mut fields = FramingFields::default();
        lengths.iter().for_each(|value| fields.content_length(value.as_bytes()));
        codings.iter().for_each(|value| fields.transfer_encoding(value.as_bytes()));
        fields.resolve()
    }

    #[test]
    fn a_plain_length_or_chunked_is_believed() {
        assert_eq!(resolve(&[], &[]), Ok(None));
        assert_eq!(resolve(&["12"], &[]), Ok(Some(Framing::Length(12))));
        assert_eq!(resolve(&["0"], &[]), Ok(Some(Framing::Empty)));
        assert_eq!(resolve(&[], &["Chunked"]), Ok(Some(Framing::Chunked)));
    }

    #[test]
    fn every_ambiguous_framing_is_an_error() {
        for lengths in [&["1", "1"][..], &["1", "2"], &["+1"], &["-1"], &["1, 1"], &[""], &["0x1"], &["1 "], &["99999999999999999999"]] {
            assert_eq!(resolve(lengths, &[]), Err(FramingError::BadLength), "{lengths:?}");
        }
        assert_eq!(resolve(&["1"], &["chunked"]), Err(FramingError::LengthAndCoding));
        for codings in
            [&["chunked", "chunked"][..], &["chunked, chunked"], &["gzip, chunked"], &["chunked;x"], &["chunked, identity"], &[""]]
        {
            assert_eq!(resolve(&[], codings), Err(FramingError::BadCoding), "{codings:?}");
        }
        assert_eq!(resolve(&[], &["gzip"]), Err(FramingError::UnknownCoding));
    }
}
