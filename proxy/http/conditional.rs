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
    /// Whether that date tells representations apart. Entity tags say it themselves.
    pub date_strength: Strength,
}

/// Whether a validator changes with every change of the content (RFC 9110 §8.8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// It may stay the same: a date, when the content may have changed again within its second (§8.8.2.2).
    Weak,
    /// It does.
    Strong,
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
        if !names(tags, validators.etag, Strength::Strong) {
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
        if names(tags, validators.etag, Strength::Weak) {
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

/// An `If-Range` holds by a strong match of its one entity tag, or by exactly the date that was sent where that is strong: a client that puts
/// parts together must not mix two contents (§13.1.5).
fn range_holds(value: &[u8], validators: &Validators<'_>) -> bool {
    let value = list::trim(value);
    match EntityTag::take(value) {
        Some((tag, b"")) => EntityTag::whole(validators.etag).is_some_and(|current| tag.matches(current, Strength::Strong)),
        Some(_) => false,
        None => {
            validators.date_strength == Strength::Strong
                && validators.last_modified.is_some_and(|modified| date::parse(value) == Some(modified))
        }
    }
}

/// `true` when the value of `If-Match` or `If-None-Match` is `*` or lists this tag. What follows a malformed member is not read.
fn names(tags: &[u8], etag: &[u8], comparison: Strength) -> bool {
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

    /// The comparison of §8.8.3.2: a strong one holds only where neither is weak.
    fn matches(self, other: EntityTag<'_>, comparison: Strength) -> bool {
        let strength = match comparison {
            Strength::Strong => !self.is_weak && !other.is_weak,
            Strength::Weak => true,
        };
        strength && self.opaque == other.opaque
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, NotModified, Proceed, ProceedWhole};
    use super::*;
    use crate::http::promises;
    use proptest::prelude::*;

    const MODIFIED: u64 = 784_111_777;
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    /// The outcome for the fields of a text such as `if-match: "a"`, a line each, against `"a,b"` of `MODIFIED`.
    fn outcome(fields: &str) -> Outcome {
        outcome_for(fields, Validators { etag: b"\"a,b\"", last_modified: Some(MODIFIED), date_strength: Strength::Strong })
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
                assert_eq!(names(one, other, Strength::Strong), strong, "{one:?} {other:?}");
                assert_eq!(names(one, other, Strength::Weak), weak, "{one:?} {other:?}");
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
        let weak = Validators { etag: b"W/\"a,b\"", last_modified: None, date_strength: Strength::Weak };
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
        let undated = Validators { etag: b"\"a\"", last_modified: None, date_strength: Strength::Weak };
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
    fn if_range_does_not_hold_by_a_date_that_may_stand_for_two_contents() {
        let fresh = Validators { etag: b"\"a\"", last_modified: Some(MODIFIED), date_strength: Strength::Weak };
        assert_eq!(outcome_for(&format!("if-range: {EXACT}"), fresh), ProceedWhole);
        assert_eq!(outcome_for("if-range: \"a\"", fresh), Proceed);
        // Elsewhere a weak date is as good as a strong one.
        assert_eq!(outcome_for(&format!("if-modified-since: {EXACT}"), fresh), NotModified);
        assert_eq!(outcome_for(&format!("if-unmodified-since: {EXACT}"), fresh), Proceed);
    }

    #[test]
    fn a_field_with_two_dates_is_ignored() {
        assert_eq!(outcome(&format!("if-modified-since: {AFTER}, {AFTER}")), Proceed);
        assert_eq!(outcome(&format!("if-unmodified-since: {BEFORE}, {BEFORE}")), Proceed);
        assert_eq!(outcome(&format!("if-range: {EXACT}, {EXACT}")), ProceedWhole);
    }

    #[test]
    fn a_representation_without_a_tag_matches_only_a_star() {
        let untagged = Validators { etag: b"", last_modified: None, date_strength: Strength::Weak };
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

    /// A field that is missing, names the tag, names others, or is none at all.
    fn field() -> impl Strategy<Value = Option<String>> {
        let date = prop::sample::select(vec![BEFORE, EXACT, AFTER, "Sun Nov  6 08:49:37 1994", "Sunday, 06-Nov-94 08:49:38 GMT"]);
        prop_oneof![
            Just(None),
            "(\\*|(W/)?\"[ab,]{0,2}\"|[ \t,]|x){0,5}".prop_map(Some),
            prop::collection::vec("(W/)?\"[ab]\"", 0..4).prop_map(|tags| Some(tags.join(", "))),
            date.prop_map(|date| Some(date.to_owned())),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_promises(values in prop::array::uniform5(any::<Option<Vec<u8>>>()), etag: Vec<u8>, modified: Option<u64>) {
            let [if_match, if_unmodified_since, if_none_match, if_modified_since, if_range] = values.each_ref().map(Option::as_deref);
            let conditions = Conditions { if_match, if_unmodified_since, if_none_match, if_modified_since, if_range };
            promises::conditional::check(&conditions, &etag, modified);
        }

        #[test]
        fn fields_of_the_right_shape_keep_the_promises(
            fields in prop::array::uniform5(field()),
            etag in "(W/)?\"[ab]\"|\"\"|",
            modified in prop_oneof![Just(None), Just(Some(MODIFIED))],
        ) {
            let [if_match, if_unmodified_since, if_none_match, if_modified_since, if_range] =
                fields.each_ref().map(|field| field.as_deref().map(str::as_bytes));
            let conditions = Conditions { if_match, if_unmodified_since, if_none_match, if_modified_since, if_range };
            promises::conditional::check(&conditions, etag.as_bytes(), modified);
        }

        #[test]
        fn a_tag_is_found_among_others(others in prop::collection::vec("(W/)?\"[!-!#-+a-z,]{0,6}\"", 0..6), tag in "\"[a-z,]{1,6}\"") {
            let value = format!("{}, {tag}", others.join(", "));
            prop_assert!(names(value.as_bytes(), tag.as_bytes(), Strength::Strong));
        }
    }
}
