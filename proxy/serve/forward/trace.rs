//! The name of a request and its place in a trace, as an upstream gets them.

use crate::config::TraceParent;
use crate::http::request::RequestHead;
use crate::http::trace::is_traceparent;
use crate::plan::RequestRules;
use crate::serve::exchange::push_line;
use crate::serve::request_id::FIELD;
use crate::serve::template::Facts;

const TRACEPARENT: &[u8] = b"traceparent";
const TRACESTATE: &[u8] = b"tracestate";
/// Digits of the id of a span.
const SPAN_DIGITS: usize = 16;

/// `true` for the fields that are written here and nowhere else.
pub(super) fn is_written_here(name: &[u8]) -> bool {
    match name.len() {
        10 => name.eq_ignore_ascii_case(TRACESTATE),
        11 => name.eq_ignore_ascii_case(TRACEPARENT),
        12 => name.eq_ignore_ascii_case(FIELD.as_bytes()),
        _ => false,
    }
}

/// Appends the fields, but for those that the operator sets or removes.
pub(super) fn write(out: &mut Vec<u8>, rules: &RequestRules, (facts, traceparent): (Facts<'_>, TraceParent)) {
    let is_ours = |name: &[u8]| !rules.overrides(name);
    if is_ours(FIELD.as_bytes()) {
        let id = facts.id.get(facts.request, facts.client, facts.nonces);
        if !id.is_empty() {
            push_line(out, FIELD.as_bytes(), id);
        }
    }
    match told(facts.request) {
        Some(told) => {
            if is_ours(TRACEPARENT) {
                push_line(out, TRACEPARENT, told);
            }
            // Its state is worth nothing without it (Trace Context §3.3.1): both or none.
            let states = facts.request.fields().filter(|field| field.name.eq_ignore_ascii_case(TRACESTATE));
            states.filter(|_| is_ours(TRACESTATE)).for_each(|field| push_line(out, TRACESTATE, field.value));
        }
        None if traceparent == TraceParent::Make && is_ours(TRACEPARENT) => write_made(out, facts),
        None => {}
    }
}

/// The one `traceparent` that the client sends, if it is well formed.
fn told(request: &RequestHead) -> Option<&[u8]> {
    let mut all = request.fields().filter(|field| field.name.len() == TRACEPARENT.len() && field.name.eq_ignore_ascii_case(TRACEPARENT));
    let first = all.next()?.value;
    (all.next().is_none() && is_traceparent(first)).then_some(first)
}

/// Begins a trace that nobody samples yet.
fn write_made(out: &mut Vec<u8>, facts: Facts<'_>) {
    let (Some(trace), Some(span)) = (facts.nonces.fresh(), facts.nonces.fresh()) else { return };
    let span = span.as_bytes().get(..SPAN_DIGITS).unwrap_or_default();
    push_line(out, TRACEPARENT, &[b"00-", trace.as_bytes(), b"-", span, b"-00"].concat());
}
