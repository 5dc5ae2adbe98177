//! What the conditions of a request (RFC 9110 §13) make of a file: whether it is sent, whole or in part, or not.
//!
//! Reads the fields; what they mean is `http::conditional`'s.

use crate::http::conditional::{Conditions, Outcome, Validators, evaluate};
use crate::http::request::{Known, RequestHead};

/// Evaluates the five fields against a content with these validators.
pub(super) fn outcome(head: &RequestHead, validators: &Validators<'_>) -> Outcome {
    let joined = |known| head.joined(known);
    let (if_match, if_none_match, if_range) = (joined(Known::IfMatch), joined(Known::IfNoneMatch), joined(Known::IfRange));
    let (if_unmodified_since, if_modified_since) = (joined(Known::IfUnmodifiedSince), joined(Known::IfModifiedSince));
    let conditions = Conditions {
        if_match: if_match.as_deref(),
        if_unmodified_since: if_unmodified_since.as_deref(),
        if_none_match: if_none_match.as_deref(),
        if_modified_since: if_modified_since.as_deref(),
        if_range: if_range.as_deref(),
    };
    evaluate(&conditions, validators)
}
