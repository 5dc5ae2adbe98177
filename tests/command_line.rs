//! The command line and its exit statuses.

use std::process::{Command, Output, Stdio};

use crate::support::{Edge, Site};

fn transom(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transom"))
        .args(arguments)
        .current_dir(site.path())
        .stdin(Stdio::null())
        .output()
        .expect("the edge runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_shortest_config_serves_an_app() {
    let edge = Edge::start(
        r#"
//- /proxy.toml
[server]
listen = ["127.0.0.1:0"]
[[route]]
path = "/"
root = "site"
spa = true
//- /site/index.html
<!doctype html><title>it works</title>
"#,
    );
    let response = edge.get("/", "");
    assert_eq!((response.status, response.text().contains("it works")), (200, true));
    assert!(edge.stop().status.success());
}

#[test]
fn without_a_config_it_says_how_to_name_one_and_exits_78() {
    let site = Site::new("");
    for arguments in [&[][..], &["run"], &["check"], &["-c", "other.toml"]] {
        let output = transom(&site, arguments);
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {text}");
        assert!(text.contains("there is no ") && text.contains("-c FILE"), "{text}");
    }
}

#[test]
fn a_config_that_is_no_text_or_a_folder_is_78_and_no_panic() {
    let site = Site::new("");
    site.write("binary.toml", b"\xff\xfe\x00");
    for path in ["binary.toml", "."] {
        let output = transom(&site, &["check", "-c", path]);
        assert_eq!(output.status.code(), Some(78), "{path}: {}", errors(&output));
        assert!(!errors(&output).contains("panicked"), "{}", errors(&output));
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_64() {
    let site = Site::new("");
    for arguments in [&["--nonsense"][..], &["nonsense"], &["-c"], &["check", "--config"]] {
        assert_eq!(transom(&site, arguments).status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_succeed() {
    let site = Site::new("");
    for arguments in [["--help"], ["--version"]] {
        let output = transom(&site, &arguments);
        assert!(output.status.success() && !output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}
