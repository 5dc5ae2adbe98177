//! `${VAR}` and `${VAR:-default}` inside strings; `$${` is a literal `${`.
//!
//! Runs after parsing, so a value of the environment can never become a key, a table or a comment. What was put in is not looked at again.

#![allow(clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use std::borrow::Cow;

use crate::config::Environment;

/// A variable that cannot be put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExpandError {
    /// The part of the text that is wrong, as it is written.
    pub part: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Puts the variables into `text`. `${VAR:-default}` takes the default when VAR is unset or empty, as in a shell.
pub(super) fn expand<'t>(text: &'t str, environment: &Environment) -> Result<Cow<'t, str>, Vec<ExpandError>> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let (mut rest, mut expanded, mut errors) = (text, String::with_capacity(text.len()), Vec::new());
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(before);
        let Some(end) = rest[at..].find('}').map(|length| at + length) else {
            errors.push(ExpandError {
                part: rest[at..].into(),
                message: "`${` is never closed".into(),
                help: "write `${NAME}`, or `$${` for a literal `${`".into(),
            });
            rest = "";
            break;
        };
        match value(&rest[at..=end], &rest[at + 2..end], environment) {
            Ok(value) => expanded.push_str(value),
            Err(error) => errors.push(error),
        }
        rest = &rest[end + 1..];
    }
    expanded.push_str(rest);
    if errors.is_empty() { Ok(Cow::Owned(expanded)) } else { Err(errors) }
}

/// What stands for `part`, whose inside is `inner`.
fn value<'a>(part: &str, inner: &'a str, environment: &'a Environment) -> Result<&'a str, ExpandError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let error = |message, help| Err(ExpandError { part: part.into(), message, help });
    let well_formed =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || !well_formed {
        return error(
            format!("`{name}` is not the name of a variable"),
            "write `${NAME}` or `${NAME:-default}`, or `$${` for a literal `${`".into(),
        );
    }
    match (environment.get(name).map(String::as_str), default) {
        (Some("") | None, Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => {
            error(format!("the environment variable `{name}` is not set"), format!("set {name}, or give a default: `${{{name}:-default}}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment() -> Environment {
        [("HOST", "api"), ("PORT", "3000"), ("EMPTY", ""), ("TRAP", "${HOST}")].map(|(name, value)| (name.into(), value.into())).into()
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expected) in [
            ("plain $5 $HOST", "plain $5 $HOST"),
            ("http://${HOST}:${PORT}", "http://api:3000"),
            ("${GONE:-8s}", "8s"),
            ("${EMPTY:-x}", "x"),
            ("a${EMPTY}b", "ab"),
            ("${GONE:-}", ""),
            ("${GONE:-a:-b}", "a:-b"),
            ("$${HOST} ${HOST}", "${HOST} api"),
            ("${TRAP}", "${HOST}"),
        ] {
            assert_eq!(expand(text, &environment()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_variable_that_is_not_set_is_named() {
        let errors = expand("${ONE}-${HOST}-${TWO}", &environment()).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.part.as_str()).collect::<Vec<_>>(), ["${ONE}", "${TWO}"]);
        assert!(errors[0].message.contains("`ONE` is not set"));
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["${", "${}", "${A B}", "${1A}", "${HOST", "${:-x}"] {
            assert!(expand(text, &environment()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in "([$]|[{]|[}]|:-|HOST|é|[ -~]){0,12}") {
            let _ = expand(&text, &environment());
        }
    }
}
