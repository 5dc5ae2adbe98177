//! Mistakes of TOML itself, in the words of a person who does not know TOML's grammar.
//!
//! The parser recovers and goes on, so one slip gives several errors and a tree with guesses in it. What follows from a slip is left out:
//! a line is blamed once, and behind a bracket that is never closed nothing is believed.

use ::toml::de::{DeTable, DeValue, Error};

use super::{hint, keys};
use crate::config::{Diagnostic, Diagnostics, Source, Span};

/// The mistakes of one file, and whether the tree is worth looking at.
pub(super) struct SyntaxMistakes {
    mistakes: Vec<Diagnostic>,
    tree_is_guesswork: bool,
}

impl SyntaxMistakes {
    /// Adds what was found in the tree, but for what only follows from a mistake here.
    pub fn join(self, source: &Source, wrong: Vec<Diagnostic>, absent: Vec<Diagnostic>) -> Diagnostics {
        let mut all = Diagnostics::default();
        let lines: Vec<usize> = self.mistakes.iter().map(|mistake| source.line(mistake.span.start)).collect();
        if self.mistakes.is_empty() {
            all.extend(absent);
        }
        if !self.tree_is_guesswork {
            all.extend(wrong.into_iter().filter(|mistake| !lines.contains(&source.line(mistake.span.start))));
        }
        all.extend(self.mistakes);
        all
    }
}

/// Words the parser's errors.
pub(super) fn mistakes(source: &Source, tree: &DeTable<'_>, errors: &[Error]) -> SyntaxMistakes {
    let mut sorted: Vec<(Span, &str)> = errors.iter().map(|error| (error.span().unwrap_or_default().into(), error.message())).collect();
    sorted.sort_by_key(|(span, _)| span.start);
    let unclosed = |what: &str| sorted.iter().any(|(_, message)| message.starts_with(what));
    let value_is_open = unclosed("unclosed array, ") || unclosed("unclosed inline table");
    let mut found = SyntaxMistakes { mistakes: Vec::new(), tree_is_guesswork: unclosed("unclosed") };
    let mut lines = Vec::new();
    for (span, message) in sorted {
        if value_is_open && let Some(open) = open_bracket(source, tree, span.start) {
            found.mistakes.push(never_closed(source, open));
            break;
        }
        let line = source.line(span.start);
        if !lines.contains(&line) {
            lines.push(line);
            found.mistakes.push(worded(source, tree, span, message));
        }
    }
    found
}

/// The outermost list or inline table around `offset` that has no closing bracket.
fn open_bracket(source: &Source, tree: &DeTable<'_>, offset: usize) -> Option<Span> {
    value_around(tree, offset, &|span| {
        let text = source.slice(span);
        text.starts_with(['[', '{']) && !text.starts_with("[[") && !is_closed(text)
    })
}

fn never_closed(source: &Source, value: Span) -> Diagnostic {
    let bracket = Span { start: value.start, end: value.start + 1 };
    let (open, close, kind) = if source.slice(bracket) == "[" { ("[", "]", "list") } else { ("{", "}", "table") };
    Diagnostic::new(bracket, format!("this `{open}` is never closed"))
        .label(format!("the {kind} begins here"))
        .help(format!("add `{close}` at the end of the {kind}: {} {close}", source.line_text(value.start).trim()))
}

/// `true` when the brackets of a value are balanced; brackets in strings and comments do not count.
fn is_closed(text: &str) -> bool {
    let (mut depth, mut quote, mut escaped, mut comment) = (0_usize, None, false, false);
    for c in text.chars() {
        match (c, quote) {
            ('\n', _) => (comment, quote) = (false, None),
            _ if comment => {}
            _ if escaped => escaped = false,
            ('\\', Some('"')) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('#', None) => comment = true,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth == 0
}

/// The first value, outer before inner, whose span reaches over `offset` and that `wanted` accepts.
fn value_around(tree: &DeTable<'_>, offset: usize, wanted: &dyn Fn(Span) -> bool) -> Option<Span> {
    tree.values().find_map(|value| in_value(value.span().into(), value.get_ref(), offset, wanted))
}

fn in_value(span: Span, value: &DeValue<'_>, offset: usize, wanted: &dyn Fn(Span) -> bool) -> Option<Span> {
    if (span.start..=span.end).contains(&offset) && wanted(span) {
        return Some(span);
    }
    match value {
        DeValue::Table(table) => value_around(table, offset, wanted),
        DeValue::Array(items) => items.iter().find_map(|item| in_value(item.span().into(), item.get_ref(), offset, wanted)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => None,
    }
}

fn worded(source: &Source, tree: &DeTable<'_>, span: Span, message: &str) -> Diagnostic {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let line = source.line_text(span.start).trim();
    let new = |text: &str| Diagnostic::new(span, text);
    match what {
        "duplicate key" => duplicate(source, span),
        "string values must be quoted" | "invalid boolean" | "invalid float" | "unexpected leading zero" => unquoted(source, span),
        "key with no value" | "invalid unquoted key" | "invalid key-value pair" | "unquoted keys cannot be empty" => {
            no_assignment(source, span)
        }
        "unclosed table" | "unclosed array table" if !line.ends_with(']') || line.starts_with("[[") => {
            let close = if what == "unclosed table" { "]" } else { "]]" };
            new("this table header is never closed").help(format!("write {}{close}", line.trim_end_matches(']')))
        }
        "unclosed table" | "unclosed array table" => {
            new("this is no table header").help("a name in a header has letters, digits, `-` and `_`: [upstream.api]")
        }
        "unexpected key or value" => {
            new("the line should end here").help("put a second setting on a line of its own, and `#` before a comment")
        }
        "missing comma between array elements" | "missing comma between key-value pairs" => {
            new("a comma is missing here").help("put a comma between the entries, and a bracket behind the last one")
        }
        "extra comma in array" | "extra comma in inline table" => new("one comma too many").help("take it out"),
        "missing escaped value" => {
            new("`\\` begins an escape, and this is none").help("write `\\\\` for a backslash, or use single quotes: 'C:\\dir'")
        }
        "cannot recurse further; max recursion depth met" | "recursion limit" => {
            new("too many brackets inside of each other").help("take some out")
        }
        _ if what.ends_with("string") && expected.starts_with(['`']) => open_string(source, tree, span),
        _ => new(&format!("this is not TOML: {what}")).label(if expected.is_empty() {
            String::new()
        } else {
            format!("expected {expected}")
        }),
    }
}

/// A string whose quote is missing at the end.
fn open_string(source: &Source, tree: &DeTable<'_>, span: Span) -> Diagnostic {
    let value = value_around(tree, span.start, &|span| source.slice(span).starts_with(['"', '\''])).unwrap_or(span);
    let text = source.slice(value).lines().next().unwrap_or_default().trim_end();
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote)).unwrap_or("\"");
    let start = Span { start: value.start, end: value.start + text.len().max(1) };
    Diagnostic::new(start, "this string is never closed").help(format!("add {quote} at its end: {text}{quote}"))
}

/// A key or a table that stands twice; the parser does not say where the first one is, so it is looked for above.
fn duplicate(source: &Source, span: Span) -> Diagnostic {
    let name = source.slice(span);
    let line_start = source.line_start(span.start);
    let header = source.line_text(span.start).trim_start().starts_with('[');
    let mut end = line_start;
    let mut first = None;
    for line in source.text.get(..line_start).unwrap_or_default().split_inclusive('\n').rev() {
        end -= line.len();
        let trimmed = line.trim_start();
        let is_first = match header {
            true => trimmed.starts_with('[') && trimmed.trim_matches(['[', ']', ' ', '\n', '\r']) == header_name(source, span),
            false => trimmed.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=')),
        };
        if is_first {
            let start = end + line.find(name).unwrap_or_default();
            first = Some(Span { start, end: start + name.len() });
            break;
        }
        if !header && trimmed.starts_with('[') {
            break;
        }
    }
    let shown = if header { format!("[{}]", header_name(source, span)) } else { name.to_owned() };
    let help = if header { "write its keys below the first one and take this line out" } else { "take one of them out" };
    let mistake = Diagnostic::new(span, format!("`{shown}` stands here for the second time")).help(help);
    match first {
        Some(first) => mistake.related(first, "first here"),
        None => mistake,
    }
}

fn header_name(source: &Source, span: Span) -> &str {
    source.line_text(span.start).split('#').next().unwrap_or_default().trim().trim_matches(['[', ']', ' '])
}

/// A value that is text without quotes, or no value at all.
fn unquoted(source: &Source, span: Span) -> Diagnostic {
    let line = source.line_text(span.start);
    let (key, rest) = line.split_once('=').unwrap_or((line, ""));
    let (key, rest) = (key.trim(), rest.split(" #").next().unwrap_or_default().trim());
    let is_list = rest.starts_with(['[', '{']);
    let raw = if is_list || rest.is_empty() { source.slice(span).trim() } else { rest };
    if raw.is_empty() {
        return Diagnostic::new(span, format!("`{key}` has no value")).help(format!("write one: {key} = \"…\", or take the line out"));
    }
    let mistake = Diagnostic::new(span, format!("`{raw}` is not a value"));
    let shown = |value: &str| if is_list { value.to_owned() } else { format!("{key} = {value}") };
    match raw.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => mistake.help(format!("write {}", shown("true"))),
        "false" | "no" | "off" => mistake.help(format!("write {}", shown("false"))),
        _ if raw.starts_with('0') && raw.bytes().all(|byte| byte.is_ascii_digit()) => {
            mistake.label("a number does not begin with 0").help(format!("write {}", shown(raw.trim_start_matches('0'))))
        }
        _ if raw.contains(" = ") => mistake.label("two settings on one line").help("write each setting on a line of its own"),
        _ => mistake.label("text needs quotes").help(format!("write {}", shown(&format!("\"{}\"", raw.trim_matches(['"', '\'', ';']))))),
    }
}

/// A line that is neither `[table]` nor `key = value`, as in the files of other programs.
fn no_assignment(source: &Source, span: Span) -> Diagnostic {
    let line = source.line_text(span.start).trim();
    let whole = Span { start: source.line_start(span.start) + source.line_text(span.start).find(line).unwrap_or_default(), end: 0 };
    let mistake = Diagnostic::new(Span { end: whole.start + line.len(), ..whole }, "this line is neither a table header nor a setting");
    let (key, rest) = line.split_at(line.find([':', ' ', '\t', '{', ';', '=']).unwrap_or(line.len()));
    let value = rest.trim_start_matches([':', ' ', '\t', '=']).trim_end_matches([';', ',', ' ']).trim();
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if line.ends_with('{') || (bare && rest.starts_with(':') && value.is_empty()) {
        let header = match hint::near(&keys::ROOT, key, 1).unwrap_or(if bare { key } else { "server" }) {
            "route" => "[[route]]".to_owned(),
            name => format!("[{name}]"),
        };
        return mistake.help(format!("a table begins with its name in brackets, and ends where the next one begins: {header}"));
    }
    if matches!(line, "}" | "};" | "{") {
        return mistake.help("take it out; a table ends where the next one begins");
    }
    if !bare || value.is_empty() {
        return mistake.help("write [table] or key = \"value\", each on a line of its own");
    }
    let plain = value.starts_with(['"', '\'', '[', '{']) || matches!(value, "true" | "false") || value.parse::<i64>().is_ok();
    let value = if plain { value.to_owned() } else { format!("\"{value}\"") };
    mistake.label("`=` is missing").help(format!("write {key} = {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        for (text, closed) in
            [("[1, [2]]", true), ("[1, [2]", false), ("[\"]\"", false), ("[']' # ]\n]", true), ("[\"\\\"]\"]", true), ("{ a = [ }", false)]
        {
            assert_eq!(is_closed(text), closed, "{text}");
        }
    }
}
