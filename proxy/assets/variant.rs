//! One representation of a file: its bytes in one coding, its validators and its response fields.

use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue, header};

use super::asset::Asset;
use super::content::{Content, ReadFile};
use super::unchanged::Origin;
use super::{Fields, Options};
use crate::http::conditional::{Strength, Validators};
use crate::http::date;
use crate::http::encoding::Coding;
use crate::http::fields::FieldBlock;

/// The texts of an entity tag and of a time, with what their allocations cost.
const VALUES_BYTES: u64 = 192;
/// Three times a usual path.
const KEY_BYTES: u64 = 3 * 48;

/// What all representations of a file have in common.
pub(super) struct Common<'a> {
    pub(super) content_type: HeaderValue,
    pub(super) cache_control: HeaderValue,
    /// Seconds since the epoch.
    pub(super) last_modified: Option<u64>,
    pub(super) vary: Vary,
    pub(super) options: &'a Options<'a>,
}

/// Whether the answer depends on `Accept-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vary {
    /// The file has one representation.
    No,
    /// It has several.
    ByEncoding,
}

/// The bytes of a coded form.
pub(super) struct Form {
    pub(super) content: Content,
    /// XXH3-128 of its bytes.
    pub(super) hash: u128,
    /// The sibling that it was read from; `None` when it was made.
    pub(super) origin: Option<Origin>,
}

impl From<ReadFile> for Form {
    fn from(read: ReadFile) -> Self {
        Self { content: read.content, hash: read.hash, origin: read.origin }
    }
}

/// A representation (RFC 9110 §8).
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) content: Content,
    /// XXH3-128 of its bytes.
    pub(super) hash: u128,
    /// The file that has these bytes; `None` when they were made, or may have changed unseen.
    pub(super) origin: Option<Origin>,
    etag: HeaderValue,
    last_modified: Option<u64>,
    date_strength: Strength,
    /// The fields of a 200 and of a 206.
    pub(super) full: FieldBlock,
    /// The fields of a 304.
    pub(super) not_modified: FieldBlock,
}

impl Variant {
    /// Serialises the fields of the file as it is.
    pub(super) fn new(file: ReadFile, common: &Common<'_>) -> Self {
        let etag = entity_tag(file.hash, None);
        let mut validators: Fields = vec![(header::ETAG, etag.clone())];
        if let Some(date) = common.last_modified.and_then(|seconds| HeaderValue::from_bytes(&date::format(seconds)).ok()) {
            validators.push((header::LAST_MODIFIED, date));
        }
        validators.push((header::CACHE_CONTROL, common.cache_control.clone()));

        let mut full: Fields = vec![(header::CONTENT_TYPE, common.content_type.clone())];
        full.extend(validators.iter().cloned());
        full.push((header::ACCEPT_RANGES, HeaderValue::from_static("bytes")));

        // RFC 9110 §15.4.5: a 304 has what updates a stored response, and nothing that describes a body it does not have; the
        // route's policy cannot bring that back.
        let mut not_modified = finished(validators, common.vary, common.options);
        not_modified.retain(|(name, _)| *name != header::CONTENT_TYPE && *name != header::CONTENT_ENCODING);

        Self {
            content: file.content,
            hash: file.hash,
            origin: file.origin,
            etag,
            last_modified: common.last_modified,
            date_strength: date_strength(common),
            full: FieldBlock::new(finished(full, common.vary, common.options)),
            not_modified: FieldBlock::new(not_modified),
        }
    }

    /// About how many bytes it takes beside its content.
    pub(super) fn bookkeeping_bytes(&self) -> u64 {
        size_of::<Self>() as u64 + VALUES_BYTES + self.full.memory_bytes() + self.not_modified.memory_bytes()
    }

    pub(super) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// The coded form of this representation: other bytes, another entity tag, and `Content-Encoding`; all else, the route's policy
    /// too, is as it was.
    ///
    /// The tag is of the coded bytes, not of the file's: two versions of an encoder may make two forms of one file, and the parts of
    /// these must never be put together. Replicas of one version have the same bytes, and so the same tag.
    pub(super) fn coded(&self, coding: Coding, form: Form) -> Self {
        let etag = entity_tag(form.hash, Some(coding));
        let retagged = |block: &FieldBlock| -> Fields {
            let typed = |(name, value)| Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?));
            let fields = block.iter().filter_map(typed);
            fields
                .map(|(name, value)| if name == header::ETAG && value == self.etag { (name, etag.clone()) } else { (name, value) })
                .collect()
        };
        let mut full = retagged(&self.full);
        full.retain(|(name, _)| *name != header::CONTENT_ENCODING);
        let place = full.iter().position(|(name, _)| *name == header::CONTENT_TYPE).map_or(0, |at| at + 1);
        full.insert(place, (header::CONTENT_ENCODING, HeaderValue::from_static(coding.name())));
        Self {
            content: form.content,
            hash: form.hash,
            origin: form.origin,
            full: FieldBlock::new(full),
            not_modified: FieldBlock::new(retagged(&self.not_modified)),
            etag,
            last_modified: self.last_modified,
            date_strength: self.date_strength,
        }
    }

    /// The same, with a content that shares no memory with other files.
    pub(super) fn detached(&self) -> Self {
        Self {
            content: self.content.detached(),
            hash: self.hash,
            origin: self.origin,
            etag: self.etag.clone(),
            last_modified: self.last_modified,
            date_strength: self.date_strength,
            full: self.full.clone(),
            not_modified: self.not_modified.clone(),
        }
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators { etag: self.etag.as_bytes(), last_modified: self.last_modified, date_strength: self.date_strength }
    }
}

/// About what the bookkeeping of a file will be, before it is made: that of one with all the fields that files have.
pub(super) fn bookkeeping_estimate_bytes(options: &Options<'_>) -> u64 {
    let content = Content::Memory(bytes::Bytes::new());
    let file = ReadFile { content, hash: 0, is_utf8: true, modified: None, origin: None };
    let common = Common {
        content_type: HeaderValue::from_static("text/javascript; charset=utf-8"),
        cache_control: HeaderValue::from_static("public, max-age=31536000, immutable"),
        last_modified: Some(0),
        vary: Vary::ByEncoding,
        options,
    };
    Variant::new(file, &common).bookkeeping_bytes() + size_of::<Asset>() as u64 + KEY_BYTES
}

/// A file that was read within the second of its modification may have changed once more in that second (RFC 9110 §8.8.2.2).
fn date_strength(common: &Common<'_>) -> Strength {
    let loaded = common.options.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if common.last_modified.is_some_and(|modified| modified < loaded) { Strength::Strong } else { Strength::Weak }
}

/// The fields of a 412 or 416. They are the same for all files: neither says anything about the representation but its length
/// (`Content-Range`, which comes with the answer), and neither may be stored, neither under the policy of the file nor under
/// one that the route sets for its files.
pub(super) fn refused(vary: Vary, options: &Options<'_>) -> FieldBlock {
    let mut fields = finished(vec![(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))], vary, options);
    fields.retain(|(name, _)| *name != header::CACHE_CONTROL);
    fields.insert(0, (header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    FieldBlock::new(fields)
}

/// Merges in the route's policy. `Vary: Accept-Encoding` stays whatever that says: without it a cache gives a coded body to a
/// client that cannot read it.
fn finished(fields: Fields, vary: Vary, options: &Options<'_>) -> Fields {
    let accept_encoding = (header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let mut fields = fields;
    if vary == Vary::ByEncoding {
        fields.push(accept_encoding.clone());
    }
    let mut fields = (options.decorate)(fields);
    if vary == Vary::ByEncoding && !fields.iter().any(varies_by_encoding) {
        fields.push(accept_encoding);
    }
    fields
}

fn varies_by_encoding((name, value): &(HeaderName, HeaderValue)) -> bool {
    *name == header::VARY
        && value
            .as_bytes()
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|member| member == b"*" || member.eq_ignore_ascii_case(b"accept-encoding"))
}

/// A strong entity tag (RFC 9110 §8.8.3): the hash of the bytes as they are sent, and the coding, so that two representations
/// never share one.
fn entity_tag(hash: u128, coding: Option<Coding>) -> HeaderValue {
    let tag = match coding {
        None => format!("\"{hash:032x}\""),
        Some(coding) => format!("\"{hash:032x}-{}\"", coding.name()),
    };
    // Hexadecimal digits and letters: this cannot fail.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}
