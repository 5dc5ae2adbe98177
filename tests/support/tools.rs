//! Programs that a machine may lack: a test without its program says so and passes, but not under `CI`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The Python with what `tests/foreign/requirements.txt` lists: `TRANSOM_TEST_PYTHON`, else `.venv` of the repository (`make venv`).
pub fn python() -> Option<PathBuf> {
    // Looked for once: it takes a second to load them all.
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find_python).clone()
}

fn find_python() -> Option<PathBuf> {
    let python = std::env::var_os("TRANSOM_TEST_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python"), PathBuf::from);
    let mut probe = Command::new(&python);
    found(
        probe.args(["-c", "import fastapi, uvicorn, websockets, requests, multipart, gunicorn, kosoku, grpc"]),
        "the Python of the tests (make venv)",
    )
    .then_some(python)
}

/// Whether a program is there.
pub fn has(program: &str) -> bool {
    found(Command::new(program).arg("--version"), program)
}

/// Whether openssl is there; it takes `version` for a command.
pub fn has_openssl() -> bool {
    found(Command::new("openssl").arg("version"), "openssl")
}

/// Whether nginx is there; Debian keeps it where only root's `PATH` looks, and it knows no `--version`.
pub fn has_nginx() -> bool {
    let beside = Path::new("/usr/sbin/nginx");
    found(Command::new(if beside.exists() { beside } else { Path::new("nginx") }).arg("-v"), "nginx")
}

/// Whether a command can be run; wrk ends its `--version` with 1.
fn found(command: &mut Command, what: &str) -> bool {
    let ran = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = ran.is_ok_and(|status| status.success() || what == "wrk");
    assert!(is_there || std::env::var_os("CI").is_none(), "{what} is missing, and CI is set");
    if !is_there {
        eprintln!("skipped: {what} is missing");
    }
    is_there
}

/// The output of a program that must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}
