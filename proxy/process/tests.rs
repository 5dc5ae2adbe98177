//! The promises of supervision, kept with real processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::units::ServerAddress;

const DEADLINE: Duration = Duration::from_secs(30);

/// Lines that processes wrote: name, stream, text.
struct Lines(mpsc::UnboundedReceiver<(String, &'static str, String)>);

impl Lines {
    async fn next(&mut self) -> (String, &'static str, String) {
        timeout(DEADLINE, self.0.recv()).await.expect("no line came").expect("no line will come")
    }

    /// The next line on stdout; shells tell on stderr of what was ended under them.
    async fn next_text(&mut self) -> String {
        loop {
            let (_, stream, text) = self.next().await;
            if stream == "stdout" {
                return text;
            }
        }
    }

    async fn next_pid(&mut self) -> Pid {
        Pid::from_raw(self.next_text().await.trim().parse().unwrap())
    }
}

fn options() -> (Options, Lines) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let output: LineSink = Arc::new(move |line| {
        let _ = sender.send((line.process.to_owned(), line.stream.name(), line.text.to_owned()));
    });
    let backoff = BackoffPolicy { pause_min: Duration::from_millis(1), pause_max: Duration::from_millis(50), ..BackoffPolicy::default() };
    let options = Options { output, backoff, orphans: Orphans::Leave, stop_timeout: DEADLINE, seed: 1 };
    (options, Lines(receiver))
}

fn spec(command: &[&str]) -> Spec {
    let environment: BTreeMap<OsString, OsString> = std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect();
    Spec { name: "api".to_owned(), command: command.iter().map(|&part| part.to_owned()).collect(), cwd: None, environment, ready: None }
}

fn shell(script: &str) -> Spec {
    spec(&["/bin/sh", "-c", script])
}

/// Waits until the first process is in this condition.
async fn until(supervisor: &Supervisor, condition: impl Fn(&Status) -> bool) -> Status {
    let mut readiness = supervisor.readiness();
    let waited = timeout(DEADLINE, readiness.wait_for(|snapshot| condition(&snapshot.0[0]))).await;
    waited.unwrap_or_else(|_| panic!("never came: {:?}", supervisor.status())).unwrap().0[0].clone()
}

/// Looks at the world until it is as it should be.
async fn wait_for(condition: impl Fn() -> bool) {
    let come = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, come).await.expect("it never came");
}

/// Waits until a process is gone, or is a zombie that somebody else has to reap.
async fn until_dead(pid: Pid) {
    wait_for(|| !is_alive(pid)).await;
}

fn is_alive(pid: Pid) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_process_that_is_killed_is_started_again() {
    let (options, mut lines) = options();
    let supervisor = Supervisor::start(vec![shell("echo $$; exec sleep 1000")], options);
    let first = lines.next_pid().await;
    until(&supervisor, |status| status.state == State::Ready).await;
    kill(first, Signal::SIGKILL).unwrap();
    let second = lines.next_pid().await;
    assert_ne!(first, second);
    let status = until(&supervisor, |status| status.starts == 2 && status.state == State::Ready).await;
    assert_eq!(status.last_end.as_deref(), Some("was ended by SIGKILL"));
    assert_eq!(status.pid, Some(second.as_raw() as u32));
    supervisor.stop().await;
    assert!(!is_alive(second));
}

#[tokio::test]
async fn a_process_that_crashes_restarts_alone() {
    let (options, mut lines) = options();
    let steady = Spec { name: "steady".to_owned(), ..shell("exec sleep 1000") };
    let supervisor = Supervisor::start(vec![shell("echo dying >&2; exit 3"), steady], options);
    for _ in 0..3 {
        assert_eq!(lines.next().await, ("api".to_owned(), "stderr", "dying".to_owned()));
    }
    let status = until(&supervisor, |status| status.starts > 2).await;
    assert_eq!(status.last_end.as_deref(), Some("exited with code 3"));
    assert_eq!(supervisor.readiness().borrow().process("steady").map(|status| status.starts), Some(1));
    supervisor.stop().await;
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_after_the_stop_timeout() {
    let (options, mut lines) = options();
    let stop_timeout = Duration::from_millis(60);
    let script = "trap '' TERM; echo $$; while :; do sleep 1000; done";
    let supervisor = Supervisor::start(vec![shell(script)], Options { stop_timeout, ..options });
    let pid = lines.next_pid().await;
    let asked = Instant::now();
    let readiness = supervisor.readiness();
    supervisor.stop().await;
    assert!(asked.elapsed() >= stop_timeout);
    until_dead(pid).await;
    let status = readiness.borrow().0[0].clone();
    assert_eq!((status.state, status.last_end.as_deref()), (State::Stopped, Some("was ended by SIGKILL")));
}

#[tokio::test]
async fn a_process_may_take_its_time_to_stop_and_its_last_words_are_logged() {
    let (options, mut lines) = options();
    let script = "trap 'sleep 0.05; echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let supervisor = Supervisor::start(vec![shell(script)], options);
    assert_eq!(lines.next_text().await, "up");
    let readiness = supervisor.readiness();
    supervisor.stop().await;
    assert_eq!(lines.next_text().await, "bye");
    assert_eq!(readiness.borrow().0[0].last_end.as_deref(), Some("exited with code 0"));
}

#[tokio::test]
async fn a_stop_ends_what_the_process_had_started() {
    let (options, mut lines) = options();
    // The grandchild is made deaf to TERM by its own trap; it has to be killed.
    let supervisor = Supervisor::start(
        vec![shell("(trap '' TERM; sleep 1000) & echo $!; wait")],
        Options { stop_timeout: Duration::from_millis(60), ..options },
    );
    let grandchild = lines.next_pid().await;
    supervisor.stop().await;
    until_dead(grandchild).await;
}

#[tokio::test]
async fn what_a_dead_process_left_is_ended_before_the_next_start() {
    let (options, mut lines) = options();
    let supervisor = Supervisor::start(vec![shell("sleep 1000 & echo $!; echo $$; wait")], options);
    let (grandchild, process) = (lines.next_pid().await, lines.next_pid().await);
    kill(process, Signal::SIGKILL).unwrap();
    lines.next_pid().await;
    assert!(!is_alive(grandchild));
    supervisor.stop().await;
}

#[tokio::test]
async fn output_arrives_by_name_and_stream_and_before_the_end_is_told() {
    let (options, mut lines) = options();
    let supervisor = Supervisor::start(vec![shell("echo out; echo err >&2; printf 'no end'; exit 1")], options);
    until(&supervisor, |status| status.last_end.is_some()).await;
    let mut seen = Vec::new();
    while let Ok(line) = lines.0.try_recv() {
        seen.push(line);
    }
    for (stream, text) in [("stdout", "out"), ("stdout", "no end"), ("stderr", "err")] {
        assert!(seen.contains(&("api".to_owned(), stream, text.to_owned())), "{seen:?}");
    }
    supervisor.stop().await;
}

#[tokio::test]
async fn a_flood_without_line_ends_comes_in_bounded_pieces_and_whole() {
    const FLOOD_BYTES: usize = 20_000_000;
    let (options, mut lines) = options();
    let supervisor = Supervisor::start(vec![shell(&format!("head -c {FLOOD_BYTES} /dev/zero; echo; exec sleep 1000"))], options);
    let mut bytes = 0;
    while bytes < FLOOD_BYTES {
        let line = lines.next_text().await;
        assert!(line.len() <= output::LINE_BYTES_MAX);
        bytes += line.len();
    }
    assert_eq!(bytes, FLOOD_BYTES);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_process_has_the_promised_environment_and_files_and_nothing_else() {
    let (options, mut lines) = options();
    let folder = tempfile::tempdir().unwrap();
    let secret = std::fs::File::create(folder.path().join("secret")).unwrap();
    let environment = BTreeMap::from([("PATH".into(), std::env::var_os("PATH").unwrap()), ("A".into(), "1 $B".into())]);
    let script = "env | grep -v '^\\(PWD\\|SHLVL\\|_\\|OLDPWD\\)=' | sort; pwd; readlink /proc/self/fd/*; wc -c; echo end; exec sleep 1000";
    let spec = Spec { environment, cwd: Some(folder.path().to_owned()), ..shell(script) };
    let supervisor = Supervisor::start(vec![spec], options);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|line| line != "end") {
        seen.push(lines.next_text().await);
    }
    assert_eq!(seen[0], "A=1 $B");
    assert_eq!(seen[1], format!("PATH={}", std::env::var("PATH").unwrap()));
    assert_eq!(seen[2], folder.path().display().to_string());
    assert!(!seen.iter().any(|line| line.ends_with("/secret")), "{seen:?}");
    assert_eq!(seen[seen.len() - 2].trim(), "0", "it has input");
    drop(secret);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_process_is_ready_when_its_socket_accepts_and_not_before() {
    let (options, mut lines) = options();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    ready::tests::leave_socket(&path).await;
    let spec = Spec { ready: Some(ServerAddress::Unix(path.clone())), ..shell("echo $$; exec sleep 1000") };
    let supervisor = Supervisor::start(vec![spec], options);
    let pid = lines.next_pid().await;
    assert_eq!(supervisor.status()[0].state, State::Starting);
    assert!(!supervisor.readiness().borrow().all_ready());

    std::fs::remove_file(&path).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    until(&supervisor, |status| status.state == State::Ready).await;
    assert!(supervisor.readiness().borrow().all_ready());

    // Its next life is not ready because the one before was.
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    kill(pid, Signal::SIGKILL).unwrap();
    lines.next_pid().await;
    assert_eq!(supervisor.status()[0].state, State::Starting);
    supervisor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_missing_is_told_and_tried_again_at_growing_intervals() {
    let (options, _lines) = options();
    let options = Options { backoff: BackoffPolicy::default(), ..options };
    let supervisor = Supervisor::start(vec![spec(&["transom-has-no-such-program", "serve"])], options);
    let started = tokio::time::Instant::now();
    let status = until(&supervisor, |status| status.last_end.is_some()).await;
    let told = status.last_end.unwrap();
    assert!(
        told.starts_with(
            "cannot start `transom-has-no-such-program serve`: there is no program `transom-has-no-such-program` in its PATH, "
        )
    );
    assert_eq!(status.state, State::Waiting);
    let mut pauses = Vec::new();
    let mut before = started;
    for starts in 2..8 {
        until(&supervisor, |status| status.starts == starts).await;
        pauses.push(before.elapsed());
        before = tokio::time::Instant::now();
    }
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!(pauses[0] >= Duration::from_millis(500) && pauses[5] <= Duration::from_secs(10) + Duration::from_millis(5), "{pauses:?}");
    supervisor.stop().await;
}

#[tokio::test]
async fn each_reason_for_which_a_process_cannot_start_has_its_words() {
    let folder = tempfile::tempdir().unwrap();
    // Written by another process: what this one has open for writing is for a moment open in the children of other tests too, and is too busy then to be
    // executed (ETXTBSY).
    let script = |name: &str, text: &str, mode: &str| {
        let path = folder.path().join(name);
        let mut write = std::process::Command::new("/bin/sh");
        write.args(["-c", "printf '%s\\n' \"$1\" > \"$0\" && chmod \"$2\" \"$0\""]).arg(&path).args([text, mode]);
        assert!(write.status().unwrap().success());
        path.display().to_string()
    };
    let plain = script("plain", "#!/bin/sh", "644");
    let no_interpreter = script("no-interpreter", "#!/no/such/interpreter", "755");
    let missing = folder.path().join("missing").display().to_string();
    let cases = [
        (spec(&[&plain]), "may not be executed by this user"),
        (spec(&[&no_interpreter]), "the interpreter in the first line of"),
        (spec(&[&missing]), "there is no file"),
        (Spec { cwd: Some(Path::new(&missing).to_owned()), ..shell("true") }, "the folder"),
        (spec(&[]), "its command is empty"),
    ];
    for (spec, words) in cases {
        let error = spawn::spawn(&spec).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_pause() {
    let (options, _lines) = options();
    let backoff = BackoffPolicy { pause_min: Duration::from_secs(3600), pause_max: Duration::from_secs(3600), ..BackoffPolicy::default() };
    let supervisor = Supervisor::start(vec![shell("exit 1")], Options { backoff, ..options });
    until(&supervisor, |status| status.state == State::Waiting).await;
    timeout(DEADLINE, supervisor.stop()).await.unwrap();
}

#[test]
#[expect(clippy::mem_forget, reason = "nobody stops what this supervisor started")]
fn a_runtime_that_is_dropped_leaves_nothing_running() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let pids = first.block_on(async {
        let (options, mut lines) = options();
        let supervisor = Supervisor::start(vec![shell("sleep 1000 & echo $$; echo $!; wait")], options);
        let pids = [lines.next_pid().await, lines.next_pid().await];
        std::mem::forget(supervisor);
        pids
    });
    drop(first);
    runtime().block_on(async {
        for pid in pids {
            until_dead(pid).await;
        }
    });
}

#[test]
fn orphans_are_reaped_and_our_own_children_are_left_to_us() {
    // In a program of its own: here, other tests have children.
    let program = std::env::current_exe().unwrap();
    let inner = "process::tests::orphans_inner";
    let output = std::process::Command::new(program).args(["--exact", inner, "--ignored", "--nocapture"]).output().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[tokio::test]
#[ignore = "started by orphans_are_reaped_and_our_own_children_are_left_to_us"]
async fn orphans_inner() {
    let (options, mut lines) = options();
    // The inner shell leaves the sleep behind, which becomes ours; when it ends it is a zombie until it is reaped.
    let script = "sh -c 'sleep 1000 & echo $!'; echo $$; exec sleep 1000";
    let supervisor = Supervisor::start(vec![shell(script)], Options { orphans: Orphans::Reap, ..options });
    for round in 0..6 {
        let (orphan, process) = (lines.next_pid().await, lines.next_pid().await);
        let parent = format!("PPid:\t{}\n", std::process::id());
        wait_for(|| std::fs::read_to_string(format!("/proc/{orphan}/status")).unwrap().contains(&parent)).await;
        let starts = supervisor.status()[0].starts;
        // Either may be the first that the kernel shows.
        let order = if round % 2 == 0 { [orphan, process] } else { [process, orphan] };
        order.into_iter().for_each(|pid| kill(pid, Signal::SIGKILL).unwrap());
        wait_for(|| !Path::new(&format!("/proc/{orphan}")).exists()).await;
        let status = until(&supervisor, |status| status.starts > starts).await;
        assert_eq!(status.last_end.as_deref(), Some("was ended by SIGKILL"));
    }
    supervisor.stop().await;
}
