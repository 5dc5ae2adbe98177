//! Broken configs and what is said about them: `tests/golden/check/config-NAME.toml` and `.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test golden` writes the texts anew; read the difference as the tired person who will get it.

use std::path::{Path, PathBuf};

use super::{Environment, Source, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check")
}

fn configs() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("config-") && name.ends_with(".toml")
    });
    paths.sort();
    paths
}

#[test]
fn every_broken_config_gets_the_text_that_was_agreed() {
    let environment = Environment::from([("SET".into(), "soon".into())]);
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let (mut wrong, configs) = (Vec::new(), configs());
    for path in &configs {
        let source = Source { name: "proxy.toml".into(), text: std::fs::read_to_string(path).unwrap() };
        let text = read(&source, &environment).expect_err(&path.display().to_string()).render(&source);
        let golden = path.with_extension("txt");
        if update {
            std::fs::write(&golden, &text).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push(format!("{}\n{text}", path.display()));
        }
    }
    assert!(configs.len() >= 20, "{} has only {} configs", folder().display(), configs.len());
    assert!(wrong.is_empty(), "other texts than agreed (UPDATE_GOLDEN=1 writes them anew):\n\n{}", wrong.join("\n"));
}
