"""The processes that a run starts. Whatever happens, none outlives it: each is ended by `stop_all`, and by the kernel if we are killed."""
from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess

SERVER_CPU, LOAD_CPU = "0", "1"
STOP_SECONDS_MAX = 5
# Room for 10,000 WebSockets: each is two files for the server, and one each for the load and for the API.
FILES = 65_536

_running: list[subprocess.Popen] = []


def allow_files() -> None:
    """Lets us and what we start open as many files as we may allow, up to `FILES`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (max(hard, FILES), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            break
        except (ValueError, PermissionError):
            pass


def files_allowed() -> int:
    """How many files each process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def start(cpu: str, command: list[str], **options) -> subprocess.Popen:
    """Starts `command` pinned to `cpu`, in a process group of its own."""
    guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    process = subprocess.Popen([*guard, "taskset", "-c", cpu, *command], start_new_session=True, **options)
    _running.append(process)
    return process


def stop(process: subprocess.Popen) -> None:
    """Ends a process and its group; waits for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        # One that is paused would not hear it.
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            pass
    # What is left of the group: workers of a server that did not go.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process in _running:
        _running.remove(process)


def said(command: list[str]) -> str:
    """The first line that a command prints; empty when it is not there."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    text = (ended.stdout or ended.stderr).strip()
    return text.splitlines()[0] if text else ""


def others(kept: subprocess.Popen) -> list[subprocess.Popen]:
    """Everything that runs but `kept`: what a scenario that failed has left."""
    return [process for process in _running if process is not kept]


def stop_all() -> None:
    """Ends everything that was started."""
    for process in list(_running):
        stop(process)
