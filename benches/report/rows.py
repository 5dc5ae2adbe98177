"""The figures of a result as rows of text cells: the one source of the terminal's, the Markdown's and the page's tables.

It knows no colours and no markup; a cell carries a tone and each output decides what that looks like.
"""
from dataclasses import dataclass

from . import figure, verdict
from .result import BASE, BASELINE, OURS, in_order

GOOD, BAD, PLAIN = "good", "bad", "plain"
LOAD_HEAD = ("peer", "CPU µs", "req/s", "p50", "p99", "p99.9", "errors", "memory", "p99, nginx ÷ peer", "nginx ÷ peer", "verdict")
# The columns of words.
LOAD_LEFT = {LOAD_HEAD.index("peer"), LOAD_HEAD.index("verdict")}
RATIO_HEAD = ("", "scenario", "gate", "stretch", "nginx ÷ Transom", "verdict")


@dataclass(frozen=True)
class Cell:
    text: str
    tone: str = PLAIN


def tone(judged):
    if judged.bad:
        return BAD
    return GOOD if judged.reached in (verdict.Reached.STRETCH, verdict.Reached.GATE) else PLAIN


def ratio_text(scenario, name, what="cpu_us"):
    if name == BASELINE:
        return "1"
    return figure.spread(scenario.ratio(name, what=what), figure.ratio)


def ratio_row(scenario, others):
    """One scenario with its targets, the ratio of Transom, the verdict, and the ratios of the other peers."""
    judged = verdict.of_ratio(scenario)
    cells = [Cell(scenario.name), Cell(scenario.title), Cell(figure.target(scenario.gate, "ratio")), Cell(figure.target(scenario.stretch, "ratio")),
             Cell(ratio_text(scenario, OURS), tone(judged)), Cell(judged.text, tone(judged))]
    return cells + [Cell(ratio_text(scenario, name)) for name in others]


def load_rows(scenario):
    """One row a peer: what it cost, what it delivered, how long it took."""
    return [load_row(scenario, peer) for peer in scenario.peers.values()]


def load_row(scenario, peer):
    errors = peer.errors
    memory = peer.median("pss_kib")
    cells = [Cell(peer.name), Cell(figure.number(peer.median("cpu_us"))), Cell(figure.number(rounded(peer.median("per_second"))))]
    cells += [Cell(figure.time(peer.median(what))) for what in ("p50_us", "p99_us", "p999_us")]
    cells.append(Cell(figure.UNKNOWN if errors is None else f"{errors:,}", BAD if errors else PLAIN))
    cells.append(Cell(figure.quantity(memory, "KiB")))
    marks = ["generator-bound"] if peer.generator_bound else []
    shade = PLAIN
    if peer.name == OURS:
        judged = verdict.of_ratio(scenario)
        marks.insert(0, judged.text)
        shade = tone(judged)
    cells += [Cell(ratio_text(scenario, peer.name, "p99_us")), Cell(ratio_text(scenario, peer.name), shade)]
    return cells + [Cell(", ".join(marks), shade)]


def rounded(value):
    return value if value is None or value < 100 else round(value)


def value_head(result):
    return ["", "what", "gate", "stretch", *value_peers(result), "verdict"]


def value_peers(result):
    return in_order({name for scenario in result.scenarios for value in scenario.values for name in value.peers})


def value_rows(result):
    """One row an absolute figure, one column a peer."""
    names = value_peers(result)
    table = []
    for scenario in result.scenarios:
        for value in scenario.values:
            judged = verdict.of_value(value)
            targets = [Cell(figure.target(target, value.unit)) for target in (value.gate, value.stretch)]
            cells = [Cell(scenario.name), Cell(value.what), *targets]
            for name in names:
                text = figure.quantities(value.peers.get(name), value.unit)
                cells.append(Cell(text, tone(judged) if name == OURS else PLAIN))
            table.append(cells + [Cell(judged.text, tone(judged))])
    return table


BASE_HEAD = ("", "scenario", "base ÷ Transom", "judgement")


def base_rows(result):
    """One row a scenario in which another build of ours took part: which of the two needs less CPU a request, where that is certain."""
    found = [(scenario, scenario.ratio(OURS, BASE)) for scenario in result.scenarios]
    return [[Cell(scenario.name), Cell(scenario.title), Cell(figure.spread(ratio, figure.ratio)), base_judgement(ratio)] for scenario, ratio in found if ratio]


def base_judgement(ratio):
    if ratio.lowest > 1:
        return Cell("less CPU than the base", GOOD)
    return Cell("more CPU than the base", BAD) if ratio.highest < 1 else Cell("no difference that is certain")


def ratio_scenarios(result):
    return [scenario for scenario in result.scenarios if scenario.unit == "ratio"]


def other_peers(result):
    """The peers beside nginx and Transom that were under load."""
    return in_order({name for scenario in result.scenarios for name in scenario.peers} - {BASELINE, OURS})


def facts(run):
    """Machine, versions, commit and command: pairs of a label and a text."""
    dirty = " with uncommitted changes" if run.get("dirty") else ""
    return [("date", str(run.get("date", "?"))),
            ("machine", f"{run.get('machine', '?')}: {run.get('cores', '?')} × {run.get('cpu', '?')}, Linux {run.get('kernel', '?')}, TCP by {run.get('congestion', '?')}"),
            ("commit", f"{run.get('commit', '?')}{dirty}"),
            ("versions", "; ".join(f"{name} {version}" for name, version in run.get("versions", {}).items()) or "?"),
            ("command", str(run.get("command", "?"))),
            ("rounds", f"{run.get('rounds', '?')} of {run.get('seconds', '?')} s")]


METHOD = ("Every server has one worker on CPU 0 and the load comes from CPU 1; the servers are warmed and then loaded in turns of 20 ms, round by round. "
          "A ratio is nginx's CPU time per completed request over the peer's in the same round, the median of the rounds, with its 95 % interval "
          "in parentheses: above 1 the peer needs less. Requests per second and times are medians of runs alone, and where a row says "
          "generator-bound the load generator was full before the server was, so its requests per second understate it.")
