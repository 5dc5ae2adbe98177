"""Load: wrk, h2load, and our own client (benches/client), each run on the load CPU and brought to one form."""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
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
        return ["h2load", "-t1", f"-m{H2_STREAMS}", *length, f"--log-file={extra}", *lines, url]
    words = [str(site.target() / "load"), *scenario.tool.split()[1:], "--to", f"127.0.0.1:{server.port}", "--seconds", str(seconds), *scenario.arguments]
    if scenario.tool == "load mix":
        extra.write_text("\n".join(spa.page_paths(str(site.DIST))) + "\n")
        words += ["--pages-file", str(extra)]
    if requests:
        words += ["--requests", str(requests)]
    return words


def holds(scenario: Scenario) -> bool:
    """True where the client opens its connections first, and says so: the cost of a message is not that of its connection."""
    return scenario.tool == "load websocket"


def run(scenario: Scenario, server: Server, seconds: float, requests: int) -> Outcome:
    """Loads `server` for `seconds`; memory is looked at while it runs."""
    with tempfile.TemporaryDirectory(prefix="transom-load-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        extra = pathlib.Path(folder) / "extra"
        words = command(scenario, server, seconds, requests, extra)
        costs = watched(scenario, server, words + (["--hold"] if holds(scenario) else []), seconds)
        outcome = parse(scenario, costs.pop("text"), extra)
    return dataclasses.replace(outcome, **costs)


def watched(scenario: Scenario, server: Server, words: list[str], seconds: float) -> dict:
    """Runs the tool to its end; what it said, what it and the server cost meanwhile, and the server's memory half-way."""
    with tempfile.TemporaryFile("w+") as said:
        started = os.times()
        process = processes.start(processes.LOAD_CPU, words, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT)
        if holds(scenario):
            site.wait_for(lambda: lines(said) > 0, process, SLACK_SECONDS)
        end = time.monotonic() + seconds + SLACK_SECONDS
        before, half, pss = kernel.on_cpu_ns(server.pid), time.monotonic() + seconds / 2, 0
        if holds(scenario):
            process.stdin.write(b"\n")
            process.stdin.flush()
        while process.poll() is None and not (holds(scenario) and lines(said) > 1):
            if time.monotonic() > end:
                raise SystemExit(f"{scenario.name}: the load on {server.peer.name} does not end")
            if not pss and time.monotonic() > half:
                pss = kernel.pss_kib(server.process.pid)
            time.sleep(SAMPLE_SECONDS)
        after = kernel.on_cpu_ns(server.pid)
        process.stdin.close()
        process.wait(SLACK_SECONDS)
        ended = os.times()
        processes.stop(process)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"{scenario.name}: {' '.join(process.args)} ended with {process.returncode}:\n{text[-2000:]}")
    cost = ended.children_user - started.children_user + ended.children_system - started.children_system
    return {"text": text, "cpu_seconds": cost, "server_cpu_ns": after - before, "pss_kib": pss}


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
