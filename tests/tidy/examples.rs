//! Every rule can fail: each is fed what it forbids, and what it allows.

use super::source::File;
use super::*;

/// Fails unless the rule complains about exactly this line of this file.
#[track_caller]
fn refuses(rule: Rule, path: &str, text: &str, line: usize) {
    let complaints = rule(&File::new(path, text));
    let place = format!("{path}:{line}: ");
    assert!(
        complaints.len() == 1 && complaints.iter().all(|complaint| complaint.starts_with(&place)),
        "{complaints:?}, not one at {place}"
    );
}

#[track_caller]
fn allows(rule: Rule, path: &str, text: &str) {
    assert_eq!(rule(&File::new(path, text)), Complaints::new());
}

#[test]
fn an_import_from_above_or_beside_is_found() {
    refuses(imports_go_one_way, "proxy/http/path.rs", "\nuse crate::serve::Live;", 2);
    refuses(imports_go_one_way, "proxy/tls/mod.rs", "use crate::upstream::Server;", 1);
    refuses(imports_go_one_way, "proxy/config/mod.rs", "use crate::{units, plan::Plan};", 1);
    refuses(imports_go_one_way, "proxy/units/mod.rs", "fn a() { crate::http::path::normalize(b\"\"); }", 1);
    refuses(imports_go_one_way, "proxy/novelty/mod.rs", "", 1);
    allows(imports_go_one_way, "proxy/serve/live.rs", "use crate::{plan, serve::worker};\nuse crate::units::Size; // crate::run");
    allows(imports_go_one_way, "tests/tls.rs", "use crate::support::Edge;");
}

#[test]
fn a_foreign_crate_outside_its_owner_is_found() {
    refuses(foreign_crates_have_one_owner, "proxy/serve/worker.rs", "use pingora_core::Error;", 1);
    refuses(foreign_crates_have_one_owner, "proxy/plan/mod.rs", "\nfn a() -> ::rustls::Error {}", 2);
    refuses(foreign_crates_have_one_owner, "proxy/run/mod.rs", "use toml as other;", 1);
    allows(foreign_crates_have_one_owner, "proxy/upstream/connector.rs", "use pingora_core::Error;");
    allows(foreign_crates_have_one_owner, "proxy/serve/mod.rs", "// toml::de\nuse self::toml::read; let text = \"clap::Parser\";");
    allows(foreign_crates_have_one_owner, "proxy/serve/mod.rs", "#[cfg(test)]\nmod tests {\n    use rcgen::Certificate;\n}");
}

#[test]
fn io_in_a_pure_module_is_found() {
    refuses(pure_modules_do_no_io, "proxy/config/source.rs", "fn a() { std::fs::read(\"\"); }", 1);
    refuses(pure_modules_do_no_io, "proxy/http/date.rs", "async fn a() {}", 1);
    refuses(pure_modules_do_no_io, "proxy/units/address.rs", "use std::net::{IpAddr, TcpStream};", 1);
    refuses(pure_modules_do_no_io, "proxy/plan/mod.rs", "use tokio::time::Instant;", 1);
    allows(pure_modules_do_no_io, "proxy/units/address.rs", "use std::net::IpAddr; // tokio is not used");
    allows(pure_modules_do_no_io, "proxy/config/golden.rs", "fn a() { std::fs::read(\"\"); }");
    allows(pure_modules_do_no_io, "proxy/tls/mod.rs", "use tokio::net::TcpStream;");
}

#[test]
fn a_long_file_is_found() {
    refuses(files_are_short, "proxy/serve/live.rs", &"x\n".repeat(501), 501);
    allows(files_are_short, "proxy/serve/live.rs", &"x\n".repeat(500));
}

#[test]
fn unsafe_code_is_found() {
    refuses(unsafe_has_its_places, "proxy/serve/listener.rs", "fn a() {\n    unsafe { b() }\n}", 2);
    allows(unsafe_has_its_places, "proxy/serve/listener.rs", "#![deny(unsafe_code)] // unsafe\nlet text = \"unsafe\";");
    UNSAFE.into_iter().for_each(|path| allows(unsafe_has_its_places, path, "unsafe {}"));
}

#[test]
fn unfinished_work_is_found() {
    refuses(nothing_is_unfinished, "proxy/run/mod.rs", "fn a() { todo!() }", 1);
    refuses(nothing_is_unfinished, "api/src/main.rs", "let a = dbg!(b);", 1);
    refuses(nothing_is_unfinished, "tests/tls.rs", "// TODO: more", 1);
    allows(nothing_is_unfinished, "tests/tls.rs", "let text = \"todo!()\"; // todos are none");
}

#[test]
fn printing_is_found() {
    refuses(only_the_command_line_prints, "proxy/serve/mod.rs", "println!(\"hello\");", 1);
    refuses(only_the_command_line_prints, "proxy/serve/mod.rs", "\neprint!(\"hello\");", 2);
    allows(only_the_command_line_prints, "proxy/cli/mod.rs", "println!(\"hello\");");
}

#[test]
fn code_in_comments_is_found() {
    refuses(no_code_in_comments, "proxy/serve/mod.rs", "fn a() {\n    // let b = 1;\n}", 2);
    refuses(no_code_in_comments, "proxy/serve/mod.rs", "// if a {", 1);
    refuses(no_code_in_comments, "proxy/serve/mod.rs", "// self.close(now);", 1);
    allows(no_code_in_comments, "proxy/serve/mod.rs", "// If a peer is gone, let the next one try (see `peers`).\n// for ever;");
}

#[test]
fn a_file_without_documentation_is_found() {
    refuses(every_file_says_what_it_is_for, "proxy/serve/mod.rs", "use std::io;", 1);
    refuses(every_file_says_what_it_is_for, "proxy/serve/mod.rs", "", 1);
    allows(every_file_says_what_it_is_for, "proxy/serve/mod.rs", "//! From a connection to a record.");
}

#[test]
fn a_name_that_says_nothing_is_found() {
    refuses(names_say_something, "proxy/serve/utils.rs", "", 1);
    refuses(names_say_something, "proxy/common/mod.rs", "", 1);
    refuses(names_say_something, "proxy/tls/tls_manager.rs", "", 1);
    allows(names_say_something, "proxy/serve/live.rs", "");
}

#[test]
fn a_sleeping_test_is_found() {
    refuses(tests_never_sleep, "tests/tls.rs", "std::thread::sleep(pause);", 1);
    refuses(tests_never_sleep, "api/tests/endpoints/http.rs", "tokio::time::sleep(pause).await;", 1);
    allows(tests_never_sleep, "tests/tls.rs", "wait_for(\"it\", || None); // no sleep(1)\nlet command = \"sleep(1)\";");
    allows(tests_never_sleep, "proxy/process/ready.rs", "sleep(pause).await;");
}

#[test]
fn strings_and_comments_are_told_from_code() {
    let code = |text: &str| File::new("a.rs", text).lines.into_iter().map(|line| line.code).collect::<Vec<_>>();
    assert_eq!(code(r#"a("b // \" c") // d"#), [r#"a("") "#]);
    assert_eq!(code("r#\"a \" b\"# c"), ["r#\"\"# c".replace("\"#", "\"")]);
    assert_eq!(code("a(\"b\nuse c::d;\n\"); e"), ["a(\"", "", "\"); e"]);
    assert_eq!(code("let q = '\"'; let s: &'a str = \"x\";"), ["let q = ; let s: &'a str = \"\";"]);
}
