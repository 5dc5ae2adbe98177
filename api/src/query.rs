//! The query of a request: `?count=10&interval=100ms`, with defaults and bounds.
//!
//! A value that does not parse is a [`Problem`], never a silent default: a test that misspells a
//! number must notice. Names are compared as they are written; values are percent-decoded.

use std::borrow::Cow;
use std::time::Duration;

use crate::duration;
use crate::reply::Problem;

/// The raw query of one request.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q>(&'q str);

impl<'q> Query<'q> {
    /// The query of `uri`; empty when there is none.
    #[must_use]
    pub fn of(uri: &'q hyper::Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// Reads a query from text, without the question mark.
    #[must_use]
    pub fn new(text: &'q str) -> Self {
        Self(text)
    }

    /// The first value of `name`, percent-decoded.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Cow<'q, str>> {
        self.0.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| decode(value))
    }

    /// A whole number of at most `max`, or `default` when it is not given.
    ///
    /// # Errors
    /// 400 for something that is not a number or is above `max`.
    pub fn number(&self, name: &str, default: u64, max: u64) -> Result<u64, Problem> {
        match self.value(name) {
            None => Ok(default),
            Some(text) => number(&text, max).ok_or_else(|| Problem::bad(format!("`{name}` must be a number up to {max}"))),
        }
    }

    /// A duration, or `default` when it is not given.
    ///
    /// # Errors
    /// 400 for something that is not a duration.
    pub fn duration(&self, name: &str, default: Duration) -> Result<Duration, Problem> {
        match self.value(name) {
            None => Ok(default),
            Some(text) => duration::parse(&text).map_err(|reason| Problem::bad(format!("`{name}`: {reason}"))),
        }
    }
}

/// A decimal number of at most `max`; a sign or a space is no number.
#[must_use]
pub fn number(text: &str, max: u64) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= max)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(byte),
            },
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_found_by_name() {
        let query = Query::new("a=1&to=%2Fnext%3Fx%3d1+2&broken=%zz%4&a=2");
        assert_eq!(query.value("a").as_deref(), Some("1"));
        assert_eq!(query.value("to").as_deref(), Some("/next?x=1 2"));
        assert_eq!(query.value("broken").as_deref(), Some("%zz%4"));
        assert_eq!(query.value("missing"), None);
    }

    #[test]
    fn a_bad_number_is_a_problem_not_a_default() {
        for text in ["n=", "n=-1", "n=%2B1", "n=ten", "n=11", "n=99999999999999999999999"] {
            assert!(Query::new(text).number("n", 5, 10).is_err(), "{text}");
        }
        assert_eq!(Query::new("").number("n", 5, 10).ok(), Some(5));
        assert_eq!(Query::new("n=10").number("n", 5, 10).ok(), Some(10));
    }
}
