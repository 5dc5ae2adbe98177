//! `multipart/byteranges` (RFC 9110 §14.6): several parts of one file in one body.
//!
//! It says what is sent and how long that is; which ranges there are is for `http::range` to say, and the protocols write it. No bytes of the
//! file are copied.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use super::content::Content;
use super::stored::Stored;
use crate::http::range::ByteRange;

/// A line that stands between parts, and by which they are told apart (RFC 2046 §5.1.1).
pub(super) struct Boundary(String);

impl Boundary {
    /// One that no file can have by intent: the keys come from the system's randomness, and SipHash does not give them away. So whoever wrote
    /// the file cannot have known it, and 128 bits are not guessed.
    pub(super) fn random() -> Self {
        let keys = RandomState::new();
        Self(format!("{:016x}{:016x}", keys.hash_one(0_u8), keys.hash_one(1_u8)))
    }

    /// The `Content-Type` of the whole.
    pub(super) fn content_type(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("multipart/byteranges; boundary={}", self.0)).ok()
    }
}

/// The body of a 206 with several parts.
#[derive(Debug, Clone)]
pub struct Parts {
    /// In the order in which they are sent.
    pub parts: Vec<Part>,
    /// What is sent after the last.
    pub end: Bytes,
}

/// One of several parts.
#[derive(Debug, Clone)]
pub struct Part {
    /// What is sent before its bytes: the boundary and its own fields.
    pub head: Bytes,
    /// Its bytes.
    pub data: PartData,
}

/// The bytes of a part.
#[derive(Debug, Clone)]
pub enum PartData {
    /// These.
    Memory(Bytes),
    /// A part of what is stored, as in [`Body::Stored`](super::Body::Stored).
    Stored {
        /// What is stored.
        file: Arc<Stored>,
        /// Where the part is.
        range: ByteRange,
    },
}

impl Parts {
    /// These ranges of a representation, of this media type; each has to lie within.
    pub(super) fn new(content: &Content, content_type: Option<&[u8]>, ranges: &[ByteRange], boundary: &Boundary) -> Self {
        let length = content.length();
        let Boundary(boundary) = boundary;
        let head = |(index, &range): (usize, &ByteRange)| {
            // The line end before a delimiter belongs to it; before the first there is nothing to end.
            let start = if index == 0 { "" } else { "\r\n" };
            let mut head = format!("{start}--{boundary}\r\n").into_bytes();
            // §15.3.7.2: what the Content-Type of a 200 would be stands in each part.
            if let Some(content_type) = content_type {
                head.extend_from_slice(b"content-type: ");
                head.extend_from_slice(content_type);
                head.extend_from_slice(b"\r\n");
            }
            head.extend_from_slice(format!("content-range: {}\r\n\r\n", content_range(range, length)).as_bytes());
            Part { head: head.into(), data: PartData::new(content, range) }
        };
        Self { parts: ranges.iter().enumerate().map(head).collect(), end: format!("\r\n--{boundary}--\r\n").into() }
    }

    /// Its length in bytes, with everything that stands between the parts.
    pub fn length(&self) -> u64 {
        let parts = self.parts.iter().map(|part| (part.head.len() as u64).saturating_add(part.data.length()));
        parts.fold(self.end.len() as u64, u64::saturating_add)
    }
}

impl PartData {
    fn new(content: &Content, range: ByteRange) -> Self {
        match content {
            Content::Memory(bytes) => Self::Memory(slice(bytes, range)),
            Content::Stored(file) => Self::Stored { file: Arc::clone(file), range },
        }
    }

    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored { range, .. } => range.length(),
        }
    }
}

/// The value of `Content-Range` (RFC 9110 §14.4) for a part of `length` bytes.
pub(super) fn content_range(range: ByteRange, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.first, range.last)
}

/// The bytes of a range; none when it does not lie within, which `http::range` rules out.
pub(super) fn slice(bytes: &Bytes, range: ByteRange) -> Bytes {
    let within = |offset| usize::try_from(offset).ok();
    let part = within(range.first).zip(within(range.last)).and_then(|(first, last)| bytes.get(first..=last));
    part.map(|part| bytes.slice_ref(part)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed_as_in_the_example_of_the_rfc() {
        let content = Content::Memory(Bytes::from_static(b"0123456789"));
        let ranges = [ByteRange { first: 0, last: 1 }, ByteRange { first: 7, last: 9 }];
        let parts = Parts::new(&content, Some(b"text/plain"), &ranges, &Boundary("SEPARATES".to_owned()));
        let mut sent = Vec::new();
        for part in &parts.parts {
            sent.extend_from_slice(&part.head);
            if let PartData::Memory(bytes) = &part.data {
                sent.extend_from_slice(bytes);
            }
        }
        sent.extend_from_slice(&parts.end);
        assert_eq!(
            String::from_utf8_lossy(&sent),
            "--SEPARATES\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-1/10\r\n\r\n01\r\n\
             --SEPARATES\r\ncontent-type: text/plain\r\ncontent-range: bytes 7-9/10\r\n\r\n789\r\n--SEPARATES--\r\n"
        );
        assert_eq!(parts.length(), sent.len() as u64);
    }

    #[test]
    fn no_two_answers_have_the_same_boundary() {
        let boundaries: Vec<String> = (0..100).map(|_| Boundary::random().0).collect();
        for (index, one) in boundaries.iter().enumerate() {
            // RFC 2046 §5.1.1: at most 70 characters; these need no quotes.
            assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(!boundaries.iter().skip(index + 1).any(|other| one == other));
        }
    }
}
