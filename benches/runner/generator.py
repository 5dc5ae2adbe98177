"""Load: wrk, h2load, and our own client (benches/client), each run on the load CPU and brought to one form."""
from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from . import kernel, processes, site, spa
from .peer import Server
from .scenario import Scenario

LATENCY_LUA = pathlib.Path(__file__).resolve().parent.parent / "load" / "latency.lua"
PERCENTILES = (50, 75, 90, 95, 99, 99.9, 99.99)
H2_STREAMS = 10
SLACK_SECONDS = 30
SAMPLE_SECONDS = 0.01
# Long against the work of one request and of a switch, short against the changes of a machine.
SLICE_SECONDS = 0.02


@dataclasses.dataclass
class Outcome:
    """What one run of load saw."""

    completed: int
    errors: int
    seconds: float
    latency_us: dict[str, float]
    error_kinds: dict[str, int] = dataclasses.field(default_factory=dict)
    # Of the generator, in seconds; of the server while the load ran, in nanoseconds.
    cpu_seconds: float = 0.0
    server_cpu_ns: int = 0
    pss_kib: int = 0
    # Of all cores together, by the machine's host.
    stolen_seconds: float = 0.0


def command(scenario: Scenario, server: Server, seconds: float, requests: int, extra: pathlib.Path) -> list[str]:
    """The command of the scenario's tool; `extra` is a file for what it reads or writes beside. `requests` above zero: a short run, for the smoke test."""
    scheme = "https" if scenario.tls else "http"
    url = f"{scheme}://127.0.0.1:{server.port}{scenario.path}"
    headers = [("Host", "localhost"), *scenario.headers]
    if scenario.tool == "wrk":
        lines = [word for name, value in headers for word in ("-H", f"{name}: {value}")]
        connections = min(scenario.connections, 8) if requests else scenario.connections
        return ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(LATENCY_LUA), *lines, url]
    if scenario.tool == "h2load":
        lines = [word for name, value in scenario.headers for word in ("-H", f"{name}: {value}")]
        length = [f"-n{requests}", "-c2"] if requests else ["-D", str(round(seconds)), f"-c{scenario.connections}"]
        return ["h2load", "-t1", f"-m{H2_STREAMS}", *length, f"--log-file={extra}", *posted(scenario, extra), *lines, url]
    words = [str(site.target() / "load"), *scenario.tool.split()[1:], "--to", f"127.0.0.1:{server.port}", "--seconds", str(seconds), *scenario.arguments]
    if scenario.tool == "load mix":
        extra.write_text("\n".join(spa.page_paths(str(site.DIST))) + "\n")
        words += ["--pages-file", str(extra)]
    if requests:
        words += ["--requests", str(requests)]
    return words


def posted(scenario: Scenario, extra: pathlib.Path) -> list[str]:
    """Lets h2load POST the content of the scenario, if it has any, from a file beside `extra`."""
    if not scenario.content:
        return []
    file = extra.with_suffix(".content")
    file.write_bytes(scenario.content.encode("latin-1"))
    return ["-d", str(file)]


def holds(scenario: Scenario) -> bool:
    """True where the client opens its connections first, and says so: the cost of a message is not that of its connection."""
    return scenario.tool == "load websocket"


class Load:
    """One run of the scenario's tool against one server, from its start to what it saw."""

    def __init__(self, scenario: Scenario, server: Server, seconds: float, requests: int, folder: pathlib.Path):
        self.scenario, self.server, self.said = scenario, server, tempfile.TemporaryFile("w+")
        self.log = folder / f"{server.peer.name}.log"
        words = command(scenario, server, seconds, requests, self.log) + (["--hold"] if holds(scenario) else [])
        self.process = processes.start(processes.LOAD_CPU, words, stdin=subprocess.PIPE, stdout=self.said, stderr=subprocess.STDOUT)
        self.deadline = time.monotonic() + seconds + SLACK_SECONDS
        if holds(scenario):
            site.wait_for(lambda: lines(self.said) > 0, self.process, SLACK_SECONDS)

    def begin(self) -> None:
        """Lets a client that has opened its connections go on."""
        if holds(self.scenario):
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()

    def is_done(self) -> bool:
        """True when it has said what it saw; an error when it never does."""
        if time.monotonic() > self.deadline:
            raise SystemExit(f"{self.scenario.name}: the load on {self.server.peer.name} does not end")
        return self.process.poll() is not None or (holds(self.scenario) and lines(self.said) > 1)

    def pause(self) -> None:
        """Stops it where it is."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def outcome(self) -> Outcome:
        """What it saw; the tool is gone afterwards."""
        self.process.stdin.close()
        self.process.wait(SLACK_SECONDS)
        processes.stop(self.process)
        self.said.seek(0)
        text = self.said.read()
        self.said.close()
        if self.process.returncode:
            raise SystemExit(f"{self.scenario.name}: {' '.join(self.process.args)} ended with {self.process.returncode}:\n{text[-2000:]}")
        return parse(self.scenario, text, self.log)


@contextlib.contextmanager
def scratch():
    """A folder in memory for what tools read and write beside."""
    with tempfile.TemporaryDirectory(prefix="transom-load-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield pathlib.Path(folder)


def run(scenario: Scenario, server: Server, seconds: float) -> Outcome:
    """Loads `server` alone for `seconds`: what latencies, requests per second and memory are taken from."""
    with scratch() as folder:
        started, load, stolen = os.times(), Load(scenario, server, seconds, 0, folder), kernel.stolen_seconds()
        before, half, pss = kernel.on_cpu_ns(server.pid), time.monotonic() + seconds / 2, 0
        load.begin()
        while not load.is_done():
            if not pss and time.monotonic() > half:
                pss = kernel.pss_kib(server.process.pid)
            time.sleep(SAMPLE_SECONDS)
        after = kernel.on_cpu_ns(server.pid)
        outcome, ended = load.outcome(), os.times()
    cost = ended.children_user - started.children_user + ended.children_system - started.children_system
    stolen = kernel.stolen_seconds() - stolen
    return dataclasses.replace(outcome, cpu_seconds=cost, server_cpu_ns=after - before, pss_kib=pss, stolen_seconds=stolen)


def run_in_slices(scenario: Scenario, servers: list[Server], seconds: float, requests: int) -> list[Outcome]:
    """Loads all servers in short slices, A B B A, for `seconds` each: what CPU time per request is taken from.

    A virtual machine changes its speed from one second to the next; within two slices it hardly does. The tools all run from the beginning, and all
    but one of them are stopped: their latencies mean nothing."""
    with scratch() as folder:
        before = [kernel.on_cpu_ns(server.pid) for server in servers]
        loads = [Load(scenario, server, seconds * len(servers), requests, folder) for server in servers]
        if holds(scenario):
            before = [kernel.on_cpu_ns(server.pid) for server in servers]
        for load in loads:
            load.pause()
        for load in loads:
            load.begin()
        turns = itertools.cycle([*loads, *reversed(loads)])
        while not all(load.is_done() for load in loads):
            load = next(turns)
            if not load.is_done():
                load.go_on()
                time.sleep(SLICE_SECONDS)
                load.pause()
        after = [kernel.on_cpu_ns(server.pid) for server in servers]
        for load in loads:
            load.go_on()
        outcomes = [load.outcome() for load in loads]
    return [dataclasses.replace(outcome, server_cpu_ns=ended - began) for outcome, began, ended in zip(outcomes, before, after)]


def lines(said) -> int:
    """How many lines a tool has written so far."""
    return os.pread(said.fileno(), 1 << 16, 0).count(b"\n")


def parse(scenario: Scenario, text: str, log: pathlib.Path) -> Outcome:
    """The output of a tool in our form."""
    if scenario.tool == "h2load":
        return parse_h2load(text, log)
    pattern = r"^RESULT (\{.*\})$" if scenario.tool == "wrk" else r"^(\{.*\})$"
    found = re.findall(pattern, text, re.M)
    if not found:
        raise SystemExit(f"{scenario.name}: no result in what {scenario.tool} said:\n{text[-2000:]}")
    said = json.loads(found[-1])
    return Outcome(said["completed"], said["errors"], said["seconds"], said["latency_us"], said.get("error_kinds", {}))


def parse_h2load(text: str, log: pathlib.Path) -> Outcome:
    """h2load counts on the terminal and writes every request to a log: start, status, microseconds."""
    done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    seconds = re.search(r"finished in ([\d.]+)(us|ms|s|m)", text)
    if not done or not seconds:
        raise SystemExit(f"h2load said:\n{text[-2000:]}")
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[seconds.group(2)]
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    succeeded, failed, _errored, _timeout = (int(part) for part in done.groups())
    # Requests that the end of the time cut off are in "total", and in none of these.
    latency = {str(point): times[min(len(times) - 1, int(len(times) * point / 100))] for point in PERCENTILES} if times else {}
    return Outcome(succeeded, failed, float(seconds.group(1)) * scale, latency)
