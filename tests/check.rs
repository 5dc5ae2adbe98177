//! `transom check`: every broken config gets exactly the text that was agreed, from the real binary, and exit status 78.
//!
//! `golden/check/plan-NAME.toml` are mistakes that show only between tables or on the disk; `UPDATE_GOLDEN=1 cargo test check` writes their
//! texts anew. The texts of `config-NAME.toml` are those of the unit test beside the parser.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{Certificate, Site};

fn golden(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".toml")
    });
    paths.sort();
    paths
}

/// What `check` says of a config: status, output, and errors with the folder of the test left out of them. It runs beside a site with an app, a certificate and a key that is not its own.
fn check(config: &Path) -> (Option<i32>, Vec<u8>, String) {
    let site = Site::new("//- /site/index.html\nhome\n//- /empty/readme.txt\nno page\n");
    Certificate::write(site.path(), &["shop.test-site.dev"]);
    let other = Site::new("");
    Certificate::write(other.path(), &["shop.test-site.dev"]);
    std::fs::copy(other.join("tls.key"), site.join("other.key")).expect("a key");
    std::fs::copy(config, site.join("proxy.toml")).expect("a config");
    let output = transom_check(&site);
    let folder = site.path().canonicalize().expect("the folder").display().to_string();
    (output.status.code(), output.stdout, String::from_utf8_lossy(&output.stderr).replace(&folder, "/site"))
}

fn transom_check(site: &Site) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transom"))
        .arg("check")
        .current_dir(site.path())
        .env("SET", "soon")
        .stdin(Stdio::null())
        .output()
        .expect("the check runs")
}

fn compare(prefix: &str, count_min: usize, may_update: bool) {
    let update = may_update && std::env::var_os("UPDATE_GOLDEN").is_some();
    let (mut wrong, paths) = (Vec::new(), golden(prefix));
    for path in &paths {
        let (status, stdout, text) = check(path);
        assert_eq!((status, stdout.len()), (Some(78), 0), "{}\n{text}", path.display());
        let golden = path.with_extension("txt");
        if update {
            std::fs::write(&golden, &text).expect("a golden text");
        } else if std::fs::read_to_string(&golden).unwrap_or_default().trim_end() != text.trim_end() {
            wrong.push(format!("{}\n{text}", path.display()));
        }
    }
    assert!(paths.len() >= count_min, "only {} configs", paths.len());
    assert!(wrong.is_empty(), "other texts than agreed:\n\n{}", wrong.join("\n"));
}

#[test]
fn mistakes_in_the_file_get_the_text_that_was_agreed() {
    compare("config-", 30, false);
}

#[test]
fn mistakes_between_tables_and_on_the_disk_get_the_text_that_was_agreed() {
    compare("plan-", 15, true);
}

#[test]
fn a_good_config_is_called_good_and_nothing_is_written() {
    let site = Site::new(
        "//- /proxy.toml\n[server]\nlisten = [\"https://127.0.0.1:0\"]\n[tls]\ndev = true\n[upstream.api]\nto = \"unix:api.sock\"\n\
         [[route]]\npath = \"/\"\nroot = \"site\"\n[[route]]\npath = \"/api\"\nproxy = \"api\"\n//- /site/index.html\nhome\n",
    );
    let output = transom_check(&site);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "proxy.toml is good (1 files)\n");
    assert!(!site.join("certs").exists(), "a check writes nothing");
}
