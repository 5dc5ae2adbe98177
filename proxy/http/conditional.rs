//! Preconditions in the order of RFC 9110 §13.2.2.

/// What the selected representation is known by.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// The entity tag with its quotes, as sent: `"abc"` or `W/"abc"`.
    pub etag: &'a [u8],
    /// The modification date in seconds since the epoch, if one is sent.
    pub last_modified: Option<u64>,
}

/// The conditional fields of a request; each value as received, lists joined with `, `.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a [u8]>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a [u8]>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a [u8]>,
    /// `If-Range`.
    pub if_range: Option<&'a [u8]>,
}

/// What the preconditions say of a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer normally, and honour a `Range`.
    Proceed,
    /// Answer normally with the whole representation: `If-Range` does not hold.
    ProceedWhole,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD (RFC 9110 §13.2.2). Unparsable dates are ignored (§13.1.3, §13.1.4).
pub fn evaluate(conditions: &Conditions<'_>, validators: &Validators<'_>) -> Outcome {
    let _ = (conditions, validators);
    todo!()
}
