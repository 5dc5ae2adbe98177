//! Which answer a request for an asset gets: 200, 206, 304, 412 or 416.
//!
//! The fields were serialised at load. What depends on the request is a choice between them, the part of the body, and
//! `Content-Range`; several parts have a media type of their own. Methods other than GET and HEAD are the caller's to refuse.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::asset::Asset;
use super::content::Content;
use super::multipart::{self, Boundary, Parts};
use super::preconditions;
use super::stored::Stored;
use super::variant::Variant;
use crate::http::conditional::Outcome;
use crate::http::fields::FieldBlock;
use crate::http::range::{self, ByteRange, Selection};
use crate::http::request::{Known, Method, RequestHead};

/// An answer, to be written by a protocol.
#[derive(Debug)]
pub struct Answer<'a> {
    /// 200, 206, 304, 412 or 416.
    pub status: StatusCode,
    /// The fields, but for what follows here and what the protocol writes.
    pub fields: &'a FieldBlock,
    /// `Content-Range` of a 206 with one part, or of a 416.
    pub content_range: Option<HeaderValue>,
    /// `Content-Type` of a 206 with several parts; it stands in the place of that in `fields`, which each part has.
    pub parts_type: Option<HeaderValue>,
    /// `Content-Length`: for HEAD and 304 that of the 200 to a GET (RFC 9110 §8.6), which has no body here.
    pub length: u64,
    /// What is sent.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Empty,
    /// These bytes.
    Memory(Bytes),
    /// A part of what is stored, and never nothing of it. If that is a file on disk, it was that long at load; if it has been cut short since, the connection has
    /// to be closed.
    Stored {
        /// What is stored. See [`Stored::opened`].
        file: Arc<Stored>,
        /// Where the part begins, in bytes.
        offset: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// Several parts of a file.
    Parts(Box<Parts>),
}

/// Answers a GET or HEAD for an asset.
pub fn reply<'a>(asset: &'a Asset, head: &RequestHead) -> Answer<'a> {
    let variant = asset.select(head);
    match preconditions::outcome(head, &variant.validators()) {
        Outcome::Proceed => match selection(variant, head) {
            Selection::Whole => whole(variant, head),
            Selection::Part(range) => part(variant, range),
            Selection::Parts(ranges) => parts(variant, &ranges, head),
            Selection::Unsatisfiable => Answer {
                content_range: HeaderValue::try_from(format!("bytes */{}", variant.content.length())).ok(),
                ..refused(asset, StatusCode::RANGE_NOT_SATISFIABLE)
            },
        },
        Outcome::ProceedWhole => whole(variant, head),
        Outcome::NotModified => Answer {
            status: StatusCode::NOT_MODIFIED,
            fields: &variant.not_modified,
            content_range: None,
            parts_type: None,
            length: variant.content.length(),
            body: Body::Empty,
        },
        Outcome::Failed => refused(asset, StatusCode::PRECONDITION_FAILED),
    }
}

/// Only GET has ranges (RFC 9110 §14.2): a HEAD answers as if it asked for none.
fn selection(variant: &Variant, head: &RequestHead) -> Selection {
    match head.method() {
        Method::Head => Selection::Whole,
        _ => head.joined(Known::Range).map_or(Selection::Whole, |value| range::select(&value, variant.content.length())),
    }
}

fn whole<'a>(variant: &'a Variant, head: &RequestHead) -> Answer<'a> {
    let length = variant.content.length();
    let body = match (&variant.content, head.method()) {
        (_, Method::Head) => Body::Empty,
        (Content::Stored(_), _) if length == 0 => Body::Empty,
        (Content::Memory(bytes), _) => Body::Memory(bytes.clone()),
        (Content::Stored(file), _) => Body::Stored { file: Arc::clone(file), offset: 0, length },
    };
    Answer { status: StatusCode::OK, fields: &variant.full, content_range: None, parts_type: None, length, body }
}

fn part(variant: &Variant, range: ByteRange) -> Answer<'_> {
    let length = range.length();
    let body = match &variant.content {
        Content::Memory(bytes) => Body::Memory(multipart::slice(bytes, range)),
        Content::Stored(file) => Body::Stored { file: Arc::clone(file), offset: range.first, length },
    };
    let content_range = HeaderValue::try_from(multipart::content_range(range, variant.content.length())).ok();
    Answer { status: StatusCode::PARTIAL_CONTENT, fields: &variant.full, content_range, parts_type: None, length, body }
}

/// A coded representation is sent whole (RFC 9110 §14.2 allows it): `Content-Encoding` beside a multipart would say that the multipart is
/// coded, and clients that decode by it would fail.
fn parts<'a>(variant: &'a Variant, ranges: &[ByteRange], head: &RequestHead) -> Answer<'a> {
    let fields = &variant.full;
    if fields.get("content-encoding").is_some() {
        return whole(variant, head);
    }
    let boundary = Boundary::random();
    let parts = Parts::new(&variant.content, fields.get("content-type"), ranges, &boundary);
    Answer {
        status: StatusCode::PARTIAL_CONTENT,
        fields: &variant.full,
        content_range: None,
        parts_type: boundary.content_type(),
        length: parts.length(),
        body: Body::Parts(Box::new(parts)),
    }
}

fn refused(asset: &Asset, status: StatusCode) -> Answer<'_> {
    Answer { status, fields: &asset.refused, content_range: None, parts_type: None, length: 0, body: Body::Empty }
}
