"""A result folder read into types: `run.json`, `rounds.csv`, `latency.csv` and `values.csv`.

Medians and ranges are computed here and nowhere else, so every table and chart tells the same figures. It judges nothing (`verdict.py`) and
prints nothing (`terminal.py`, `markdown.py`, `page.py`).
"""
import csv
import json
import math
import statistics
from dataclasses import dataclass, field
from pathlib import Path

BASELINE = "nginx"
OURS = "transom"
# Another build of ours in the same run.
BASE = "base"
CONFIDENCE = 0.95
# At or above the first share of a core the load generator is full; below the second the server had time left.
GENERATOR_FULL = 0.95
SERVER_FULL = 0.9


@dataclass(frozen=True)
class Spread:
    """What several rounds said about one thing."""
    median: float
    lowest: float  # of the interval of the median
    highest: float
    count: int

    @classmethod
    def of(cls, values):
        """The spread of the known values, `None` when there is none."""
        known = sorted(value for value in values if value is not None)
        if not known:
            return None
        left_out = outside_interval(len(known))
        return cls(statistics.median(known), known[left_out], known[-1 - left_out], len(known))

    def over(self, other):
        """Whether this is more than the other by more than both scatter."""
        return self.lowest > other.highest


def outside_interval(count):
    """How many values at each end are outside of the interval that has the true median with `CONFIDENCE`.

    A round is below the true median as often as above it, so how many of `count` are below is binomial. That holds for every distribution; up to
    eight rounds the interval is their whole range (of five, with 94 %)."""
    outside, probability = 0, 0.0
    for below in range(count // 2):
        probability += math.comb(count, below) / 2 ** count
        if 2 * probability > 1 - CONFIDENCE:
            break
        outside = below
    return outside


@dataclass(frozen=True)
class Round:
    """One peer under load once; an unknown field is `None`."""
    number: int
    completed: float | None
    errors: float | None
    cpu_ns: float | None
    per_second: float | None
    p50_us: float | None
    p90_us: float | None
    p99_us: float | None
    p999_us: float | None
    generator_cpu: float | None
    server_cpu: float | None
    pss_kib: float | None

    @property
    def cpu_us(self):
        """CPU time per completed request."""
        return self.cpu_ns / self.completed / 1000 if self.cpu_ns is not None and self.completed else None


@dataclass
class Peer:
    """The rounds of one server in one scenario."""
    name: str
    rounds: list[Round] = field(default_factory=list)
    latency: dict[float, Spread] = field(default_factory=dict)  # percentile: microseconds

    def spread(self, what):
        """The spread of a field of `Round` over the rounds."""
        return Spread.of([getattr(round, what) for round in self.rounds])

    def median(self, what):
        values = self.spread(what)
        return values.median if values else None

    @property
    def errors(self):
        known = [round.errors for round in self.rounds if round.errors is not None]
        return int(sum(known)) if known else None

    @property
    def generator_bound(self):
        """Whether the load generator was the bottleneck, so that requests per second understate the server."""
        generator, server = self.median("generator_cpu"), self.median("server_cpu")
        return generator is not None and server is not None and generator >= GENERATOR_FULL and server < SERVER_FULL


@dataclass
class Value:
    """A figure that stands for itself, such as memory a connection or time to first byte: one spread a peer."""
    what: str
    unit: str
    peers: dict[str, Spread]
    gate: float | None = None
    stretch: float | None = None


@dataclass
class Scenario:
    name: str
    title: str
    group: str
    shows: str
    unequal: str
    gate: float | None
    stretch: float | None
    unit: str
    peers: dict[str, Peer] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)

    def ratio(self, peer=OURS, to=BASELINE, what="cpu_us"):
        """CPU per request (or another field of `Round`) of nginx (or of the peer `to`) over that of the peer, round by round: above 1 the peer needs less."""
        if to not in self.peers or peer not in self.peers or peer == to:
            return None
        baseline = {round.number: getattr(round, what) for round in self.peers[to].rounds}
        pairs = [(baseline.get(round.number), getattr(round, what)) for round in self.peers[peer].rounds]
        return Spread.of([theirs / ours for theirs, ours in pairs if theirs and ours])


@dataclass
class Result:
    folder: Path
    run: dict
    scenarios: list[Scenario]

    def peers(self):
        """Every peer that was measured: nginx, Transom, then the others by name."""
        names = {name for scenario in self.scenarios for name in scenario.peers}
        names |= {name for scenario in self.scenarios for value in scenario.values for name in value.peers}
        return in_order(names)


def in_order(names):
    """nginx and Transom first, then the rest by name."""
    first = {BASELINE: 0, OURS: 1}
    return sorted(names, key=lambda name: (first.get(name, 2), name))


def read(folder):
    """The result in a folder. Only `run.json` must be there; a table that is missing is a table without rows."""
    folder = Path(folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    scenarios = {}
    for entry in run.get("scenarios", []):
        scenarios[entry["name"]] = Scenario(
            entry["name"], entry.get("title", entry["name"]), entry.get("group", ""), entry.get("shows", ""), entry.get("unequal", ""),
            entry.get("gate"), entry.get("stretch"), entry.get("unit", "ratio"))
    read_rounds(rows(folder / "rounds.csv"), scenarios)
    read_latency(rows(folder / "latency.csv"), scenarios)
    read_values(rows(folder / "values.csv"), scenarios)
    for scenario in scenarios.values():
        scenario.peers = {name: scenario.peers[name] for name in in_order(scenario.peers)}
    return Result(folder, run, list(scenarios.values()))


def rows(path):
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def figure(cell):
    return float(cell) if cell not in (None, "") else None


def of_name(scenarios, name):
    """The scenario of a row; one that `run.json` does not list is shown under its name instead of being dropped."""
    return scenarios.setdefault(name, Scenario(name, name, "", "", "", None, None, "ratio"))


def read_rounds(table, scenarios):
    columns = [name for name in Round.__dataclass_fields__ if name != "number"]
    for row in table:
        peers = of_name(scenarios, row["scenario"]).peers
        peer = peers.setdefault(row["peer"], Peer(row["peer"]))
        peer.rounds.append(Round(int(row["round"]), **{name: figure(row.get(name)) for name in columns}))


def read_latency(table, scenarios):
    found = {}
    for row in table:
        found.setdefault((row["scenario"], row["peer"], float(row["percentile"])), []).append(figure(row["us"]))
    for (scenario, name, percentile), times in sorted(found.items()):
        peer = of_name(scenarios, scenario).peers.setdefault(name, Peer(name))
        if spread := Spread.of(times):
            peer.latency[percentile] = spread


def read_values(table, scenarios):
    found = {}
    for row in table:
        by_peer = found.setdefault((row["scenario"], row["what"], row["unit"]), {})
        by_peer.setdefault(row["peer"], []).append(figure(row["value"]))
    for (name, what, unit), by_peer in found.items():
        scenario = of_name(scenarios, name)
        spreads = {peer: Spread.of(by_peer[peer]) for peer in in_order(by_peer)}
        # The target of a scenario belongs to the values in its unit: one scenario may also record what has none, such as bytes sent.
        targets = (scenario.gate, scenario.stretch) if unit == scenario.unit else (None, None)
        scenario.values.append(Value(what, unit, {peer: spread for peer, spread in spreads.items() if spread}, *targets))
