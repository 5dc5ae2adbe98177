//! What wrong configs are answered with, and that no text at all makes the reading panic.

use proptest::prelude::*;

use super::{EVERY_KEY, read_text};
use crate::config::*;

fn messages(text: &str) -> Vec<String> {
    read_text(text).expect_err(text).0.into_iter().map(|mistake| mistake.message).collect()
}

#[test]
fn a_line_break_from_a_variable_cannot_split_a_header() {
    assert_eq!(messages("[headers]\nset = { X-Key = \"${API_KEY}\" }\n"), ["the value of `X-Key` has a line break or a NUL"]);
}

#[test]
fn every_mistake_is_found_in_one_run_and_in_the_order_of_the_file() {
    let text = "[log]\nlevel = \"loud\"\n[server]\ngrace = \"x\"\nlisen = []\n[[route]]\npath = \"/\"\n";
    assert_eq!(
        messages(text),
        [
            "unknown value \"loud\" for `level`",
            "\"x\" is not a duration",
            "unknown key `lisen` in `[server]`",
            "this `[[route]]` has no action"
        ]
    );
}

#[test]
fn behind_a_bracket_that_is_never_closed_nothing_is_believed() {
    assert_eq!(messages("[server]\nlisten = [\":80\"\ngrace = 8\nnames = [\"a\"]\n[[route]]\n"), ["this `[` is never closed"]);
}

#[test]
fn what_is_missing_behind_a_syntax_mistake_is_not_reported_as_missing() {
    assert_eq!(messages("[[route]]\npath = \"/\"\nroot: \"dist\"\n"), ["this line is neither a table header nor a setting"]);
}

/// Cuts, doubles, or replaces a piece of a right config.
fn mutated() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "",
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "0",
        "é",
        "${",
        "-1",
        ".",
        ",",
        "[[route]]\n",
        "true",
        "\0",
        "#",
        "\\",
    ]);
    (0..EVERY_KEY.len(), 0..40_usize, token, 1..4_usize).prop_map(|(start, length, token, times)| {
        let end = (start + length).min(EVERY_KEY.len());
        format!("{}{}{}", EVERY_KEY.get(..start).unwrap_or_default(), token.repeat(times), EVERY_KEY.get(end..).unwrap_or_default())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered_without_a_panic(text in any::<String>()) {
        if let Err(mistakes) = read_text(&text) {
            prop_assert!(!mistakes.is_empty());
            mistakes.render(&Source { name: "proxy.toml".into(), text });
        }
    }

    #[test]
    fn any_damage_to_a_right_config_is_answered_without_a_panic(text in mutated()) {
        if let Err(mistakes) = read_text(&text) {
            prop_assert!(!mistakes.is_empty());
            mistakes.render(&Source { name: "proxy.toml".into(), text });
        }
    }

    #[test]
    fn any_line_under_any_table_is_answered_without_a_panic(
        table in "\\[(server|tls|limits|timeouts|headers|log|upstream\\.a|process\\.a|upstream|\\[route\\])\\]",
        key in "(listen|names|http|grace|dev|cert|body|header|uri|set|remove|to|wait|command|env|ready|path|exact|proxy|strip|root|spa|index|try|hidden|symlinks|mime|immutable|html_cache|redirect|respond|headers|access|level|csp|policy|nonce|early_hints|keys|global)",
        value in "(\"[ -~é]{0,8}\"|-?[0-9]{1,20}|true|\\[\\]|\\{\\}|\\[1, \"\"\\]|\\{ to = 1, status = \"\" \\}|1979-05-27|1e3|0xff)",
    ) {
        if let Err(mistakes) = read_text(&format!("{table}\n{key} = {value}\n")) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}
