//! `rewrite`: the path that an upstream gets, made from the client's by a regular expression.
//!
//! It sees the bytes that were sent, and what it captures is put in byte for byte. The engine needs time in proportion to the path, whatever the
//! expression; how much memory an expression may take is bounded when it is read.

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::http::path;
use crate::units::UnitError;

/// Bytes that a compiled expression may take, and those that it may take while it searches.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a rewritten target: twice the longest that most servers take.
const TARGET_BYTES_MAX: usize = 16 * 1024;

/// A rule.
#[derive(Debug, Clone)]
pub struct PathRewrite {
    from: Regex,
    to: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// A group of the expression, by number.
    Group(usize),
}

/// What a rule makes of a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// The rule does not say anything about it: it stays as it is.
    Untouched,
    /// This path, and a query before the client's own, if there is a `?` in it.
    To(Vec<u8>),
    /// Nothing that could be sent: why.
    Invalid(&'static str),
}

impl PartialEq for PathRewrite {
    fn eq(&self, other: &Self) -> bool {
        self.from.as_str() == other.from.as_str() && self.to == other.to
    }
}

impl PathRewrite {
    /// Reads `from`.
    ///
    /// # Errors
    /// It is no expression, or one that is too large.
    pub fn expression(from: &str) -> Result<Regex, UnitError> {
        let mut builder = RegexBuilder::new(from);
        builder.unicode(false).size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX);
        builder.build().map_err(|error| {
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large",
                _ => "look-around and back-references are not known, as they can take for ever",
            };
            UnitError {
                message: format!("\"{from}\" is not a regular expression"),
                help: format!("{reason}; write one such as \"^/v1/(.*)$\""),
            }
        })
    }

    /// Joins an expression and what a path that it matches becomes: `$1` to `$9` are its groups, `$0` is all that it matched, `$$` is a dollar.
    ///
    /// # Errors
    /// `to` is no path, or names a group that there is not.
    pub fn new(from: Regex, to: &str) -> Result<Self, UnitError> {
        let error = |message: String, help: String| Err(UnitError { message, help });
        if !to.starts_with('/') && !to.starts_with('$') {
            return error(format!("\"{to}\" does not begin with a slash"), format!("write to = \"/{to}\""));
        }
        if to.bytes().any(|byte| byte.is_ascii_control() || matches!(byte, b' ' | b'#')) {
            return error(format!("\"{to}\" has a character that no target has"), "escape it: a space is %20".into());
        }
        let (mut pieces, mut text, mut bytes) = (Vec::new(), Vec::new(), to.bytes());
        while let Some(byte) = bytes.next() {
            if byte != b'$' {
                text.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'$') => text.push(b'$'),
                Some(digit @ b'0'..=b'9') => {
                    let group = usize::from(digit - b'0');
                    if group >= from.captures_len() {
                        let count = from.captures_len().saturating_sub(1);
                        return error(
                            format!("\"{to}\" has ${group}, and `from` has {count} groups"),
                            "a group stands in parentheses: (.*)".into(),
                        );
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Group(group));
                }
                _ => {
                    return error(
                        format!("\"{to}\" has a dollar that no digit follows"),
                        "write $1 for the first group, $$ for a dollar".into(),
                    );
                }
            }
        }
        pieces.push(Piece::Text(text));
        Ok(Self { from, to: pieces })
    }

    /// What becomes of a path, as it was sent and without its query.
    pub fn apply(&self, raw: &[u8]) -> Rewritten {
        let Some(captures) = self.from.captures(raw) else {
            // Its normal form was routed here: what the rule would have said of that, it must say of this spelling too, and cannot.
            let is_disguised = path::normalize(raw).is_ok_and(|normal| *normal != *raw && self.from.is_match(&normal));
            return if is_disguised { Rewritten::Invalid("the path is escaped where `rewrite` looks at it") } else { Rewritten::Untouched };
        };
        let target = self.fill(raw, &captures);
        let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
        if target.len() > TARGET_BYTES_MAX {
            return Rewritten::Invalid("the rewritten path is too long");
        }
        if path::normalize(path).is_err() || target.iter().any(|byte| matches!(byte, b' ' | b'#') || byte.is_ascii_control()) {
            return Rewritten::Invalid("what `rewrite` makes of it is no path");
        }
        // It is the server behind that would climb, and to where no rule was meant to lead.
        if path.split(|&byte| byte == b'/').any(is_dots) {
            return Rewritten::Invalid("the path climbs, and `rewrite` cannot tell where to");
        }
        Rewritten::To(target)
    }

    fn fill(&self, raw: &[u8], captures: &Captures<'_>) -> Vec<u8> {
        // What stands before and behind the match stays, as in every replacement.
        let (start, end) = captures.get(0).map_or((0, 0), |whole| (whole.start(), whole.end()));
        let mut target = raw.get(..start).unwrap_or_default().to_vec();
        for piece in &self.to {
            match piece {
                Piece::Text(text) => target.extend_from_slice(text),
                Piece::Group(group) => target.extend_from_slice(captures.get(*group).map_or(b"", |group| group.as_bytes())),
            }
        }
        target.extend_from_slice(raw.get(end..).unwrap_or_default());
        target
    }
}

/// `.` or `..`, escaped or not (RFC 3986 §5.2.4, §6.2.2.2).
fn is_dots(mut segment: &[u8]) -> bool {
    let mut dots = 0;
    while let [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] = segment {
        segment = rest;
        dots += 1;
    }
    segment.is_empty() && (1..=2).contains(&dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(from: &str, to: &str) -> PathRewrite {
        PathRewrite::new(PathRewrite::expression(from).expect(from), to).expect(to)
    }

    fn rewritten(from: &str, to: &str, path: &str) -> Rewritten {
        rule(from, to).apply(path.as_bytes())
    }

    #[test]
    fn captures_are_put_in_byte_for_byte() {
        for (from, to, path, target) in [
            ("^/v1/(.*)$", "/$1", "/v1/a%2Fb//c;d", "/a%2Fb//c;d"),
            ("^/v1/(.*)$", "/$1", "/v1/.well-known/...", "/.well-known/..."),
            ("^/v1/(.*)$", "/$1", "/v1/", "/"),
            ("^/u/([0-9]+)/(.+)$", "/users/$1?page=$2", "/u/7/x", "/users/7?page=x"),
            ("^/(a)?(b)$", "/$1-$2$$", "/b", "/-b$"),
            ("^/v1", "/v2", "/v1/x", "/v2/x"),
        ] {
            assert_eq!(rewritten(from, to, path), Rewritten::To(target.into()), "{path}");
        }
    }

    #[test]
    fn what_does_not_match_stays_and_what_hides_is_refused() {
        assert_eq!(rewritten("^/v1/(.*)$", "/$1", "/v2/x"), Rewritten::Untouched);
        for path in ["/%761/x", "//v1/x", "/a/../v1/x"] {
            assert!(matches!(rewritten("^/v1/(.*)$", "/$1", path), Rewritten::Invalid(_)), "{path}");
        }
    }

    #[test]
    fn what_is_made_is_a_path_below_the_root_or_nothing() {
        for (to, path) in [
            ("/$1", "/v1/../../etc"),
            ("/a/$1", "/v1/x/../../v1/y"),
            ("/a/$1", "/v1/%2E./v1/y"),
            ("/a/$1", "/v1/."),
            ("$1", "/v1/x"),
            ("/$1", "/v1/%zz"),
        ] {
            assert!(matches!(rewritten("^/v1/(.*)$", to, path), Rewritten::Invalid(_)), "{to} {path}");
        }
        let long = format!("/v1/{}", "a".repeat(6000));
        assert!(matches!(rewritten("^/v1/(.*)$", "/$1$1$1", &long), Rewritten::Invalid(_)));
    }

    #[test]
    fn a_rule_that_cannot_be_is_told_why() {
        for (from, reason) in [("(", "regular"), ("(?=a)", "regular"), ("(a)\\1", "regular"), ("((a{1000}){1000}){9}", "regular")] {
            assert!(PathRewrite::expression(from).expect_err(from).message.contains(reason), "{from}");
        }
        for to in ["x", "/$2", "/$x", "/a b", "/$", "/a#b", "/\n"] {
            assert!(PathRewrite::new(PathRewrite::expression("(a)").expect("an expression"), to).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_the_target_could_be_sent_on(path: Vec<u8>) {
            let path = [b"/v1/", path.as_slice()].concat();
            if let Rewritten::To(target) = rule("(?s-u)^/v1/(.*)$", "/$1").apply(&path) {
                prop_assert!(target.starts_with(b"/") && !target.iter().any(|byte| byte.is_ascii_control() || *byte == b' '));
            }
        }
    }
}
