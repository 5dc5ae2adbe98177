"""A scenario of load: all peers are started together, compared, warmed, and then loaded: in slices for the CPU, alone for the latencies."""
from __future__ import annotations

import dataclasses
import statistics
from typing import NamedTuple

from . import generator, kernel, verify
from .generator import Outcome
from .peer import Peer, Server
from .progress import Progress
from .record import Record
from .scenario import Scenario
from .site import Ground

WARM_SECONDS = 1.0
# Rounds after which latencies, requests per second and memory are not measured any more, where they are not the point.
ALONE_ROUNDS_MAX = 5
# The load CPU is full and the server's is not: more load would have been served.
BOUND_SHARE, FREE_SHARE = 0.95, 0.9
# The host of a virtual machine takes so much of a core that the slowest requests are those that it kept waiting.
STOLEN_SHARE = 0.01
PERCENT_COLUMNS = {"50": "p50_us", "90": "p90_us", "99": "p99_us", "99.9": "p999_us"}


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured. `requests` above zero is the smoke test: a few requests, no verdict."""

    rounds: int = 9
    seconds: float = 1.0
    requests: int = 0


class Shares(NamedTuple):
    """Of one core, in one run: what the load and the API used, what the server used, and what the host took."""

    load: float
    server: float
    stolen: float


def start(peers: list[Peer], ground: Ground, scenario: Scenario) -> list[Server]:
    """Starts all peers together and waits for them."""
    return [server.wait() for server in [Server(peer, ground.folder(scenario.site), scenario) for peer in peers]]


def run(scenario: Scenario, servers: list[Server], ground: Ground, effort: Effort, record: Record, progress: Progress) -> None:
    """Measures a scenario of load on running, compared servers."""
    if not effort.requests:
        for server in servers:
            generator.run(scenario, server, WARM_SECONDS)
        progress.advance(WARM_SECONDS * len(servers))
    shares: dict[str, list[Shares]] = {server.peer.name: [] for server in servers}
    for turn in range(1, effort.rounds + 1):
        progress.show(f"{scenario.name}: round {turn} of {effort.rounds}")
        order = servers if turn % 2 else servers[::-1]
        outcomes = generator.run_in_slices(scenario, order, effort.seconds, effort.requests)
        progress.advance(effort.seconds * len(servers))
        for server, outcome in zip(order, outcomes):
            alone = outcome if effort.requests else None
            if turn <= alone_rounds(scenario, effort):
                progress.show(f"{scenario.name}: latencies of {server.peer.name}")
                alone = measured_alone(scenario, server, ground, effort, shares[server.peer.name])
                progress.advance(effort.seconds)
            keep(scenario, server, turn, (outcome, alone), record)
    for name, found in shares.items():
        note_conditions(scenario, name, found, record)


def alone_rounds(scenario: Scenario, effort: Effort) -> int:
    """How many rounds have a run of each server alone."""
    if effort.requests:
        return 0
    return effort.rounds if scenario.latency else min(effort.rounds, ALONE_ROUNDS_MAX)


def measured_alone(scenario: Scenario, server: Server, ground: Ground, effort: Effort, shares: list[Shares]) -> Outcome:
    """A server under load by itself; `shares` gets those of this run."""
    api = kernel.on_cpu_ns(ground.api.pid)
    outcome = generator.run(scenario, server, effort.seconds)
    api_seconds = (kernel.on_cpu_ns(ground.api.pid) - api) / 1e9
    used = (outcome.cpu_seconds + api_seconds, outcome.server_cpu_ns / 1e9, outcome.stolen_seconds)
    shares.append(Shares(*(seconds / outcome.seconds for seconds in used)))
    return dataclasses.replace(outcome, cpu_seconds=outcome.cpu_seconds + api_seconds)


def keep(scenario: Scenario, server: Server, turn: int, outcomes: tuple[Outcome, Outcome | None], record: Record) -> None:
    """One row: CPU and requests from the slices, the rest from the run alone, where there was one."""
    sliced, alone = outcomes
    name, cells = server.peer.name, {}
    if alone:
        cells = {column: alone.latency_us.get(point, "") for point, column in PERCENT_COLUMNS.items()}
        if alone.seconds:
            cells |= {"per_second": round(alone.completed / alone.seconds, 1), "generator_cpu": share(alone.cpu_seconds, alone.seconds),
                      "server_cpu": share(alone.server_cpu_ns / 1e9, alone.seconds), "stolen": share(alone.stolen_seconds, alone.seconds)}
        for point, microseconds in alone.latency_us.items():
            record.row("latency", scenario=scenario.name, peer=name, round=turn, percentile=point, us=microseconds)
    errors = sliced.errors + (alone.errors if alone and alone is not sliced else 0)
    record.row("rounds", scenario=scenario.name, peer=name, round=turn, seconds=round(sliced.seconds, 3), completed=sliced.completed, errors=errors,
               cpu_ns=sliced.server_cpu_ns, pss_kib=alone.pss_kib if alone and alone.pss_kib else kernel.pss_kib(server.process.pid), **cells)
    for outcome in (sliced, alone):
        for kind, count in outcome.error_kinds.items() if outcome else ():
            record.note(f"{scenario.name}, {name}: {count} × {kind}")


def share(used: float, seconds: float) -> float:
    """Of one core."""
    return round(min(used / seconds, 1.0), 3)


def note_conditions(scenario: Scenario, name: str, shares: list[Shares], record: Record) -> None:
    """Says so where the load generator was full before the server was, and where the machine was somebody else's."""
    if not shares:
        return
    load, served = statistics.median(each.load for each in shares), statistics.median(each.server for each in shares)
    if load >= BOUND_SHARE and served < FREE_SHARE:
        record.note(f"{scenario.name}: the load generator was the bottleneck against {name} (its CPU {min(load, 1):.0%}, the server's {served:.0%}): "
                    "requests per second and latencies are the generator's, CPU per request is the server's.")
    stolen = statistics.median(each.stolen for each in shares)
    if stolen >= STOLEN_SHARE:
        record.note(f"{scenario.name}: the host took {stolen:.0%} of a core while {name} was measured alone: the slowest requests are those that it kept waiting.")


def check(scenario: Scenario, servers: list[Server], record: Record) -> list[Server]:
    """The comparison before the run; gives those that are measured. What each body weighs is recorded where it may differ."""
    sizes, odd = verify.compare(scenario, servers)
    for text in odd.values():
        record.note(f"left out: {text}")
    if scenario.body == "decoded":
        for name, size in sizes.items():
            record.value(scenario.name, name, "body", 1, (size, "B"))
    return [server for server in servers if server.peer.name in sizes]
