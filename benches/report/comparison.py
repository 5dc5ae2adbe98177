"""Two results side by side: what changed from the first to the second, and whether it is more than chance.

Only ratios are compared for load, since two runs of one machine differ by a third in absolute times.
"""
from dataclasses import dataclass

from . import figure, markdown, rows, terminal
from .result import BASELINE, OURS, Spread

HEAD = ("", "what", "first", "second", "change", "judgement")
LEFT = {0, 1, 5}
# What must be equal for two results to be comparable.
CIRCUMSTANCES = ("machine", "cpu", "cores", "kernel", "congestion", "seconds")


@dataclass(frozen=True)
class Change:
    """One figure in both results."""
    scenario: str
    what: str
    unit: str
    first: Spread
    second: Spread

    @property
    def share(self):
        """The relative change of the median."""
        return self.second.median / self.first.median - 1 if self.first.median else None

    @property
    def beyond_spread(self):
        """Whether the intervals of the two do not even touch."""
        return self.second.over(self.first) or self.first.over(self.second)

    @property
    def better(self):
        more = self.second.median > self.first.median
        return more == (self.unit == "ratio")

    @property
    def judgement(self):
        if not self.beyond_spread:
            return rows.Cell("within spread")
        text, tone = ("better", rows.GOOD) if self.better else ("worse", rows.BAD)
        if min(self.first.count, self.second.count) < 2:
            return rows.Cell(f"{text}? (measured once)")
        return rows.Cell(f"{text}, beyond spread", tone)

    def row(self):
        shown = [figure.spread(found, figure.ratio) if self.unit == "ratio" else figure.quantities(found, self.unit)
                 for found in (self.first, self.second)]
        texts = (self.scenario, self.what, *shown, figure.percent(self.share))
        return [*(rows.Cell(text) for text in texts), self.judgement]


def figures(result):
    """Ratios and absolute figures by scenario, name and unit."""
    found = {}
    for scenario in result.scenarios:
        for name in scenario.peers:
            if ratio := scenario.ratio(name):
                label = scenario.title if name == OURS else f"{scenario.title}, nginx ÷ {name}"
                found[(scenario.name, label, "ratio")] = ratio
        for value in scenario.values:
            for name, spread in value.peers.items():
                if name != BASELINE:
                    found[(scenario.name, value.what if name == OURS else f"{value.what}, {name}", value.unit)] = spread
    return found


def changes(first, second):
    """What both results measured, in the order of the second."""
    before, after = figures(first), figures(second)
    return [Change(*key, before[key], after[key]) for key in after if key in before]


def only_in_one(first, second):
    before, after = figures(first), figures(second)
    return [f"only in the first: {name}, {what}" for name, what, unit in before if (name, what, unit) not in after] + \
           [f"only in the second: {name}, {what}" for name, what, unit in after if (name, what, unit) not in before]


def differences(first, second):
    """Sentences on what was not equal between the two runs."""
    found = [f"{name}: {first.run.get(name)} and {second.run.get(name)}" for name in CIRCUMSTANCES if first.run.get(name) != second.run.get(name)]
    before, after = first.run.get("versions", {}), second.run.get("versions", {})
    names = [name for name in {**before, **after} if name != OURS and before.get(name) != after.get(name)]
    return found + [f"{name}: {before.get(name, 'absent')} and {after.get(name, 'absent')}" for name in names]


def named(result):
    return f"{result.folder.name} ({str(result.run.get('commit', '?'))[:12]})"


def print_table(first, second, stream):
    paint = terminal.Paint(stream)
    stream.write(f"first  {named(first)}\nsecond {named(second)}\n")
    for difference in differences(first, second):
        stream.write(paint(f"not equal: {difference}", rows.BAD) + "\n")
    found = changes(first, second)
    if not found:
        stream.write("nothing was measured in both\n")
        return
    terminal.write_aligned([terminal.plain(HEAD), *(change.row() for change in found)], stream, paint)
    for missing in only_in_one(first, second):
        stream.write(f"  {missing}\n")


def text(first, second):
    """The same in Markdown."""
    parts = [f"# {named(first)} and {named(second)}", "\n".join(f"- **not equal:** {difference}" for difference in differences(first, second))]
    found = [markdown.cells(change.row()) for change in changes(first, second)]
    parts.append(markdown.table(HEAD, found, LEFT) if found else "Nothing was measured in both.")
    parts.append("\n".join(f"- {missing}" for missing in only_in_one(first, second)))
    return "\n\n".join(part for part in parts if part) + "\n"
