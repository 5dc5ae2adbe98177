"""What a figure is worth: against its targets, and against nginx.

A ratio has least values, an absolute figure most. The median decides; it is compared as measured, not as printed.
"""
from dataclasses import dataclass
from enum import Enum

from .result import BASELINE, OURS


class Reached(Enum):
    STRETCH = "reached stretch"
    GATE = "reached gate"
    BELOW = "below gate"
    NO_TARGET = "no target"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Verdict:
    reached: Reached
    loses: bool  # Transom needs more than nginx

    @property
    def text(self):
        if not self.loses:
            return self.reached.value
        return "loses" if self.reached is Reached.NO_TARGET else f"{self.reached.value}, loses"

    @property
    def bad(self):
        return self.loses or self.reached is Reached.BELOW


def of_ratio(scenario):
    """The verdict on the ratio of Transom in a scenario."""
    ratio = scenario.ratio()
    if ratio is None:
        return Verdict(Reached.NOT_MEASURED, False)
    # The targets of a scenario in another unit are for its values.
    gate, stretch = (scenario.gate, scenario.stretch) if scenario.unit == "ratio" else (None, None)
    return Verdict(reached(gate, stretch, lambda least: ratio.median >= least), ratio.median < 1)


def of_value(value):
    """The verdict on an absolute figure of Transom; less is better."""
    ours, theirs = value.peers.get(OURS), value.peers.get(BASELINE)
    if ours is None:
        return Verdict(Reached.NOT_MEASURED, False)
    loses = theirs is not None and ours.median > theirs.median
    return Verdict(reached(value.gate, value.stretch, lambda most: ours.median <= most), loses)


def reached(gate, stretch, holds):
    if gate is None and stretch is None:
        return Reached.NO_TARGET
    if stretch is not None and holds(stretch):
        return Reached.STRETCH
    if gate is None or holds(gate):
        # A stretch target without a gate is an aim only: missing it breaks no promise.
        return Reached.NO_TARGET if gate is None else Reached.GATE
    return Reached.BELOW


def label(scenario, value):
    """A figure by its scenario and itself, once where both say the same."""
    return value.what if value.what.lower() in scenario.title.lower() else f"{scenario.title}: {value.what}"


def all_of(result):
    """Every verdict of a result, ratios and values: pairs of a label and a verdict."""
    found = []
    for scenario in result.scenarios:
        if scenario.unit == "ratio":
            found.append((scenario.title, of_ratio(scenario)))
        found += [(label(scenario, value), of_value(value)) for value in scenario.values]
    return found
