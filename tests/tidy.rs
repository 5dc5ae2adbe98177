//! What the compiler does not check about the source: which way imports go, who owns which foreign crate, and the shape of the files.
//!
//! Every rule is a function from a file to complaints (`path:line: what`), and every rule has a test that it can fail.
//! The tables at the top are the architecture; change them together with `proxy/README.md`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails, and its helpers are tests too"
)]

#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/source.rs"]
mod source;

use std::fmt::Write as _;
use std::path::Path;

use source::{File, Line, names_after, names_crate, read_all, words};

/// The layers of `proxy/`, from the top. A module may use what stands in a later row, and never one of its own row.
const LAYERS: [&[&str]; 9] = [
    &["main"],
    &["cli"],
    &["run"],
    &["serve", "process"],
    &["assets", "upstream", "tls", "limits", "telemetry"],
    &["plan"],
    &["config"],
    &["http"],
    &["units", "standing"],
];

/// Foreign crates that one module, or few, may name. A crate that is not here may be used everywhere.
const OWNERS: [(&str, &[&str]); 33] = [
    ("annotate_snippets", &["config"]),
    ("arc_swap", &["tls", "serve", "upstream"]),
    ("aws_lc_rs", &["tls", "upstream"]),
    ("brotli", &["assets", "serve"]),
    ("clap", &["cli"]),
    ("flate2", &["assets", "serve"]),
    ("h2", &["serve", "upstream"]),
    ("hickory_resolver", &["upstream"]),
    ("httparse", &["serve"]),
    ("httpdate", &["http"]),
    ("indicatif", &["cli"]),
    ("isal_sys", &["serve"]),
    ("libdeflater", &["serve"]),
    ("mimalloc", &["main"]),
    ("mime_guess", &["assets"]),
    ("nix", &["process"]),
    ("notify", &["run"]),
    ("pingora_cache", &["upstream"]),
    ("pingora_core", &["upstream"]),
    ("pingora_ketama", &["upstream"]),
    ("pingora_limits", &["limits"]),
    ("pingora_load_balancing", &["upstream"]),
    ("rcgen", &["tls"]),
    ("regex", &["config"]),
    ("rustls", &["tls"]),
    ("rustls_pki_types", &["tls", "upstream"]),
    ("socket2", &["serve"]),
    ("tokio_rustls", &["tls"]),
    ("toml", &["config"]),
    ("tracing_subscriber", &["telemetry"]),
    ("x509_parser", &["tls", "upstream"]),
    ("xxhash_rust", &["assets", "upstream"]),
    ("zstd", &["assets"]),
];

/// Modules without I/O: what they do depends on their arguments alone.
const PURE: [&str; 5] = ["units", "standing", "http", "config", "plan"];

/// What I/O looks like. Addresses (`std::net::IpAddr`) are values, so `std::net` as such is not in the list.
const IO: [&str; 13] = [
    "tokio",
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::process",
    "std::thread",
    "std::env::",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "SystemTime::now",
];

/// The files that may have `unsafe`: a number that becomes a descriptor, and a library that takes pointers.
const UNSAFE: [&str; 2] = ["proxy/serve/compress/igzip.rs", "proxy/serve/inherited.rs"];

const LINES_MAX: usize = 500;
const LINES_TO_THINK_OF_A_SPLIT: usize = 400;

/// File names that say nothing.
const NAMELESS: [&str; 9] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff", "shared"];

/// Marks of work that is not done, or was not cleaned up.
const UNFINISHED: [&str; 5] = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];

type Complaints = Vec<String>;
type Rule = fn(&File) -> Complaints;

const RULES: [(&str, Rule); 11] = [
    ("imports go one way", imports_go_one_way),
    ("foreign crates have one owner", foreign_crates_have_one_owner),
    ("pure modules do no I/O", pure_modules_do_no_io),
    ("files are short", files_are_short),
    ("unsafe has its places", unsafe_has_its_places),
    ("nothing is unfinished", nothing_is_unfinished),
    ("only the command line prints", only_the_command_line_prints),
    ("no code in comments", no_code_in_comments),
    ("every file says what it is for", every_file_says_what_it_is_for),
    ("names say something", names_say_something),
    ("tests never sleep", tests_never_sleep),
];

#[test]
fn the_source_is_tidy() {
    let files = read_all(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut report = String::new();
    for (name, rule) in RULES {
        let complaints: Complaints = files.iter().flat_map(rule).collect();
        if !complaints.is_empty() {
            let _ = write!(report, "\n{name}:\n  {}\n", complaints.join("\n  "));
        }
    }
    for file in files.iter().filter(|file| file.lines.len() > LINES_TO_THINK_OF_A_SPLIT) {
        println!("{}: {} lines: look for the second noun", file.path, file.lines.len());
    }
    assert!(report.is_empty(), "{report}");
}

fn imports_go_one_way(file: &File) -> Complaints {
    let Some(module) = file.module() else { return Vec::new() };
    let Some(own) = layer(module) else {
        return vec![file.complaint(1, &format!("`{module}` has no place in the layers (LAYERS in tests/tidy.rs)"))];
    };
    let mut complaints = Vec::new();
    for line in &file.lines {
        for root in ["crate::", "transom::"] {
            for used in names_after(&line.code, root).into_iter().filter(|used| *used != module) {
                match layer(used) {
                    Some(other) if other > own => {}
                    Some(other) if other == own => {
                        complaints.push(file.complaint(line.number, &format!("`{module}` uses its sibling `{used}`")))
                    }
                    Some(_) => complaints.push(file.complaint(line.number, &format!("`{module}` uses `{used}`, which stands above it"))),
                    // Not a module: something of lib.rs itself, which has nothing.
                    None => complaints.push(file.complaint(line.number, &format!("`{module}` uses `{used}`, which is in no layer"))),
                }
            }
        }
    }
    complaints
}

fn foreign_crates_have_one_owner(file: &File) -> Complaints {
    let Some(module) = file.module() else { return Vec::new() };
    let mut complaints = Vec::new();
    for line in file.lines.iter().filter(|line| !line.is_test) {
        for (foreign, owners) in OWNERS {
            if !owners.contains(&module) && names_crate(&line.code, foreign) {
                complaints.push(file.complaint(line.number, &format!("`{foreign}` belongs to {owners:?}, not to `{module}`")));
            }
        }
    }
    complaints
}

fn pure_modules_do_no_io(file: &File) -> Complaints {
    if !file.module().is_some_and(|module| PURE.contains(&module)) {
        return Vec::new();
    }
    file.find(|line| !line.is_test, &IO, |mark| format!("`{mark}` in a module that does no I/O"))
}

fn files_are_short(file: &File) -> Complaints {
    let lines = file.lines.len();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![file.complaint(lines, &format!("{lines} lines, and {LINES_MAX} is the most: split it by its nouns"))]
}

fn unsafe_has_its_places(file: &File) -> Complaints {
    if UNSAFE.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let is_unsafe = |line: &&Line| words(&line.code).any(|word| word == "unsafe");
    file.lines
        .iter()
        .filter(is_unsafe)
        .map(|line| file.complaint(line.number, &format!("`unsafe` outside {}", UNSAFE.join(", "))))
        .collect()
}

fn nothing_is_unfinished(file: &File) -> Complaints {
    let mut complaints = Vec::new();
    for line in &file.lines {
        for mark in UNFINISHED {
            if line.code.contains(mark) || (mark.chars().all(char::is_uppercase) && words(&line.comment).any(|word| word == mark)) {
                complaints.push(file.complaint(line.number, &format!("`{mark}` is left")));
            }
        }
    }
    complaints
}

fn only_the_command_line_prints(file: &File) -> Complaints {
    if file.module().is_none_or(|module| module == "cli") {
        return Vec::new();
    }
    file.find(|line| !line.is_test, &["println!(", "print!(", "eprintln!(", "eprint!("], |mark| format!("`{mark}` outside `cli`: log it"))
}

/// A heuristic: a plain comment on a line of its own that begins and ends as statements do. Prose ends otherwise.
fn no_code_in_comments(file: &File) -> Complaints {
    let is_code = |line: &&Line| {
        let comment = line.comment.strip_prefix("// ").filter(|_| line.code.trim().is_empty()).unwrap_or_default();
        let begins = |starts: &[&str]| starts.iter().any(|start| comment.starts_with(start));
        let is_block = comment.ends_with('{') && begins(&["if ", "for ", "while ", "match ", "fn ", "pub ", "impl ", "loop"]);
        let is_statement = comment.ends_with(';') && begins(&["let ", "use ", "pub ", "return ", "const "]);
        let is_call = comment.ends_with(");") && !comment.contains('`');
        is_block || is_statement || is_call || comment == "}" || comment.starts_with("#[")
    };
    file.lines
        .iter()
        .filter(is_code)
        .map(|line| file.complaint(line.number, "code in a comment: delete it, it is in the history"))
        .collect()
}

fn every_file_says_what_it_is_for(file: &File) -> Complaints {
    let has_doc = file.lines.first().is_some_and(|line| line.text.starts_with("//! ") && line.text.len() > "//! A noun.".len());
    if has_doc { Vec::new() } else { vec![file.complaint(1, "no module documentation: what is it for?")] }
}

fn names_say_something(file: &File) -> Complaints {
    let parts = file.path.trim_end_matches(".rs").split(['/', '_']);
    parts.filter(|part| NAMELESS.contains(part)).map(|part| file.complaint(1, &format!("`{part}` is no noun of this field"))).collect()
}

fn tests_never_sleep(file: &File) -> Complaints {
    if !file.path.starts_with("tests/") && !file.path.contains("/tests/") {
        return Vec::new();
    }
    file.find(
        |_| true,
        &["thread::sleep", "time::sleep", "sleep("],
        |mark| format!("`{mark}` in a test: wait for a condition (support::wait_for)"),
    )
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}
