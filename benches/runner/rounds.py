"""A scenario of load: all peers are started together, compared, warmed, and then loaded in turns, A B B A."""
from __future__ import annotations

import dataclasses
import statistics

from . import generator, kernel, verify
from .peer import Peer, Server
from .progress import Progress
from .record import Record
from .scenario import Scenario
from .site import Ground

WARM_SECONDS = 1.0
# The load CPU is full and the server's is not: more load would have been served.
BOUND_SHARE, FREE_SHARE = 0.95, 0.9
PERCENT_COLUMNS = {"50": "p50_us", "90": "p90_us", "99": "p99_us", "99.9": "p999_us"}


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured. `requests` above zero is the smoke test: a few requests, no verdict."""

    rounds: int = 17
    seconds: float = 1.0
    requests: int = 0


def start(peers: list[Peer], ground: Ground, scenario: Scenario) -> list[Server]:
    """Starts all peers together and waits for them."""
    return [server.wait() for server in [Server(peer, ground.folder(scenario.site), scenario) for peer in peers]]


def run(scenario: Scenario, servers: list[Server], ground: Ground, effort: Effort, record: Record, progress: Progress) -> None:
    """Measures a scenario of load on running, compared servers."""
    if not effort.requests:
        for server in servers:
            generator.run(scenario, server, WARM_SECONDS, 0)
        progress.advance(WARM_SECONDS * len(servers))
    bound = {server.peer.name: [] for server in servers}
    for turn in range(1, effort.rounds + 1):
        # A B, B A, A B: a machine that slowly speeds up or slows down favours neither.
        for server in servers if turn % 2 else reversed(servers):
            progress.show(f"{scenario.name}: round {turn} of {effort.rounds}, {server.peer.name}")
            shares = one(scenario, server, ground, (turn, effort), record)
            bound[server.peer.name].append(shares)
            progress.advance(effort.seconds)
    for name, shares in bound.items() if not effort.requests else ():
        load, served = statistics.median(share[0] for share in shares), statistics.median(share[1] for share in shares)
        if load >= BOUND_SHARE and served < FREE_SHARE:
            record.note(f"{scenario.name}: the load generator was the bottleneck against {name} (its CPU {min(load, 1):.0%}, the server's {served:.0%}): "
                        "requests per second and latencies are the generator's, CPU per request is the server's.")


def one(scenario: Scenario, server: Server, ground: Ground, turn: tuple[int, Effort], record: Record) -> tuple[float, float]:
    """One round of one server; gives the CPU shares of the load's core and of the server."""
    number, effort = turn
    api = kernel.on_cpu_ns(ground.api.pid)
    outcome = generator.run(scenario, server, effort.seconds, effort.requests)
    cpu_ns = outcome.server_cpu_ns
    api_seconds = (kernel.on_cpu_ns(ground.api.pid) - api) / 1e9
    load_share = (outcome.cpu_seconds + api_seconds) / outcome.seconds if outcome.seconds else 0
    server_share = cpu_ns / 1e9 / outcome.seconds if outcome.seconds else 0
    name = server.peer.name
    record.row("rounds", scenario=scenario.name, peer=name, round=number, seconds=round(outcome.seconds, 3), completed=outcome.completed, errors=outcome.errors,
               cpu_ns=cpu_ns, per_second=round(outcome.completed / outcome.seconds, 1) if outcome.seconds else 0, generator_cpu=round(min(load_share, 1.0), 3),
               server_cpu=round(min(server_share, 1.0), 3), pss_kib=outcome.pss_kib or kernel.pss_kib(server.process.pid),
               **{column: outcome.latency_us.get(point, "") for point, column in PERCENT_COLUMNS.items()})
    for point, microseconds in outcome.latency_us.items():
        record.row("latency", scenario=scenario.name, peer=name, round=number, percentile=point, us=microseconds)
    for kind, count in outcome.error_kinds.items():
        record.note(f"{scenario.name}, {name}: {count} × {kind}")
    return load_share, server_share


def check(scenario: Scenario, servers: list[Server], record: Record) -> list[Server]:
    """The comparison before the run; gives those that are measured. What each body weighs is recorded where it may differ."""
    sizes, odd = verify.compare(scenario, servers)
    for text in odd.values():
        record.note(f"left out: {text}")
    if scenario.body == "decoded":
        for name, size in sizes.items():
            record.value(scenario.name, name, "body", 1, (size, "B"))
    return [server for server in servers if server.peer.name in sizes]
