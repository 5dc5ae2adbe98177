//! Preconditions: the outcome is that of the five steps of RFC 9110 §13.2.2, one after the other.

use crate::http::conditional::{Conditions, Outcome, Strength, Validators, evaluate};
use crate::http::date;

/// Whether the promises hold for these fields of a request and these validators, whatever the strength of the date.
///
/// # Panics
/// When one is broken.
pub fn check(conditions: &Conditions<'_>, etag: &[u8], last_modified: Option<u64>) {
    for date_strength in [Strength::Weak, Strength::Strong] {
        let validators = Validators { etag, last_modified, date_strength };
        let outcome = evaluate(conditions, &validators);
        assert_eq!(outcome, model(conditions, &validators), "{} against {}", shown(conditions), etag.escape_ascii());
        let is_asked = match outcome {
            Outcome::Proceed => true,
            Outcome::ProceedWhole => conditions.if_range.is_some(),
            Outcome::NotModified => conditions.if_none_match.is_some() || conditions.if_modified_since.is_some(),
            Outcome::Failed => conditions.if_match.is_some() || conditions.if_unmodified_since.is_some(),
        };
        assert!(is_asked, "{outcome:?} of nothing");
    }
    weakness_does_not_matter_to_if_none_match(conditions, etag);
}

fn shown(conditions: &Conditions<'_>) -> String {
    let Conditions { if_match, if_unmodified_since, if_none_match, if_modified_since, if_range } = conditions;
    let fields = [if_match, if_unmodified_since, if_none_match, if_modified_since, if_range];
    format!("{:?}", fields.map(|field| field.map(|value| value.escape_ascii().to_string())))
}

fn weakness_does_not_matter_to_if_none_match(conditions: &Conditions<'_>, etag: &[u8]) {
    let only = Conditions { if_none_match: conditions.if_none_match, ..Conditions::default() };
    let outcome = |etag: &[u8]| evaluate(&only, &Validators { etag, last_modified: None, date_strength: Strength::Weak });
    if etag.starts_with(b"\"") {
        assert_eq!(outcome(etag), outcome(&[b"W/", etag].concat()));
    }
}

fn model(conditions: &Conditions<'_>, validators: &Validators<'_>) -> Outcome {
    let current = read_tag(validators.etag).filter(|(_, rest)| rest.is_empty()).map(|(tag, _)| tag);
    let is_strong = |tag: &str| !tag.starts_with('W');
    let weakly = |tag: &String| current.as_ref().is_some_and(|current| tag.trim_start_matches("W/") == current.trim_start_matches("W/"));
    let strongly = |tag: &String| Some(tag) == current.as_ref() && is_strong(tag);
    let date = |value: &[u8]| date::parse(trimmed(value));

    // 1 and 2.
    let goes_on = match (conditions.if_match, conditions.if_unmodified_since) {
        (Some(tags), _) => is_any(tags) || read_tags(tags).iter().any(strongly),
        (None, Some(since)) => validators.last_modified.zip(date(since)).is_none_or(|(modified, since)| modified <= since),
        (None, None) => true,
    };
    // 3 and 4.
    let is_known = match (conditions.if_none_match, conditions.if_modified_since) {
        (Some(tags), _) => is_any(tags) || read_tags(tags).iter().any(weakly),
        (None, Some(since)) => validators.last_modified.zip(date(since)).is_some_and(|(modified, since)| modified <= since),
        (None, None) => false,
    };
    // 5.
    let has_changed = conditions.if_range.is_some_and(|value| {
        let by_date = validators.last_modified.filter(|_| validators.date_strength == Strength::Strong);
        match read_tag(trimmed(value)) {
            Some((tag, rest)) => !rest.is_empty() || !strongly(&tag),
            None => by_date.is_none() || date(value) != by_date,
        }
    });
    match (goes_on, is_known, has_changed) {
        (false, _, _) => Outcome::Failed,
        (true, true, _) => Outcome::NotModified,
        (true, false, true) => Outcome::ProceedWhole,
        (true, false, false) => Outcome::Proceed,
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

fn is_any(value: &[u8]) -> bool {
    trimmed(value) == b"*"
}

/// The tags of a list (§5.6.1), up to the first member that is none.
fn read_tags(value: &[u8]) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = trimmed(value);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b",") {
            rest = trimmed(after);
            continue;
        }
        let Some((tag, after)) = read_tag(rest) else { break };
        rest = trimmed(after);
        if !rest.is_empty() && !rest.starts_with(b",") {
            break;
        }
        tags.push(tag);
    }
    tags
}

/// One tag at the start, each byte as the character of its number, and what follows it.
fn read_tag(value: &[u8]) -> Option<(String, &[u8])> {
    let mut tag = String::new();
    let mut quotes = 0;
    for (index, &byte) in value.iter().enumerate() {
        match (index, byte) {
            (_, b'"') => quotes += 1,
            (0, b'W') => {}
            (1, b'/') if tag == "W" => {}
            _ if quotes == 1 => {}
            _ => return None,
        }
        tag.push(char::from(byte));
        if quotes == 2 {
            return (tag.starts_with('"') || tag.starts_with("W/\"")).then(|| (tag, value.get(index + 1..).unwrap_or_default()));
        }
    }
    None
}
