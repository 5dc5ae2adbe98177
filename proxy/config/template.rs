//! Values of headers with variables in them: `"{scheme}://{host}"`, `"{http.user-agent}"`.
//!
//! `{{` stands for a brace. A brace that no name follows is one too, so that JSON (`{"group":"default"}`) needs no escapes, and one behind a dollar,
//! which is what an escaped variable of the environment comes to.

#![allow(clippy::string_slice, reason = "offsets of ASCII characters that were found in the same text")]

use std::fmt;

use http::HeaderName;

/// What stands before the name of a field of the request.
const FIELD: &str = "http.";

/// A value with at least one variable. Its texts may stand in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What it is made of, in order.
    pub pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// Filled in for each request.
    Variable(Variable),
}

/// What a request can fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// The name of the request in all logs.
    RequestId,
    /// The address of the client.
    RemoteAddr,
    /// The host that the client asked, with its port when it named one.
    Host,
    /// `http` or `https`, as the client spoke it.
    Scheme,
    /// The method.
    Method,
    /// The path as it was sent.
    Path,
    /// The query as it was sent, without its `?`.
    Query,
    /// `TLSv1.3` or `TLSv1.2`; empty on a plain connection.
    TlsVersion,
    /// A field of the request; empty when it has none of that name.
    Field(HeaderName),
}

/// The variables that have a fixed name.
const NAMED: [(&str, Variable); 8] = [
    ("request_id", Variable::RequestId),
    ("remote_addr", Variable::RemoteAddr),
    ("host", Variable::Host),
    ("scheme", Variable::Scheme),
    ("method", Variable::Method),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("tls_version", Variable::TlsVersion),
];

/// What a text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// It has no variables; its escapes are undone.
    Fixed(String),
    /// It has.
    Filled(Template),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// The first variable that there is not, with its braces.
    pub fn parse(text: &str) -> Result<Parsed, &str> {
        let (mut rest, mut literal, mut pieces) = (text, String::new(), Vec::new());
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 1..];
            if literal.ends_with('$') {
                literal.push('{');
                rest = inside;
            } else if let Some(after) = inside.strip_prefix('{') {
                literal.push('{');
                rest = after;
            } else if let Some(name) = name(inside) {
                let variable = Variable::named(name).ok_or(&rest[at..at + name.len() + 2])?;
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Variable(variable));
                rest = &inside[name.len() + 1..];
            } else {
                literal.push('{');
                rest = inside;
            }
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Ok(Parsed::Fixed(literal));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Parsed::Filled(Self { pieces }))
    }

    /// The names that there are, for a person.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name).chain(["http.NAME"])
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Variable(Variable::Field(name)) => write!(f, "{{{FIELD}{name}}}"),
            Piece::Variable(variable) => {
                let name = NAMED.iter().find(|(_, known)| known == variable).map_or("", |(name, _)| *name);
                write!(f, "{{{name}}}")
            }
        })
    }
}

impl Variable {
    fn named(name: &str) -> Option<Self> {
        if let Some(field) = name.strip_prefix(FIELD) {
            return HeaderName::from_bytes(field.as_bytes()).ok().map(Self::Field);
        }
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, variable)| variable.clone())
    }
}

/// What stands before the closing brace, if it looks like a name.
fn name(inside: &str) -> Option<&str> {
    let name = &inside[..inside.find('}')?];
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(text: &str) -> Vec<Piece> {
        match Template::parse(text) {
            Ok(Parsed::Filled(template)) => template.pieces,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn variables_stand_between_texts() {
        let text = |text: &str| Piece::Text(text.into());
        assert_eq!(pieces("{host}"), [Piece::Variable(Variable::Host)]);
        assert_eq!(
            pieces("a {scheme}://{host}{path} b"),
            [
                text("a "),
                Piece::Variable(Variable::Scheme),
                text("://"),
                Piece::Variable(Variable::Host),
                Piece::Variable(Variable::Path),
                text(" b"),
            ]
        );
        assert_eq!(pieces("{http.User-Agent}"), [Piece::Variable(Variable::Field(http::header::USER_AGENT))]);
        assert_eq!(pieces("{{{method}}"), [text("{"), Piece::Variable(Variable::Method), text("}")]);
    }

    #[test]
    fn json_and_escaped_braces_are_text() {
        for (text, fixed) in [
            ("{\"group\":\"default\",\"a\":{\"b\":1}}", "{\"group\":\"default\",\"a\":{\"b\":1}}"),
            ("{{host}", "{host}"),
            ("${host}", "${host}"),
            ("{}{é}{", "{}{é}{"),
            ("a{1}", "a{1}"),
            ("", ""),
        ] {
            assert_eq!(Template::parse(text), Ok(Parsed::Fixed(fixed.into())), "{text}");
        }
    }

    #[test]
    fn a_variable_that_there_is_not_is_named_with_its_braces() {
        for (text, part) in
            [("a {request-id} b", "{request-id}"), ("{host}{nonce}", "{nonce}"), ("{http.}", "{http.}"), ("{Host}", "{Host}")]
        {
            assert_eq!(Template::parse(text), Err(part), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[{}a-c.é_ host]{0,24}") {
            let _ = Template::parse(&text);
        }
    }
}
