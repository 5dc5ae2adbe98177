//! The benchmarks still work: every scenario runs for a moment against nginx. What is fast is not judged here.

use std::path::Path;
use std::process::Command;

use crate::support::{Api, tools};

/// The folder of the binaries that are tested.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_transom")).parent().expect("the binary is in a folder")
}

#[test]
fn every_scenario_of_the_benchmarks_runs() {
    if !tools::has_nginx() || !tools::has_openssl() || !["wrk", "h2load", "chromium", "curl", "python3"].into_iter().all(tools::has) {
        return;
    }
    // Not together with the backend: that may choose other features for it, and put another binary in the place of the one that tests beside this start.
    Api::binary();
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "load"]).status().expect("cargo runs");
    assert!(built.success(), "the load client does not build");
    let result = tempfile::tempdir().expect("a folder for the result");
    let ran = Command::new("python3")
        .args(["benches/bench.py", "--smoke", "--folder"])
        .arg(result.path())
        .env("CARGO_TARGET_DIR", target().parent().expect("the profile's folder is in target"))
        .env("BENCH_PROFILE", target().file_name().expect("a profile has a name"))
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stdout));
    let rounds = std::fs::read_to_string(result.path().join("rounds.csv")).expect("rounds.csv");
    for side in ["nginx", "transom"] {
        for scenario in ["s1", "s6-1k", "s7-full", "s8", "s10-turns", "mix"] {
            let row = rounds
                .lines()
                .find(|row| row.starts_with(&format!("{scenario},{side},")))
                .unwrap_or_else(|| panic!("no row of {scenario}:\n{rounds}"));
            let completed: u64 = row.split(',').nth(4).and_then(|cell| cell.parse().ok()).unwrap_or_default();
            assert!(completed > 0, "{scenario} completed nothing: {row}");
        }
    }
    assert!(result.path().join("summary.md").exists() && result.path().join("index.html").exists(), "no report");
}
