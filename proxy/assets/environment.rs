//! `/env.js`: variables of the environment as a script, made when a folder is loaded.
//!
//! The same variables make the same bytes, so every replica has the same entity tag, and another value another one.

use super::content::{Content, ReadFile};
use crate::config::PublicEnvironment;

/// The script as a file of the folder.
pub(super) fn file(environment: &PublicEnvironment) -> ReadFile {
    let bytes = script(environment).into_bytes();
    let hash = xxhash_rust::xxh3::xxh3_128(&bytes);
    ReadFile { content: Content::Memory(bytes.into()), hash, is_utf8: true, modified: None, origin: None }
}

fn script(environment: &PublicEnvironment) -> String {
    let members: Vec<String> = environment
        .values
        .iter()
        // In brackets, or it would be the prototype (ECMA-262 §B.3.1).
        .map(|(name, value)| match name.as_str() {
            "__proto__" => format!("[\"__proto__\"]:{}", literal(value)),
            name => format!("{}:{}", literal(name), literal(value)),
        })
        .collect();
    format!("window.{}=Object.freeze({{{}}});\n", environment.global, members.join(","))
}

/// A string of JSON that is also one of JavaScript, in every version and wherever the script is put: without `<`, which could end a `<script>` or
/// begin a comment in a page, and without U+2028 and U+2029, which older engines take for line ends (ECMA-262 before 2019).
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' | '\u{7f}' => {
                literal.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Span, Spanned};

    fn script_of(values: &[(&str, &str)]) -> String {
        script(&PublicEnvironment {
            file: Spanned::new("/env.js".into(), Span::default()),
            global: "__ENV__".into(),
            values: values.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            unset: Vec::new(),
        })
    }

    #[test]
    fn variables_come_sorted_by_name() {
        assert_eq!(script_of(&[("B", "2"), ("A", "1")]), "window.__ENV__=Object.freeze({\"A\":\"1\",\"B\":\"2\"});\n");
        assert_eq!(script_of(&[]), "window.__ENV__=Object.freeze({});\n");
    }

    #[test]
    fn no_value_ends_the_script_or_its_string() {
        let script = script_of(&[("A", "</script><!--\u{2028}\u{2029}\"\\\n\r\0&")]);
        let value = r#"\u003c/script\u003e\u003c!--\u2028\u2029\"\\\u000a\u000d\u0000\u0026"#;
        assert_eq!(script, format!("window.__ENV__=Object.freeze({{\"A\":\"{value}\"}});\n"));
    }

    #[test]
    fn a_variable_named_like_the_prototype_is_a_variable() {
        assert_eq!(script_of(&[("__proto__", "x")]), "window.__ENV__=Object.freeze({[\"__proto__\"]:\"x\"});\n");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_literal(text in any::<String>()) {
            let literal = literal(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
            let is_safe = !literal.contains(['<', '\n', '\r', '\u{2028}', '\u{2029}']);
            prop_assert!(is_safe);
        }
    }
}
