//! Preconditions in the order of RFC 9110 §13.2.2.
//!
//! For GET and HEAD of a representation that exists. The head of a 304 and the answer to `Range` are for others to make.

use super::date;
use super::list;

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
    // Step 1, §13.1.1.
    if let Some(tags) = conditions.if_match {
        if !names(tags, validators.etag, Comparison::Strong) {
            return Outcome::Failed;
        }
    // Step 2, only without If-Match; ignored when there is no modification date (§13.1.4).
    } else if let Some((modified, date)) = dates(validators, conditions.if_unmodified_since)
        && modified > date
    {
        return Outcome::Failed;
    }
    // Step 3, §13.1.2.
    if let Some(tags) = conditions.if_none_match {
        if names(tags, validators.etag, Comparison::Weak) {
            return Outcome::NotModified;
        }
    // Step 4, only without If-None-Match (§13.1.3).
    } else if let Some((modified, date)) = dates(validators, conditions.if_modified_since)
        && modified <= date
    {
        return Outcome::NotModified;
    }
    // Step 5, §13.1.5.
    match conditions.if_range {
        Some(value) if !range_holds(value, validators) => Outcome::ProceedWhole,
        _ => Outcome::Proceed,
    }
}

/// Both dates of a comparison, or `None` when either is missing or unparsable.
fn dates(validators: &Validators<'_>, value: Option<&[u8]>) -> Option<(u64, u64)> {
    Some((validators.last_modified?, date::parse(list::trim(value?))?))
}

/// An `If-Range` holds by a strong match of its one entity tag, or by exactly the date that was sent.
fn range_holds(value: &[u8], validators: &Validators<'_>) -> bool {
    let value = list::trim(value);
    match EntityTag::take(value) {
        Some((tag, b"")) => EntityTag::whole(validators.etag).is_some_and(|current| tag.matches(current, Comparison::Strong)),
        Some(_) => false,
        None => validators.last_modified.is_some_and(|modified| date::parse(value) == Some(modified)),
    }
}

/// `true` when the value of `If-Match` or `If-None-Match` is `*` or lists this tag. What follows a malformed member is not read.
fn names(tags: &[u8], etag: &[u8], comparison: Comparison) -> bool {
    if list::trim(tags) == b"*" {
        return true;
    }
    let Some(current) = EntityTag::whole(etag) else { return false };
    let mut rest = tags;
    loop {
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        let Some((tag, after)) = EntityTag::take(rest) else { return false };
        rest = list::trim(after);
        // A tag ends at a comma or the end: `"a"b` is none.
        if !matches!(rest.first(), None | Some(b',')) {
            return false;
        }
        if tag.matches(current, comparison) {
            return true;
        }
    }
}

/// How two entity tags are compared (§8.8.3.2).
#[derive(Debug, Clone, Copy)]
enum Comparison {
    /// Equal, and neither is weak.
    Strong,
    /// Equal.
    Weak,
}

/// An entity tag (§8.8.3). Its quotes know no escapes, and a comma within is part of it.
#[derive(Debug, Clone, Copy)]
struct EntityTag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Takes the tag that the value begins with; also gives what comes after it.
    fn take(value: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match value {
            [b'W', b'/', b'"', quoted @ ..] => (true, quoted),
            [b'"', quoted @ ..] => (false, quoted),
            _ => return None,
        };
        let end = memchr::memchr(b'"', quoted)?;
        Some((Self { is_weak, opaque: quoted.get(..end)? }, quoted.get(end + 1..)?))
    }

    /// The tag that is the whole value.
    fn whole(value: &'a [u8]) -> Option<Self> {
        match Self::take(value) {
            Some((tag, b"")) => Some(tag),
            _ => None,
        }
    }

    fn matches(self, other: EntityTag<'_>, comparison: Comparison) -> bool {
        let strength = match comparison {
            Comparison::Strong => !self.is_weak && !other.is_weak,
            Comparison::Weak => true,
        };
        strength && self.opaque == other.opaque
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, NotModified, Proceed, ProceedWhole};
    use super::*;
    use proptest::prelude::*;

    const MODIFIED: u64 = 784_111_777;
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    /// The outcome for the fields of a text such as `if-match: "a"`, a line each, against `"a,b"` of `MODIFIED`.
    fn outcome(fields: &str) -> Outcome {
        outcome_for(fields, Validators { etag: b"\"a,b\"", last_modified: Some(MODIFIED) })
    }

    fn outcome_for(fields: &str, validators: Validators<'_>) -> Outcome {
        let mut conditions = Conditions::default();
        for line in fields.lines() {
            let (name, value) = line.split_once(": ").expect("a field");
            let value = Some(value.as_bytes());
            match name {
                "if-match" => conditions.if_match = value,
                "if-unmodified-since" => conditions.if_unmodified_since = value,
                "if-none-match" => conditions.if_none_match = value,
                "if-modified-since" => conditions.if_modified_since = value,
                "if-range" => conditions.if_range = value,
                _ => panic!("{name}"),
            }
        }
        evaluate(&conditions, &validators)
    }

    #[test]
    fn entity_tags_compare_as_in_the_table_of_the_rfc() {
        // RFC 9110 §8.8.3.2, table 3: tag, tag, strong, weak.
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            for (one, other) in [(one.as_bytes(), other.as_bytes()), (other.as_bytes(), one.as_bytes())] {
                assert_eq!(names(one, other, Comparison::Strong), strong, "{one:?} {other:?}");
                assert_eq!(names(one, other, Comparison::Weak), weak, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn without_conditions_it_proceeds() {
        assert_eq!(outcome(""), Proceed);
    }

    #[test]
    fn if_none_match_that_names_the_tag_is_304() {
        for tags in ["\"a,b\"", "W/\"a,b\"", "*", " * ", "\"x\", \"a,b\"", "\"x\",W/\"a,b\" , \"y\"", ",, \"a,b\",", "\"\", \"a,b\""] {
            assert_eq!(outcome(&format!("if-none-match: {tags}")), NotModified, "{tags}");
        }
    }

    #[test]
    fn if_none_match_that_names_no_tag_or_is_malformed_proceeds() {
        for tags in [
            "\"a\"",
            "a,b",
            "\"a\", \"b\"",
            "\"a,b",
            "a,b\"",
            "w/\"a,b\"",
            "W/ \"a,b\"",
            "\"a,b\"x",
            "x\"a,b\"",
            "\"x\" \"a,b\"",
            "\"x\", *",
            "",
            "'a,b'",
            "\"A,B\"",
            "\"a\\,b\"",
        ] {
            assert_eq!(outcome(&format!("if-none-match: {tags}")), Proceed, "{tags}");
        }
    }

    #[test]
    fn if_match_compares_strongly_and_fails_with_412() {
        for (tags, expected) in [
            ("\"a,b\"", Proceed),
            ("\"x\", \"a,b\"", Proceed),
            ("*", Proceed),
            ("W/\"a,b\"", Failed),
            ("\"x\"", Failed),
            ("garbage", Failed),
            ("", Failed),
        ] {
            assert_eq!(outcome(&format!("if-match: {tags}")), expected, "{tags}");
        }
        let weak = Validators { etag: b"W/\"a,b\"", last_modified: None };
        assert_eq!(outcome_for("if-match: W/\"a,b\"", weak), Failed);
        assert_eq!(outcome_for("if-match: *", weak), Proceed);
    }

    #[test]
    fn dates_decide_where_no_tag_is_asked() {
        for (field, date, expected) in [
            ("if-modified-since", BEFORE, Proceed),
            ("if-modified-since", EXACT, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", NotModified),
            ("if-modified-since", "yesterday", Proceed),
            ("if-modified-since", "", Proceed),
            ("if-unmodified-since", BEFORE, Failed),
            ("if-unmodified-since", EXACT, Proceed),
            ("if-unmodified-since", AFTER, Proceed),
            ("if-unmodified-since", "yesterday", Proceed),
        ] {
            assert_eq!(outcome(&format!("{field}: {date}")), expected, "{field}: {date}");
        }
    }

    #[test]
    fn dates_are_ignored_without_a_modification_date() {
        let undated = Validators { etag: b"\"a\"", last_modified: None };
        assert_eq!(outcome_for(&format!("if-modified-since: {AFTER}"), undated), Proceed);
        assert_eq!(outcome_for(&format!("if-unmodified-since: {BEFORE}"), undated), Proceed);
        assert_eq!(outcome_for(&format!("if-range: {EXACT}"), undated), ProceedWhole);
    }

    #[test]
    fn a_tag_condition_silences_its_date_condition() {
        assert_eq!(outcome(&format!("if-none-match: \"x\"\nif-modified-since: {AFTER}")), Proceed);
        assert_eq!(outcome(&format!("if-match: \"a,b\"\nif-unmodified-since: {BEFORE}")), Proceed);
    }

    #[test]
    fn a_failed_match_comes_before_not_modified_and_that_before_if_range() {
        assert_eq!(outcome("if-match: \"x\"\nif-none-match: \"a,b\""), Failed);
        assert_eq!(outcome(&format!("if-unmodified-since: {BEFORE}\nif-none-match: *")), Failed);
        assert_eq!(outcome("if-match: \"a,b\"\nif-none-match: \"a,b\""), NotModified);
        assert_eq!(outcome("if-none-match: \"a,b\"\nif-range: \"x\""), NotModified);
    }

    #[test]
    fn if_range_holds_by_a_strong_tag_or_the_exact_date_only() {
        for (value, expected) in [
            ("\"a,b\"", Proceed),
            (EXACT, Proceed),
            ("W/\"a,b\"", ProceedWhole),
            ("\"x\"", ProceedWhole),
            ("\"a,b\", \"x\"", ProceedWhole),
            ("*", ProceedWhole),
            (BEFORE, ProceedWhole),
            (AFTER, ProceedWhole),
            ("", ProceedWhole),
            ("a,b", ProceedWhole),
        ] {
            assert_eq!(outcome(&format!("if-range: {value}")), expected, "{value}");
        }
    }

    #[test]
    fn a_representation_without_a_tag_matches_only_a_star() {
        let untagged = Validators { etag: b"", last_modified: None };
        assert_eq!(outcome_for("if-none-match: \"\"", untagged), Proceed);
        assert_eq!(outcome_for("if-none-match: *", untagged), NotModified);
        assert_eq!(outcome_for("if-match: \"\"", untagged), Failed);
        assert_eq!(outcome_for("if-range: \"\"", untagged), ProceedWhole);
    }

    #[test]
    fn a_megabyte_of_tags_is_read() {
        assert_eq!(outcome(&format!("if-none-match: {}\"a,b\"", "\"x\" , ".repeat(1 << 17))), NotModified);
        assert_eq!(outcome(&format!("if-none-match: {}", "\"".repeat(1 << 20))), Proceed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_evaluated(one: Vec<u8>, other: Vec<u8>, etag: Vec<u8>, last_modified: Option<u64>) {
            let conditions = Conditions {
                if_match: Some(&one),
                if_unmodified_since: Some(&other),
                if_none_match: Some(&other),
                if_modified_since: Some(&one),
                if_range: Some(&other),
            };
            evaluate(&conditions, &Validators { etag: &etag, last_modified });
        }

        #[test]
        fn a_tag_is_found_among_others(others in prop::collection::vec("(W/)?\"[!-!#-+a-z,]{0,6}\"", 0..6), tag in "\"[a-z,]{1,6}\"") {
            let value = format!("{}, {tag}", others.join(", "));
            prop_assert!(names(value.as_bytes(), tag.as_bytes(), Comparison::Strong));
        }
    }
}
