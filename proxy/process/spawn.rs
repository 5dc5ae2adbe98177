//! Starting one process in a process group of its own, and ending the whole group.
//!
//! Children are not told to die with us (`PR_SET_PDEATHSIG`): that needs code between fork and exec, which no safe interface
//! offers. In a container it does not matter, as all ends with process 1; else a `kill -9` of us leaves them running.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::{Instant, sleep};

use super::spec::Spec;

/// How often a group that was told to end is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How long a group that was killed is waited for: what survives it hangs in the kernel, or is a zombie that another
/// process has to reap.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// A process that was started, and its group. What is left of the group is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    group: Pid,
    gone: bool,
}

/// Whether a group had to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ended by itself, or when it was asked to.
    Willing,
    /// It did not end in time.
    Killed,
}

/// Starts the process: no shell, no input, nothing open but its output, and the environment of the spec alone.
pub(super) fn spawn(spec: &Spec) -> Result<Running, StartError> {
    let Some((program, arguments)) = spec.command.split_first() else {
        return Err(StartError { text: "its command is empty".to_owned() });
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&spec.environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    let child = command.spawn().map_err(|error| StartError::new(spec, program, &error))?;
    match child.id().and_then(|pid| i32::try_from(pid).ok()) {
        Some(pid) => Ok(Running { child, group: Pid::from_raw(pid), gone: false }),
        None => Err(StartError { text: "it has no process id".to_owned() }),
    }
}

impl Running {
    /// The id of the process and of its group.
    pub(super) fn pid(&self) -> Pid {
        self.group
    }

    /// What it writes; `None` the second time.
    pub(super) fn streams(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the process itself to end. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the whole group to end and waits until it has, no longer than `patience`; then kills it. Gives also how the process
    /// itself ended, unless it never did. Ends at once when nothing is left of the group.
    ///
    /// A group's id is not given out again while it has a member, and process ids are given out in a circle, so the group that
    /// is signalled here is ours even when the process itself has been waited for a moment ago.
    pub(super) async fn end(&mut self, patience: Duration) -> (End, Option<io::Result<ExitStatus>>) {
        let mut status = None;
        for (signal, patience, end) in [(Signal::SIGTERM, patience, End::Willing), (Signal::SIGKILL, KILL_PATIENCE, End::Killed)] {
            // A group that is gone, or that we may not signal, shows below.
            let _ = killpg(self.group, signal);
            let deadline = Instant::now() + patience;
            loop {
                // Reaps the process itself, without which its group would never be gone.
                if status.is_none() {
                    status = self.child.try_wait().transpose();
                }
                if killpg(self.group, None) == Err(Errno::ESRCH) {
                    self.gone = true;
                    return (end, status);
                }
                if Instant::now() >= deadline {
                    break;
                }
                sleep(LOOK_INTERVAL).await;
            }
        }
        self.gone = true;
        (End::Killed, status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.gone {
            // It may be gone already; there is nothing else to do about it here.
            let _ = killpg(self.group, Signal::SIGKILL);
        }
    }
}

/// How a process ended: `exited with code 1`, `was ended by SIGKILL`.
pub(super) fn shown(status: &io::Result<ExitStatus>) -> String {
    let status = match status {
        Ok(status) => status,
        Err(error) => return format!("ended in an unknown way ({error})"),
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => {
            let core = if status.core_dumped() { " (core dumped)" } else { "" };
            match Signal::try_from(signal) {
                Ok(signal) => format!("was ended by {signal}{core}"),
                Err(_) => format!("was ended by signal {signal}{core}"),
            }
        }
        (None, None) => format!("ended: {status}"),
    }
}

/// Why a process could not be started, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartError {
    text: String,
}

impl StartError {
    /// The operating system says "not found" of the program, of the folder, and of a script's interpreter alike.
    fn new(spec: &Spec, program: &str, error: &io::Error) -> Self {
        let place = spec.cwd.as_ref().map_or(String::new(), |cwd| format!(" in {}", cwd.display()));
        let reason = match (error.kind(), &spec.cwd) {
            (_, Some(cwd)) if !cwd.is_dir() => format!("the folder {} is not there or cannot be read", cwd.display()),
            (io::ErrorKind::NotFound, _) if !program.contains('/') => match spec.environment.get("PATH".as_ref() as &std::ffi::OsStr) {
                Some(path) => format!("there is no program `{program}` in its PATH, {}", path.display()),
                None => format!("there is no program `{program}` in the usual folders, and it has no PATH"),
            },
            (io::ErrorKind::NotFound, cwd) if cwd.as_deref().unwrap_or(Path::new("")).join(program).exists() => {
                format!("the interpreter in the first line of {program}, or its loader, is not there")
            }
            (io::ErrorKind::NotFound, _) => format!("there is no file {program}"),
            (io::ErrorKind::PermissionDenied, _) => format!("{program} may not be executed by this user"),
            _ => error.to_string(),
        };
        Self { text: format!("cannot start `{}`{place}: {reason}", spec.command.join(" ")) }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
