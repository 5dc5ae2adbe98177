//! Source files as the rules see them: line by line, with comments and the insides of strings told from code.

use std::path::{Path, PathBuf};

/// A source file: its path from the repository on, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
}

/// A line of a file.
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// As it stands there.
    pub(crate) text: String,
    /// Without comments, and with strings emptied.
    pub(crate) code: String,
    /// The comment at its end, with its slashes.
    pub(crate) comment: String,
    /// Whether it is compiled for tests only.
    pub(crate) is_test: bool,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut code = Code::default();
        let is_test_file = path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/");
        let mut is_test = is_test_file || TEST_FILES.contains(&path);
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            // By the style of this repository tests are the end of a file; `#[cfg(test)] mod x;` in the middle is one line.
            let (code, comment) = code.strip(text);
            is_test |= code.trim() == "mod tests {";
            lines.push(Line { number: index + 1, text: text.to_owned(), comment: comment.to_owned(), code, is_test });
        }
        Self { path: path.to_owned(), lines }
    }

    /// The module of the edge that this file belongs to; `None` outside `proxy/`, and for `lib.rs`, which names them all.
    pub(crate) fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("proxy/")?;
        let module = rest.split_once('/').map_or_else(|| rest.trim_end_matches(".rs"), |(module, _)| module);
        (module != "lib").then_some(module)
    }

    pub(crate) fn complaint(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    pub(crate) fn find(&self, counts: impl Fn(&Line) -> bool, marks: &[&str], what: impl Fn(&str) -> String) -> Vec<String> {
        let lines = self.lines.iter().filter(|line| counts(line));
        let hit = |line: &Line| marks.iter().find(|mark| has_word(&line.code, mark)).map(|mark| self.complaint(line.number, &what(mark)));
        lines.filter_map(hit).collect()
    }
}

/// Files of `proxy/` that are compiled for tests only, beside those in a `tests` folder.
const TEST_FILES: [&str; 2] = ["proxy/config/golden.rs", "proxy/tls/fixture.rs"];

/// Takes comments and the insides of strings out, line by line. Enough of Rust's lexing for the rules above.
#[derive(Default)]
struct Code {
    /// What ends the string that the line began in: a quote and as many `#` as opened it.
    end: Option<String>,
}

impl Code {
    /// A line's code and its comment.
    fn strip<'t>(&mut self, text: &'t str) -> (String, &'t str) {
        let (mut code, mut rest) = (String::new(), text);
        loop {
            if let Some(end) = &self.end {
                let Some(after) = after_string(rest, end) else { return (code, "") };
                rest = after;
                self.end = None;
                code.push('"');
            }
            let Some(at) = rest.find(['"', '/', '\'']) else {
                return (code + rest, "");
            };
            let (before, from) = rest.split_at(at);
            code.push_str(before);
            if from.starts_with("//") {
                return (code, from);
            }
            if let Some(after) = from.strip_prefix('"') {
                let hashes = before.len() - before.trim_end_matches('#').len();
                let is_raw = before.trim_end_matches('#').ends_with('r');
                self.end = Some(if is_raw { format!("\"{}", "#".repeat(hashes)) } else { "\"".to_owned() });
                code.push('"');
                rest = after;
            } else if let Some(after) =
                ["'\"'", "'\\\"'", "b'\"'", "'/'", "'\\''", "'\\\\'"].iter().find_map(|quoted| from.strip_prefix(quoted))
            {
                rest = after;
            } else {
                let mut characters = from.chars();
                code.extend(characters.next());
                rest = characters.as_str();
            }
        }
    }
}

/// What follows the end of a string; `None` when it goes on in the next line.
fn after_string<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    let is_raw = end.len() > 1;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        let from = text.split_at(at).1;
        if !is_escaped && let Some(after) = from.strip_prefix(end) {
            return Some(after);
        }
        is_escaped = !is_raw && character == '\\' && !is_escaped;
    }
    None
}

fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_of_a_name(character))
}

/// Whether `mark` stands in `code`, and not as the end or the start of a longer name.
pub(crate) fn has_word(code: &str, mark: &str) -> bool {
    code.match_indices(mark).any(|(at, _)| {
        let (before, from) = code.split_at(at);
        let starts = !mark.starts_with(is_of_a_name) || !before.ends_with(is_of_a_name);
        let ends = !mark.ends_with(is_of_a_name) || !from.split_at(mark.len()).1.starts_with(is_of_a_name);
        starts && ends
    })
}

/// The first names of the paths that begin with `root`, also those in braces: `crate::{http, units::Size}` → `http`, `units`.
pub(crate) fn names_after<'t>(code: &'t str, root: &str) -> Vec<&'t str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(root) {
        let (before, from) = code.split_at(at);
        let rest = from.split_at(root.len()).1;
        if before.ends_with(is_of_a_name) {
            continue;
        }
        if let Some(list) = rest.strip_prefix('{') {
            names.extend(list.split(',').filter_map(|part| words(part.trim()).next()).filter(|name| !name.is_empty() && *name != "self"));
        } else {
            names.extend(words(rest).next().filter(|name| !name.is_empty()));
        }
    }
    names
}

/// Whether a path begins with the crate: `rustls::`, `::rustls::`, `use rustls;`, `use rustls as`; not `our::rustls::`.
pub(crate) fn names_crate(code: &str, name: &str) -> bool {
    let is_use = code
        .trim()
        .trim_start_matches("pub ")
        .strip_prefix("use ")
        .is_some_and(|path| words(path.trim_start_matches("::")).next() == Some(name));
    let is_path = code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code.split_at(at).0;
        let before_colons = before.strip_suffix("::");
        !before.ends_with(is_of_a_name) && !before_colons.is_some_and(|before| before.ends_with(is_of_a_name))
    });
    is_use || is_path
}

pub(crate) fn read_all(root: &Path) -> Vec<File> {
    let mut paths = Vec::new();
    for folder in ["proxy", "tests", "api/src", "api/tests", "benches"] {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file");
        File::new(&path.strip_prefix(root).expect("a path below the root").to_string_lossy(), &text)
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            // What cargo builds is nobody's to tidy; the stock Pingora peer has a workspace of its own beside its source.
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}
