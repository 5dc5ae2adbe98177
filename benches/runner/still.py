"""What is measured without load: memory of an idle process and of idle connections, and the time to start. A fresh server for each figure."""
from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time

from . import kernel, processes, site
from .peer import Peer, Server
from .record import Record
from .rounds import Effort
from .scenario import Scenario
from .site import Ground

SETTLE_SECONDS = 0.4
WARM_CONNECTIONS = 50
TURNS_MAX = 7
SMOKE_CONNECTIONS = 4
# Files of a server beside those of its connections; and of a WebSocket: the client's and the API's.
OWN_FILES = 100
FILES_EACH = 2


def run(scenario: Scenario, peer: Peer, ground: Ground, effort: Effort, record: Record) -> None:
    """Measures a scenario of single values for one peer."""
    for turn in range(1, (1 if effort.requests else min(effort.rounds, TURNS_MAX)) + 1):
        if scenario.tool == "start":
            record.value(scenario.name, peer.name, "first byte, 1000 files", turn, (first_byte_ms(scenario, peer, ground), "ms"))
            continue
        with closing(Server(peer, ground.folder(scenario.site), scenario)) as server:
            server.wait()
            if scenario.tool == "process":
                settle(effort)
                record.value(scenario.name, peer.name, "process, idle", turn, (kernel.pss_kib(server.process.pid) / 1024, "MiB"))
            else:
                count = SMOKE_CONNECTIONS if effort.requests else possible(scenario, record)
                record.value(scenario.name, peer.name, scenario.title, turn, (connection_kib(scenario, server, effort, count), "KiB"))


@contextlib.contextmanager
def closing(server: Server):
    """Ends the server whatever happens."""
    try:
        yield server
    finally:
        server.stop()


def settle(effort: Effort) -> None:
    """Memory is looked at when work has come to rest."""
    time.sleep(0 if effort.requests else SETTLE_SECONDS)


def possible(scenario: Scenario, record: Record) -> int:
    """As many connections as the scenario asks for, or as a server may have files for."""
    most = (processes.files_allowed() - OWN_FILES) // FILES_EACH - WARM_CONNECTIONS
    if most < scenario.count:
        record.note(f"{scenario.name}: {most} connections, because a process may open no more than {processes.files_allowed()} files here.")
    return min(most, scenario.count)


def connection_kib(scenario: Scenario, server: Server, effort: Effort, count: int) -> float:
    """Growth of Pss for each of `count` connections; some are opened before, so that what is made once is not counted."""
    with idle(scenario, server, WARM_CONNECTIONS if not effort.requests else 1):
        settle(effort)
        before = kernel.pss_kib(server.process.pid)
        with idle(scenario, server, count):
            settle(effort)
            return (kernel.pss_kib(server.process.pid) - before) / count


@contextlib.contextmanager
def idle(scenario: Scenario, server: Server, count: int):
    """Holds `count` connections open with our client."""
    command = [str(site.target() / "load"), "idle", "--to", f"127.0.0.1:{server.port}", "--count", str(count), *scenario.arguments]
    process = processes.start(processes.LOAD_CPU, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said = json.loads(process.stdout.readline() or "{}")
        if said.get("open") != count or said.get("errors"):
            raise SystemExit(f"{scenario.name}: {server.peer.name} does not hold {count} connections: {said}")
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        processes.stop(process)


def first_byte_ms(scenario: Scenario, peer: Peer, ground: Ground) -> float:
    """From exec to the first byte of an answer."""
    folder = ground.folder("many")
    began = time.monotonic()
    with closing(Server(peer, folder, scenario)) as server:
        while True:
            if server.process.poll() is not None:
                raise SystemExit(f"{scenario.name}: {peer.name} ended at its start")
            try:
                with socket.create_connection(("127.0.0.1", server.port), 5) as stream:
                    stream.sendall(b"GET /1k.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if stream.recv(64).startswith(b"HTTP/1.1 200"):
                        return (time.monotonic() - began) * 1000
            except OSError:
                pass
            if time.monotonic() - began > 20:
                raise SystemExit(f"{scenario.name}: {peer.name} does not answer")
            time.sleep(0.0005)
